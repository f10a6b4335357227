"""Where the apps above add to what is said of a place."""

from collections.abc import Callable
from typing import TypedDict

from locations.models import Location


class Pin(TypedDict):
    """A point on a floor plan: fractions of the picture's width and height."""

    kind: str
    id: str
    code: str
    name: str
    x: float
    y: float


pin_sources: list[Callable[[Location], list[Pin]]] = []


def register_pins(load: Callable[[Location], list[Pin]]) -> None:
    """`load` gives the pins an app has on the plan of a place, in one query; call it in AppConfig.ready()."""
    pin_sources.append(load)


def pins_on(location: Location) -> list[Pin]:
    children = location.children.living().filter(plan_x__isnull=False).order_by("code")
    pins = [
        Pin(kind="LOCATION", id=str(c.pk), code=c.code, name=c.name, x=c.plan_x or 0.0, y=c.plan_y or 0.0)
        for c in children
    ]
    return pins + [pin for load in pin_sources for pin in load(location)]
