from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LiveConfig(AppConfig):
    name = "faultreporter.live"
    verbose_name = _("live streams")

    def ready(self) -> None:
        from faultreporter.live import metrics  # noqa: F401 - what is asked at every scrape
