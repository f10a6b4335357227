from typing import Any

import factory

from locations.models import Location, SiteMembership


class LocationFactory(factory.django.DjangoModelFactory[Location]):
    """A site by default; the traits build the places above as well."""

    class Meta:
        model = Location

    class Params:
        building = factory.Trait(
            kind=Location.Kind.BUILDING, parent=factory.SubFactory("locations.tests.factories.LocationFactory")
        )
        floor = factory.Trait(
            kind=Location.Kind.FLOOR,
            floor_level=1,
            parent=factory.SubFactory("locations.tests.factories.LocationFactory", building=True),
        )
        room = factory.Trait(
            kind=Location.Kind.ROOM,
            parent=factory.SubFactory("locations.tests.factories.LocationFactory", floor=True),
        )
        zone = factory.Trait(
            kind=Location.Kind.ZONE, parent=factory.SubFactory("locations.tests.factories.LocationFactory")
        )
        restricted = factory.Trait(open_to_all=False)

    kind = Location.Kind.SITE
    code = factory.Sequence(lambda n: f"LOC-{n}")
    name = factory.Sequence(lambda n: f"Place {n}")

    @classmethod
    def _create(cls, model_class: type[Location], *args: Any, **kwargs: Any) -> Location:
        return model_class.add(by=None, **kwargs)


class SiteMembershipFactory(factory.django.DjangoModelFactory[SiteMembership]):
    class Meta:
        model = SiteMembership
