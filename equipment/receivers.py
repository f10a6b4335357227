"""What the machines answer to news from the location tree."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext

from equipment.models import Equipment
from faultreporter.errors import HasChildren
from locations.models import Location
from locations.signals import location_deleting


@receiver(location_deleting)
def refuse_while_machines_stand_there(location: Location, **kwargs: Any) -> None:
    if Equipment.objects.living().filter(location=location).exists():
        raise HasChildren(gettext("There are machines in it; move or delete them first."))
