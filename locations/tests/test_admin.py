from typing import Any

import pytest
from django.utils import timezone

from faultreporter.accounts.models import User
from locations.models import Location, SiteMembership
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db

URL = "/admin/locations/location/"


def form(**values: Any) -> dict[str, Any]:
    inlines = {
        f"{name}-{count}": "0"
        for name in ("memberships", "children")
        for count in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    }
    return {**inlines, "kind": "SITE", "code": "HQ", "name": "Headquarters", "time_zone": "UTC", **values}


@pytest.mark.parametrize("person", ["mona", "adam"])
def test_the_pages_load(backoffice: Any, request: pytest.FixtureRequest, person: str) -> None:
    browser, room = backoffice(request.getfixturevalue(person)), LocationFactory.create(room=True)

    for page in ("", "?deleted=too", "?q=place", "add/", f"{room.pk}/change/", f"{room.site_id}/change/"):
        assert browser.get(URL + page).status_code == 200, page


def test_a_technician_does_not_get_in(backoffice: Any, tess: User) -> None:
    assert backoffice(tess).get(URL).status_code == 302


def test_the_list_reads_as_a_tree(backoffice: Any, mona: User, django_assert_max_num_queries: Any) -> None:
    room = LocationFactory.create(room=True)
    LocationFactory.create_batch(5, zone=True, parent=room.site)

    with django_assert_max_num_queries(30):
        page = backoffice(mona).get(URL).content.decode()

    assert " / ".join(place.code for place in [*room.ancestors(), room]) in page


def test_a_site_is_added_and_changed_through_the_model(backoffice: Any, mona: User) -> None:
    browser = backoffice(mona)

    assert browser.post(f"{URL}add/", form()).status_code == 302
    site = Location.objects.get(code="HQ")
    assert browser.post(f"{URL}{site.pk}/change/", form(name="Centre", open_to_all="")).status_code == 302

    site.refresh_from_db()
    assert (site.name, site.open_to_all) == ("Centre", False)
    assert SiteMembership.objects.get().user == mona


def test_what_the_model_refuses_is_said_on_the_page(backoffice: Any, mona: User) -> None:
    site = LocationFactory.create()

    answer = backoffice(mona).post(
        f"{URL}add/", form(kind="ROOM", parent=str(site.pk), time_zone="", open_to_all="on"), follow=True
    )

    assert "cannot stand in" in answer.content.decode()
    assert Location.objects.count() == 1


def test_a_code_in_use_is_said_in_the_form(backoffice: Any, mona: User) -> None:
    LocationFactory.create(code="HQ")

    answer = backoffice(mona).post(f"{URL}add/", form())

    assert "Another place has this code" in answer.content.decode()


def test_moving_asks_first(backoffice: Any, mona: User) -> None:
    room, other = LocationFactory.create(room=True), LocationFactory.create()
    building = room.parent.parent
    browser, body = backoffice(mona), {"action": "move", "_selected_action": [str(building.pk)]}

    assert "Move into" in browser.post(URL, body).content.decode()
    browser.post(URL, {**body, "confirmed": "yes", "parent": str(other.pk)})

    room.refresh_from_db()
    assert room.site == other


def test_deleting_several_is_all_or_nothing(backoffice: Any, mona: User) -> None:
    room, empty = LocationFactory.create(room=True), LocationFactory.create()
    chosen = [str(empty.pk), str(room.parent_id)]

    answer = backoffice(mona).post(
        URL, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}, follow=True
    )

    assert "There are places inside" in answer.content.decode()
    assert Location.objects.deleted().count() == 0


def test_a_deleted_place_is_restored(backoffice: Any, mona: User) -> None:
    site = LocationFactory.create()
    browser = backoffice(mona)
    browser.post(URL, {"action": "delete_selected", "_selected_action": [str(site.pk)], "post": "yes"})
    assert Location.objects.deleted().count() == 1

    browser.post(f"{URL}?deleted=too", {"action": "restore", "_selected_action": [str(site.pk)]})

    assert Location.objects.deleted().count() == 0


def test_pickers_offer_no_deleted_place(backoffice: Any, mona: User) -> None:
    LocationFactory.create(name="Old mill").soft_delete(by=mona, at=timezone.now())
    LocationFactory.create(name="New mill")

    picker = {"app_label": "locations", "model_name": "location", "field_name": "parent", "term": "mill"}
    offered = backoffice(mona).get("/admin/autocomplete/", picker).json()["results"]

    assert [choice["text"].split(" (")[0] for choice in offered] == ["New mill"]


def test_a_manager_sees_no_closed_site_they_do_not_work_on(backoffice: Any, mona: User, adam: User) -> None:
    site = LocationFactory.create(name="Secret lab")
    site.change(by=adam, open_to_all=False)

    assert "Secret lab" not in backoffice(mona).get(URL).content.decode()
    assert "Secret lab" in backoffice(adam).get(URL).content.decode()
