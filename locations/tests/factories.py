from typing import Any

from factory.declarations import Sequence, SubFactory, Trait
from factory.django import DjangoModelFactory

from locations.models import Location, SiteMembership


class LocationFactory(DjangoModelFactory[Any]):
    """A site by default; the traits build the places above as well."""

    class Meta:
        model = Location

    class Params:
        building = Trait(kind=Location.Kind.BUILDING, parent=SubFactory("locations.tests.factories.LocationFactory"))
        floor = Trait(
            kind=Location.Kind.FLOOR,
            floor_level=1,
            parent=SubFactory("locations.tests.factories.LocationFactory", building=True),
        )
        room = Trait(
            kind=Location.Kind.ROOM,
            parent=SubFactory("locations.tests.factories.LocationFactory", floor=True),
        )
        zone = Trait(kind=Location.Kind.ZONE, parent=SubFactory("locations.tests.factories.LocationFactory"))
        restricted = Trait(open_to_all=False)

    kind = Location.Kind.SITE
    code = Sequence(lambda n: f"LOC-{n}")
    name = Sequence(lambda n: f"Place {n}")

    @classmethod
    def _create(cls, model_class: type[Location], *args: Any, **kwargs: Any) -> Location:
        return model_class.add(by=None, **kwargs)


class SiteMembershipFactory(DjangoModelFactory[Any]):
    class Meta:
        model = SiteMembership
