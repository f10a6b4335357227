from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SchedulesConfig(AppConfig):
    name = "faultreporter.schedules"
    verbose_name = _("Schedules")
