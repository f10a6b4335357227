from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from faultreporter.outbox.duties import Duty, register


class AlertsConfig(AppConfig):
    name = "alerts"
    verbose_name = _("Alerts")

    def ready(self) -> None:
        from alerts import detail, receivers, watchdog  # noqa: F401 - connects them; models aren't there before ready()
        from faultreporter.api.health import register_check  # it knows models, too
        from faultreporter.api.metrics import further

        register_check("escalations", watchdog.health)
        further.append(watchdog.OverdueEscalations())
        register(Duty("watch escalations", watchdog.EVERY, watchdog.watch))
