from typing import Any

import pytest
from django.utils import timezone

from equipment.tests.factories import DrawingFactory, EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.models import Location, SiteMembership
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/locations"


def close(site: Location, adam: User) -> None:
    site.change(by=adam, open_to_all=False)


def test_a_manager_adds_a_site_and_a_building_on_it(api: Any, mona: User) -> None:
    site = api(mona).post(URL, {"kind": "site", "code": "HQ", "name": "Headquarters", "time_zone": "Europe/Berlin"})
    building = api(mona).post(
        URL, {"kind": "BUILDING", "code": "HQ-A", "name": "House A", "parent_id": site.json()["data"]["id"]}
    )

    assert (site.status_code, building.status_code) == (201, 201)
    assert building.json()["data"]["site_id"] == site.json()["data"]["id"]
    assert building["Location"].endswith(building.json()["data"]["id"])


def test_a_list_names_the_page_and_costs_four_queries(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    LocationFactory.create_batch(3)

    with django_assert_max_num_queries(4):
        answer = api(rita).get(URL, {"page_size": 2})

    assert answer.json()["pagination"]["total_count"] == 3
    assert len(answer.json()["data"]) == 2


def test_a_detail_costs_at_most_five_queries(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    room = LocationFactory.create(room=True)

    with django_assert_max_num_queries(5):
        answer = api(rita).get(f"{URL}/{room.pk}")

    assert answer.json()["data"]["code"] == room.code
    assert answer["ETag"]


def test_filters_and_search(api: Any, rita: User) -> None:
    room = LocationFactory.create(room=True, name="Boiler room")
    site = room.site

    def found(**query: Any) -> set[str]:
        return {place["id"] for place in api(rita).get(URL, query).json()["data"]}

    assert found(search="boil") == {str(room.pk)}
    assert found(kind="room,zone") == {str(room.pk)}
    assert found(parent_id=room.parent_id) == {str(room.pk)}
    assert len(found(site_id=site.pk)) == 3
    assert len(found(under=site.pk)) == 4


@pytest.mark.parametrize("person", ["tess", "rita"])
def test_only_managers_write(api: Any, request: pytest.FixtureRequest, person: str) -> None:
    client = api(request.getfixturevalue(person))
    site = LocationFactory.create()

    assert_error(client.post(URL, {"kind": "SITE", "code": "X", "name": "X"}), 403, "PERMISSION_DENIED")
    assert_error(client.put(f"{URL}/{site.pk}", {"name": "X"}), 403, "PERMISSION_DENIED")
    assert_error(client.delete(f"{URL}/{site.pk}"), 403, "PERMISSION_DENIED")


def test_a_room_directly_on_a_site_is_refused_by_name(api: Any, mona: User) -> None:
    site = LocationFactory.create()

    refused = api(mona).post(URL, {"kind": "ROOM", "code": "R", "name": "R", "parent_id": str(site.pk)})

    assert_error(refused, 400, "VALIDATION_ERROR", "parent_id")


@pytest.mark.parametrize(
    ("field", "value"),
    [("code", "a b"), ("latitude", 91), ("time_zone", "Mars/Base"), ("kind", "CAVE"), ("name", ""), ("parent_id", "x")],
)
def test_wrong_values_are_refused_by_name(api: Any, mona: User, field: str, value: Any) -> None:
    body = {"kind": "SITE", "code": "S", "name": "S", field: value}

    assert_error(api(mona).post(URL, body), 400, "VALIDATION_ERROR", field)


def test_a_code_in_use_is_a_duplicate(api: Any, mona: User) -> None:
    LocationFactory.create(code="HQ")

    error = assert_error(api(mona).post(URL, {"kind": "SITE", "code": "HQ", "name": "HQ"}), 409, "DUPLICATE")

    assert error["meta"]["field"] == "code"


def test_put_changes_only_what_it_names(api: Any, mona: User) -> None:
    site = LocationFactory.create(name="Old", description="Keep me")

    answer = api(mona).put(f"{URL}/{site.pk}", {"name": "New"})

    assert answer.json()["data"]["name"] == "New"
    assert answer.json()["data"]["description"] == "Keep me"


def test_moving_a_building_through_the_api_moves_its_rooms(api: Any, mona: User) -> None:
    room, other = LocationFactory.create(room=True), LocationFactory.create()
    building = room.parent.parent

    api(mona).put(f"{URL}/{building.pk}", {"parent_id": str(other.pk)})

    assert api(mona).get(f"{URL}/{room.pk}").json()["data"]["site_id"] == str(other.pk)


def test_a_place_with_places_or_machines_in_it_is_not_deleted(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create()
    room = machine.location

    assert_error(api(mona).delete(f"{URL}/{room.parent_id}"), 409, "HAS_CHILDREN")
    assert_error(api(mona).delete(f"{URL}/{room.pk}"), 409, "HAS_CHILDREN")

    machine.soft_delete(by=mona, at=timezone.now())
    assert api(mona).delete(f"{URL}/{room.pk}").status_code == 204


def test_a_deleted_place_is_gone_until_it_is_restored(api: Any, mona: User, tess: User) -> None:
    site = LocationFactory.create()
    api(mona).delete(f"{URL}/{site.pk}")
    assert_error(api(mona).get(f"{URL}/{site.pk}"), 404, "NOT_FOUND")
    assert_error(api(tess).get(URL, {"include_deleted": "true"}), 403, "PERMISSION_DENIED")
    assert len(api(mona).get(URL, {"include_deleted": "true"}).json()["data"]) == 1

    assert_error(api(tess).post(f"{URL}/{site.pk}/restore"), 403, "PERMISSION_DENIED")
    assert api(mona).post(f"{URL}/{site.pk}/restore").status_code == 200
    assert api(tess).get(f"{URL}/{site.pk}").status_code == 200


def test_an_edit_of_an_older_version_is_refused(api: Any, mona: User) -> None:
    site = LocationFactory.create()
    tag = api(mona).get(f"{URL}/{site.pk}")["ETag"]
    api(mona).put(f"{URL}/{site.pk}", {"name": "Newer"})

    refused = api(mona).put(f"{URL}/{site.pk}", {"name": "Newest"}, headers={"If-Match": tag})

    assert_error(refused, 412, "PRECONDITION_FAILED")


def test_the_tree_nests_what_stands_in_what(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    room = LocationFactory.create(room=True)

    with django_assert_max_num_queries(2):
        tree = api(rita).get(f"{URL}/tree").json()["data"]

    assert tree[0]["id"] == str(room.site_id)
    assert tree[0]["children"][0]["children"][0]["children"] == [
        {"id": str(room.pk), "kind": "ROOM", "code": room.code, "name": room.name, "floor_level": None, "children": []}
    ]


def test_children_are_the_places_directly_inside(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    room = LocationFactory.create(room=True)

    with django_assert_max_num_queries(4):
        answer = api(rita).get(f"{URL}/{room.parent_id}/children")

    assert [child["id"] for child in answer.json()["data"]] == [str(room.pk)]


def test_a_closed_site_is_404_for_the_outsider_with_all_that_is_on_it(api: Any, olga: User, adam: User) -> None:
    room = LocationFactory.create(room=True)
    close(room.site, adam)

    for path in (f"/{room.site_id}", f"/{room.pk}", f"/{room.parent_id}/children", f"/{room.pk}/floor-plan"):
        assert_error(api(olga).get(URL + path), 404, "NOT_FOUND")
    assert api(olga).get(URL).json()["data"] == api(olga).get(f"{URL}/tree").json()["data"] == []


def test_a_manager_who_closes_a_site_still_sees_it(api: Any, mona: User, tess: User) -> None:
    site = LocationFactory.create()

    assert api(mona).put(f"{URL}/{site.pk}", {"open_to_all": False}).status_code == 200

    assert api(mona).get(f"{URL}/{site.pk}").status_code == 200
    assert_error(api(tess).get(f"{URL}/{site.pk}"), 404, "NOT_FOUND")
    assert SiteMembership.objects.get().user == mona


def test_nothing_is_built_in_a_place_out_of_sight(api: Any, mona: User, adam: User) -> None:
    site = LocationFactory.create()
    close(site, adam)

    refused = api(mona).post(URL, {"kind": "BUILDING", "code": "B", "name": "B", "parent_id": str(site.pk)})

    assert_error(refused, 400, "VALIDATION_ERROR", "parent_id")


def test_a_floor_plan_shows_rooms_and_machines(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create(plan_x=0.25, plan_y=0.5)
    room, floor, picture = machine.location, machine.location.parent, DrawingFactory.create()

    body = {"attachment_id": str(picture.pk), "pins": [{"location_id": str(room.pk), "x": 0.1, "y": 0.2}]}
    answer = api(mona).put(f"{URL}/{floor.pk}/floor-plan", body)

    assert answer.status_code == 200, answer.json()
    plan = api(mona).get(f"{URL}/{floor.pk}/floor-plan").json()["data"]
    assert (plan["attachment_id"], plan["width"]) == (str(picture.pk), 800)
    assert [(pin["kind"], pin["code"], pin["x"]) for pin in plan["pins"]] == [
        ("LOCATION", room.code, 0.1),
        ("EQUIPMENT", machine.equipment_code, 0.25),
    ]


def test_a_pin_of_another_floor_or_outside_the_picture_is_refused(api: Any, mona: User, tess: User) -> None:
    floor, stranger = LocationFactory.create(floor=True), LocationFactory.create(room=True)
    url = f"{URL}/{floor.pk}/floor-plan"

    outside = api(mona).put(url, {"pins": [{"location_id": str(stranger.pk), "x": 1.5, "y": 0}]})
    foreign = api(mona).put(url, {"pins": [{"location_id": str(stranger.pk), "x": 0.5, "y": 0}]})

    assert_error(outside, 400, "VALIDATION_ERROR", "pins[0].x")
    assert_error(foreign, 400, "VALIDATION_ERROR", "pins[0].location_id")
    assert_error(api(tess).put(url, {"pins": []}), 403, "PERMISSION_DENIED")


def test_unknown_fields_and_parameters_are_refused(api: Any, mona: User) -> None:
    assert_error(api(mona).get(URL, {"colour": "red"}), 400, "INVALID_PARAMETER", "colour")
    assert_error(api(mona).post(URL, {"kind": "SITE", "code": "S", "name": "S", "colour": "red"}), 400, "UNKNOWN_FIELD")
