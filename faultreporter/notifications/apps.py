from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "faultreporter.notifications"
    label = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from faultreporter.notifications import metrics, receivers  # noqa: F401 - connects them; models aren't loaded before
