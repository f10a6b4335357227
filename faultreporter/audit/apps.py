from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from faultreporter.audit import receivers


class AuditConfig(AppConfig):
    name = "faultreporter.audit"
    verbose_name = _("Audit")

    def ready(self) -> None:
        # One sender only: post_migrate is sent once per app, and every table exists by then.
        post_migrate.connect(receivers.install_triggers, sender=self)
