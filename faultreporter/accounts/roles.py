"""The four roles, and what each may do in the back office. What they may do over REST is in `api.permissions`."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMIN = "ADMIN", _("Administrator")
    MANAGER = "MANAGER", _("Manager")
    TECHNICIAN = "TECHNICIAN", _("Technician")
    REPORTER = "REPORTER", _("Reporter")


class Scope(models.TextChoices):
    """What an API token is good for, within what its owner may do."""

    READ = "READ", _("Read")
    WRITE = "WRITE", _("Write")


# Apps of the administrators: people and their tokens, the record of who did what, the machinery.
ADMINISTRATION = frozenset({"accounts", "audit", "auditlog", "outbox", "api", "axes", "sessions", "django_celery_beat"})
# What managers may look up there.
MANAGER_READS = frozenset({"accounts.view_user", "accounts.view_module"})


def may(role: str, perm: str) -> bool:
    """Whether people of this role have a back-office permission such as `equipment.change_equipment`."""
    if role == Role.ADMIN:
        return True
    return role == Role.MANAGER and (perm.partition(".")[0] not in ADMINISTRATION or perm in MANAGER_READS)
