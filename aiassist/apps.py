from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AiAssistConfig(AppConfig):
    name = "aiassist"
    verbose_name = _("AI assistance")

    def ready(self) -> None:
        # Connecting receivers is what ready() is for; the models must be loaded first.
        from aiassist import metrics, receivers  # noqa: F401
