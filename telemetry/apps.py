from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class TelemetryConfig(AppConfig):
    name = "telemetry"
    verbose_name = _("Telemetry")

    def ready(self) -> None:
        from faultreporter.live import hub
        from telemetry import detail, live, metrics, receivers  # noqa: F401 - metrics adds itself; no models before ready()
        from telemetry.mqtt import watching

        hub.register(live.Directory())
        detail.register()
        watching.register()
        post_migrate.connect(receivers.make_partitions, sender=self)
