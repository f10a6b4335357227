"""What the roles may do in the back office, and what API tokens are good for. Rules over REST: `api.permissions`."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from faultreporter.roles import Role


class Scope(models.TextChoices):
    """What an API token is good for, within what its owner may do. WRITE goes with READ."""

    READ = "READ", _("Read")
    WRITE = "WRITE", _("Write")


# Apps of the administrators: people and their tokens, the record of who did what, the machinery.
ADMINISTRATION = frozenset(
    {
        "notifications",
        "accounts",
        "audit",
        "auditlog",
        "outbox",
        "api",
        "axes",
        "sessions",
        "django_celery_beat",
        "webhooks",
    }
)
# What managers may look up there.
MANAGER_READS = frozenset({"accounts.view_user", "accounts.view_module"})


def may(role: str, permission: str) -> bool:
    """Whether people of this role have a back-office permission such as `equipment.change_equipment`."""
    if role == Role.ADMIN:
        return True
    app_label = permission.partition(".")[0]
    return role == Role.MANAGER and (app_label not in ADMINISTRATION or permission in MANAGER_READS)
