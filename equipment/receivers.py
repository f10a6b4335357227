"""What the machines answer to news from the location tree."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext

from equipment.models import Equipment
from faultreporter.errors import HasChildren
from locations.extensions import Pin
from locations.models import Location, drawn_on_plan_of
from locations.signals import location_deleting


@receiver(location_deleting)
def refuse_while_machines_stand_there(location: Location, **kwargs: Any) -> None:
    if Equipment.objects.living().filter(location=location).exists():
        raise HasChildren(gettext("There are machines in it; move or delete them first."))


def machines_on_plan(location: Location) -> list[Pin]:
    """Those with a pin of their own, wherever below this plan they stand."""
    machines = Equipment.objects.living().filter(location__in=drawn_on_plan_of(location.pk), plan_x__isnull=False)
    return [
        Pin(
            kind="EQUIPMENT",
            id=str(m.pk),
            code=m.equipment_code,
            name=m.equipment_name,
            x=m.plan_x or 0,
            y=m.plan_y or 0,
        )
        for m in machines.order_by("equipment_code")
    ]
