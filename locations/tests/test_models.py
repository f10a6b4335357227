from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.errors import HasChildren, ValidationFailed
from locations.models import Location
from locations.scope import hidden_site_ids
from locations.signals import location_deleting
from locations.tests.factories import LocationFactory, SiteMembershipFactory

pytestmark = pytest.mark.django_db


def test_a_room_knows_its_site_and_the_places_above_it() -> None:
    room = LocationFactory.create(room=True)

    above = room.ancestors()

    assert [place.kind for place in above] == ["SITE", "BUILDING", "FLOOR"]
    assert room.site == above[0]
    assert room.root_id == above[0].pk


def test_ancestors_cost_one_query(django_assert_num_queries: Any) -> None:
    room = LocationFactory.create(room=True)

    with django_assert_num_queries(1):
        room.ancestors()


def test_descendants_leave_the_place_itself_out() -> None:
    room = LocationFactory.create(room=True)
    site = room.ancestors()[0]

    below = site.descendants()

    assert site not in below
    assert below.count() == 3
    assert set(Location.objects.under(site.pk)) == {site, *below}


@pytest.mark.parametrize(
    ("kind", "parent_trait"),
    [
        ("ROOM", {}),
        ("ROOM", {"building": True}),
        ("FLOOR", {}),
        ("BUILDING", {"building": True}),
        ("ZONE", {"room": True}),
    ],
)
def test_a_place_stands_only_where_its_kind_may(kind: str, parent_trait: dict[str, bool]) -> None:
    parent = LocationFactory.create(**parent_trait)

    with pytest.raises(ValidationFailed) as refused:
        LocationFactory.create(kind=kind, parent=parent)

    assert refused.value.details[0].field == "parent_id"


def test_only_a_site_stands_alone() -> None:
    with pytest.raises(ValidationFailed):
        LocationFactory.create(kind="BUILDING", parent=None)
    with pytest.raises(ValidationFailed):
        LocationFactory.create(kind="SITE", parent=LocationFactory.create())


def test_a_kind_never_changes(mona: User) -> None:
    zone = LocationFactory.create(zone=True)

    with pytest.raises(ValidationFailed) as refused:
        zone.change(by=mona, kind="BUILDING")

    assert refused.value.details[0].field == "kind"


def test_moving_a_building_takes_everything_below_to_the_other_site(mona: User) -> None:
    room = LocationFactory.create(room=True)
    building = room.ancestors()[1]
    other_site = LocationFactory.create()

    building.move_to(other_site, by=mona)

    room.refresh_from_db()
    assert room.site == building.site == room.parent.site == other_site


def test_a_place_cannot_move_below_itself(mona: User) -> None:
    floor = LocationFactory.create(floor=True)

    with pytest.raises(ValidationFailed):
        floor.parent.move_to(floor, by=mona)


def test_a_place_cannot_move_into_a_deleted_one(mona: User) -> None:
    floor = LocationFactory.create(floor=True)
    gone = LocationFactory.create(building=True)
    gone.soft_delete(by=mona, at=timezone.now())

    with pytest.raises(ValidationFailed):
        floor.change(by=mona, parent=gone)


def test_deleting_a_place_is_refused_while_places_are_inside(mona: User) -> None:
    room = LocationFactory.create(room=True)

    with pytest.raises(HasChildren):
        room.parent.soft_delete(by=mona, at=timezone.now())


def test_deleting_asks_the_apps_above(mona: User) -> None:
    room = LocationFactory.create(room=True)

    def refuse(**kwargs: Any) -> None:
        raise HasChildren("occupied")

    location_deleting.connect(refuse)
    try:
        with pytest.raises(HasChildren):
            room.soft_delete(by=mona, at=timezone.now())
    finally:
        location_deleting.disconnect(refuse)

    room.refresh_from_db()
    assert room.deleted_at is None


def test_a_deleted_place_comes_back_only_after_the_one_it_stood_in(mona: User) -> None:
    room = LocationFactory.create(room=True)
    room.soft_delete(by=mona, at=timezone.now())
    room.parent.soft_delete(by=mona, at=timezone.now())

    with pytest.raises(ValidationFailed):
        room.restore(by=mona, at=timezone.now())
    room.parent.restore(by=mona, at=timezone.now())
    room.restore(by=mona, at=timezone.now())

    assert room in Location.objects.living()


def test_a_code_is_free_again_once_its_place_is_deleted(mona: User) -> None:
    LocationFactory.create(code="HQ").soft_delete(by=mona, at=timezone.now())

    LocationFactory.create(code="HQ")

    with pytest.raises(IntegrityError), transaction.atomic():
        LocationFactory.create(code="HQ")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("longitude", {"latitude": 48.1}),
        ("plan_y", {"plan_x": 0.5}),
        ("time_zone", {"time_zone": ""}),
    ],
)
def test_half_given_facts_are_refused_by_name(mona: User, field: str, values: dict[str, Any]) -> None:
    site = LocationFactory.create()

    with pytest.raises(ValidationFailed) as refused:
        site.change(by=mona, **values)

    assert refused.value.details[0].field == field


@pytest.mark.parametrize("values", [{"time_zone": "Europe/Berlin"}, {"open_to_all": False}])
def test_what_belongs_to_a_site_is_refused_elsewhere(mona: User, values: dict[str, Any]) -> None:
    building = LocationFactory.create(building=True)

    with pytest.raises(ValidationFailed):
        building.change(by=mona, **values)


def test_a_room_counts_time_in_its_sites_zone() -> None:
    site = LocationFactory.create(time_zone="Europe/Berlin")
    zone = LocationFactory.create(zone=True, parent=site)

    assert zone.zone_info().key == "Europe/Berlin"
    assert site.zone_info().key == "Europe/Berlin"


def test_the_geo_link_opens_a_map() -> None:
    assert LocationFactory.create(latitude=48.137154, longitude=11.576124).geo_uri == "geo:48.137154,11.576124"
    assert LocationFactory.create().geo_uri is None


def test_a_closed_site_is_hidden_from_all_but_its_members(tess: User, olga: User, mona: User, adam: User) -> None:
    room = LocationFactory.create(room=True)
    site = room.ancestors()[0]
    site.change(by=adam, open_to_all=False)
    SiteMembershipFactory.create(user=tess, site=site)

    assert hidden_site_ids(olga) == hidden_site_ids(mona) == [site.pk]
    assert hidden_site_ids(tess) == hidden_site_ids(adam) == []
    assert room in Location.objects.for_user(tess)
    assert not Location.objects.for_user(olga).exists()


def test_an_open_site_is_seen_by_everybody(olga: User) -> None:
    LocationFactory.create(restricted=True)
    room = LocationFactory.create(room=True)

    assert room in Location.objects.for_user(olga)
    assert room.site in Location.objects.for_user(olga)
    assert Location.objects.for_user(olga).count() == 4
