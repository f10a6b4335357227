from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EquipmentConfig(AppConfig):
    name = "equipment"
    verbose_name = _("Equipment")

    def ready(self) -> None:
        from equipment.receivers import machines_on_plan
        from locations.extensions import register_pins

        register_pins(machines_on_plan)
