from datetime import timedelta
from typing import Any

import django_filters
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework import serializers

from equipment import extensions
from equipment.filters import EquipmentFilter
from equipment.models import Equipment
from equipment.tests.factories import AssignmentFactory, CategoryFactory, DrawingFactory, EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/equipment"


def codes(answer: Any) -> list[str]:
    return [machine["equipment_code"] for machine in answer.json()["data"]]


def test_a_manager_adds_a_machine(api: Any, mona: User) -> None:
    room, category = LocationFactory.create(room=True), CategoryFactory.create()
    body = {
        "equipment_code": "CH-1",
        "equipment_name": "Chiller 1",
        "location_id": str(room.pk),
        "category_id": str(category.pk),
        "criticality": "high",
        "metadata": {"refrigerant": "R134a"},
        "description": None,
    }

    answer = api(mona).post(URL, body)

    machine = answer.json()["data"]
    assert answer.status_code == 201, machine
    assert answer["Location"] == f"{URL}/{machine['id']}"
    assert (machine["status"], machine["criticality"], machine["description"]) == ("ONLINE", "HIGH", None)
    assert machine["location"]["code"] == room.code
    assert machine["created_by"] == str(mona.pk)


def test_adding_costs_at_most_eight_queries(api: Any, mona: User) -> None:
    body = {
        "equipment_code": "CH-1",
        "equipment_name": "Chiller 1",
        "location_id": str(LocationFactory.create(room=True).pk),
    }

    with CaptureQueriesContext(connection) as seen:
        api(mona).post(URL, body)

    # In production the outermost savepoint is the transaction itself.
    work = [query for query in seen.captured_queries if "SAVEPOINT" not in query["sql"]]
    assert 0 < len(work) <= 8


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("equipment_code", "eq-1"),
        ("equipment_code", "A" * 51),
        ("equipment_code", None),
        ("equipment_name", ""),
        ("equipment_name", "x" * 201),
        ("status", "BROKEN"),
        ("location_id", "00000000-0000-7000-8000-000000000000"),
        ("metadata", [1]),
        ("metadata", {"sizes": [99999999999999999999]}),
        ("plan_x", 2),
        ("installed_date", "yesterday"),
    ],
)
def test_wrong_values_are_refused_by_name(api: Any, mona: User, field: str, value: Any) -> None:
    body = {"equipment_code": "EQ-1", "equipment_name": "Pump", field: value}

    assert_error(api(mona).post(URL, body), 400, "VALIDATION_ERROR", field)


def test_a_code_in_use_is_a_duplicate(api: Any, mona: User) -> None:
    EquipmentFactory.create(equipment_code="EQ-1")

    answer = api(mona).post(URL, {"equipment_code": "EQ-1", "equipment_name": "Pump"})

    assert assert_error(answer, 409, "DUPLICATE")["meta"]["field"] == "equipment_code"


def test_fields_nobody_knows_are_refused(api: Any, mona: User) -> None:
    body = {"equipment_code": "EQ-1", "equipment_name": "Pump", "colour": "red"}

    assert_error(api(mona).post(URL, body), 400, "UNKNOWN_FIELD", "colour")


@pytest.mark.parametrize("person", ["tess", "rita"])
def test_only_managers_write(api: Any, request: pytest.FixtureRequest, person: str) -> None:
    client, machine = api(request.getfixturevalue(person)), EquipmentFactory.create()

    assert_error(client.post(URL, {}), 403, "PERMISSION_DENIED")
    assert_error(client.put(f"{URL}/{machine.pk}", {}), 403, "PERMISSION_DENIED")
    assert_error(client.delete(f"{URL}/{machine.pk}"), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("expand", ["", "location,category"])
def test_a_list_has_the_plans_pagination_within_four_queries(
    api: Any, rita: User, django_assert_max_num_queries: Any, expand: str
) -> None:
    site = LocationFactory.create()
    EquipmentFactory.create_batch(3, location=site, parent=EquipmentFactory.create(), created_by=rita, chiller=True)

    query = {"page_size": 2, "location_id": str(site.pk), **({"expand": expand} if expand else {})}
    with django_assert_max_num_queries(4):
        answer = api(rita).get(URL, query)

    assert answer.json()["pagination"] == {
        "page": 1,
        "page_size": 2,
        "total_pages": 2,
        "total_count": 3,
        "has_next": True,
        "has_previous": False,
    }
    assert {machine["location_id"] for machine in answer.json()["data"]} == {str(site.pk)}
    assert ("location" in answer.json()["data"][0]) == bool(expand)


def test_the_list_filters(api: Any, tess: User) -> None:
    chiller = EquipmentFactory.create(
        chiller=True, equipment_code="CH-1", criticality="CRITICAL", serial_number="SN-77", asset_number="A-9"
    )
    EquipmentFactory.create(equipment_code="P-1", equipment_name="Pump", status="OFFLINE", manufacturer="Grundfos")
    AssignmentFactory.create(user=tess, equipment=chiller)

    def found(**query: Any) -> list[str]:
        return sorted(codes(api(tess).get(URL, query)))

    assert found() == ["CH-1", "P-1"]
    for text in ("chil", "sn-77", "a-9", "ch-"):
        assert found(search=text) == ["CH-1"]
    assert found(status="offline,error") == ["P-1"]
    assert found(location_id=chiller.location.site_id) == ["CH-1"]
    assert found(manufacturer="grundfos") == ["P-1"]
    assert found(category="chiller") == found(category=chiller.category_id) == ["CH-1"]
    assert found(criticality="CRITICAL") == ["CH-1"]
    assert found(assigned_to_me="true") == ["CH-1"]
    assert found(assigned_to_me="false") == ["P-1"]
    assert codes(api(tess).get(URL, {"ordering": "-equipment_code"})) == ["P-1", "CH-1"]


@pytest.mark.parametrize(
    "query", [{"status": "BROKEN"}, {"assigned_to_me": "maybe"}, {"location_id": "x"}, {"page": 0}, {"colour": "red"}]
)
def test_what_a_list_does_not_understand_is_refused(api: Any, rita: User, query: dict[str, Any]) -> None:
    assert_error(api(rita).get(URL, query), 400, "INVALID_PARAMETER", *query)


def test_apps_above_add_to_the_detail_and_the_filters(api: Any, rita: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "detail_fields", extensions.detail_fields)
    monkeypatch.setitem(EquipmentFilter.base_filters, "noisy", django_filters.CharFilter(field_name="description"))
    monkeypatch.setitem(
        extensions.detail_fields, "noise", extensions.DetailField(serializers.FloatField(), lambda machine: 42.5)
    )
    machine = EquipmentFactory.create(description="loud", equipment_code="LOUD")

    assert api(rita).get(f"{URL}/{machine.pk}").json()["data"]["noise"] == 42.5
    assert codes(api(rita).get(URL, {"noisy": "loud"})) == ["LOUD"]
    assert codes(api(rita).get(URL, {"noisy": "quiet"})) == []


def test_a_detail_carries_its_location_within_five_queries(
    api: Any, rita: User, django_assert_max_num_queries: Any
) -> None:
    machine = EquipmentFactory.create()

    with django_assert_max_num_queries(5):
        answer = api(rita).get(f"{URL}/{machine.pk}")

    assert answer.json()["data"]["location"]["code"] == machine.location.code
    again = api(rita).get(f"{URL}/{machine.pk}", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


def test_put_changes_only_what_it_names(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create(manufacturer="Carrier")

    for verb in ("put", "patch"):
        answer = getattr(api(mona), verb)(f"{URL}/{machine.pk}", {"equipment_name": verb})
        assert answer.status_code == 200
        assert (answer.json()["data"]["equipment_name"], answer.json()["data"]["manufacturer"]) == (verb, "Carrier")


def test_another_code_is_refused_and_the_same_one_is_not(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create(equipment_code="EQ-1")
    url = f"{URL}/{machine.pk}"

    assert_error(api(mona).put(url, {"equipment_code": "EQ-2"}), 400, "VALIDATION_ERROR", "equipment_code")
    assert api(mona).put(url, {"equipment_code": "EQ-1"}).status_code == 200


def test_a_status_in_a_put_is_logged(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create()

    answer = api(mona).put(f"{URL}/{machine.pk}", {"status": "MAINTENANCE"})

    assert answer.json()["data"]["status"] == "MAINTENANCE"
    assert machine.status_log.open().get().planned


def test_deleting_is_soft_and_restoring_brings_it_back(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create()
    url = f"{URL}/{machine.pk}"

    assert api(mona).delete(url).status_code == 204
    assert_error(api(mona).get(url), 404, "NOT_FOUND")
    assert codes(api(mona).get(URL)) == []
    assert codes(api(mona).get(URL, {"include_deleted": "true"})) == [machine.equipment_code]
    assert api(mona).post(f"{url}/restore").status_code == 200
    assert api(mona).get(url).status_code == 200


def test_a_machine_on_a_closed_site_is_404_for_the_outsider(api: Any, olga: User, adam: User) -> None:
    machine, other = EquipmentFactory.create(), EquipmentFactory.create(placeless=True)
    machine.location.site.change(by=adam, open_to_all=False)
    rooms = ("", "/location", "/qr-code", "/status-log", "/moves", "/assignments", "/diagrams")

    for room in rooms:
        assert_error(api(olga).get(f"{URL}/{machine.pk}{room}"), 404, "NOT_FOUND")
    assert_error(api(olga).get(f"/api/v1/locations/{machine.location_id}/equipment"), 404, "NOT_FOUND")
    assert_error(api(olga).get(f"{URL}/lookup", {"code": machine.equipment_code}), 404, "NOT_FOUND")
    assert codes(api(olga).get(URL)) == [other.equipment_code]
    assert len(api(adam).get(URL).json()["data"]) == 2


def test_where_a_machine_is(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    machine = EquipmentFactory.create(plan_x=0.25, plan_y=0.75)
    picture = DrawingFactory.create()
    machine.location.parent.set_floor_plan(by=None, attachment=picture)

    with django_assert_max_num_queries(5):
        place = api(rita).get(f"{URL}/{machine.pk}/location").json()["data"]

    assert place["location"]["id"] == str(machine.location_id)
    assert [above["kind"] for above in place["ancestors"]] == ["SITE", "BUILDING", "FLOOR"]
    assert (place["pin"]["attachment_id"], place["pin"]["x"], place["pin"]["y"]) == (str(picture.pk), 0.25, 0.75)
    assert place["geo"] is None


def test_a_machine_nobody_placed_is_nowhere(api: Any, rita: User) -> None:
    machine = EquipmentFactory.create(placeless=True)

    place = api(rita).get(f"{URL}/{machine.pk}/location").json()["data"]

    assert place == {"equipment_id": str(machine.pk), "location": None, "ancestors": [], "pin": None, "geo": None}


def test_a_technician_moves_what_is_theirs_and_nothing_else(api: Any, tess: User) -> None:
    mine, other, room = (
        AssignmentFactory.create(user=tess).equipment,
        EquipmentFactory.create(),
        LocationFactory.create(room=True),
    )
    body = {"location_id": str(room.pk), "reason": "leak above"}

    assert api(tess).post(f"{URL}/{mine.pk}/move", body).json()["data"]["location_id"] == str(room.pk)
    assert_error(api(tess).post(f"{URL}/{other.pk}/move", body), 403, "PERMISSION_DENIED")

    log = api(tess).get(f"{URL}/{mine.pk}/moves").json()["data"]
    assert [(move["to_location_id"], move["reason"]) for move in log] == [(str(room.pk), "leak above")]


def test_a_status_may_be_reported_a_week_late_but_not_ahead(api: Any, mona: User) -> None:
    machine, now = EquipmentFactory.create(), timezone.now()
    url = f"{URL}/{machine.pk}/status"

    def report(at: Any) -> Any:
        return api(mona).post(url, {"status": "error", "reason": "leaks", "occurred_at": at.isoformat()})

    assert_error(report(now - timedelta(days=8)), 400, "VALIDATION_ERROR", "occurred_at")
    assert_error(report(now + timedelta(minutes=6)), 400, "VALIDATION_ERROR", "occurred_at")
    assert report(now - timedelta(days=6)).json()["data"]["status"] == "ERROR"
    assert machine.status_log.get().started_at == now - timedelta(days=6)


def test_a_phone_whose_clock_is_fast_starts_nothing_in_the_future(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create()
    ahead = timezone.now() + timedelta(minutes=4)

    api(mona).post(f"{URL}/{machine.pk}/status", {"status": "OFFLINE", "occurred_at": ahead.isoformat()})

    assert machine.status_log.get().started_at <= timezone.now()


def test_online_is_refused_while_an_alert_holds_the_machine(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create()
    machine.take_down(status="ERROR", by=None, at=timezone.now(), reason="", source="ALERT")

    refused = api(mona).post(f"{URL}/{machine.pk}/status", {"status": "ONLINE"})

    assert_error(refused, 409, "HAS_OPEN_WORK")


def test_the_status_log_filters(api: Any, mona: User) -> None:
    machine = EquipmentFactory.create(status="OFFLINE")
    machine.set_status(status="ERROR", by=mona, at=timezone.now(), reason="leaks")
    url = f"{URL}/{machine.pk}/status-log"

    assert [row["status"] for row in api(mona).get(url).json()["data"]] == ["ERROR", "OFFLINE"]
    assert [row["status"] for row in api(mona).get(url, {"open": "true"}).json()["data"]] == ["ERROR"]
    assert [row["status"] for row in api(mona).get(url, {"status": "offline"}).json()["data"]] == ["OFFLINE"]


def test_lookup_by_whatever_is_on_the_label(api: Any, rita: User) -> None:
    machine = EquipmentFactory.create(serial_number="SN-1", asset_number="A-1")
    token = api(rita).get(f"{URL}/{machine.pk}/qr-code").json()["data"]["qr_token"]

    for query in ({"qr": token}, {"code": machine.equipment_code}, {"serial": "SN-1"}, {"asset_number": "A-1"}):
        assert api(rita).get(f"{URL}/lookup", query).json()["data"]["id"] == str(machine.pk)
    assert_error(api(rita).get(f"{URL}/lookup", {"serial": "SN-2"}), 404, "NOT_FOUND")
    assert_error(api(rita).get(f"{URL}/lookup"), 400, "INVALID_PARAMETER")
    assert_error(api(rita).get(f"{URL}/lookup", {"serial": "1", "code": "2"}), 400, "INVALID_PARAMETER")


def test_a_replaced_label_is_gone(api: Any, mona: User, tess: User) -> None:
    machine = EquipmentFactory.create()
    old = machine.qr_token

    assert_error(api(tess).post(f"{URL}/{machine.pk}/qr-code/rotate"), 403, "PERMISSION_DENIED")
    assert api(mona).post(f"{URL}/{machine.pk}/qr-code/rotate").status_code == 200

    assert_error(api(tess).get(f"{URL}/lookup", {"qr": old}), 410, "QR_REVOKED")


def test_stats_count_by_state(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    machine = EquipmentFactory.create(status="ERROR", criticality="HIGH")
    EquipmentFactory.create()

    with django_assert_max_num_queries(3):
        stats = api(rita).get(f"{URL}/stats", {"location_id": str(machine.location_id)}).json()["data"]

    assert (stats["total"], stats["by_status"]["ERROR"], stats["by_status"]["ONLINE"]) == (1, 1, 0)
    assert stats["by_criticality"]["HIGH"] == 1


def test_the_machines_of_a_place(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    machine = EquipmentFactory.create()
    EquipmentFactory.create()

    with django_assert_max_num_queries(4):
        answer = api(rita).get(f"/api/v1/locations/{machine.location.site_id}/equipment", {"status": "ONLINE"})

    assert codes(answer) == [machine.equipment_code]


def test_a_retry_with_the_same_key_adds_one_machine(api: Any, mona: User) -> None:
    body = {"equipment_code": "EQ-1", "equipment_name": "Pump"}
    key = {"Idempotency-Key": "5f0e7a52-4a3c-4f4e-9a53-1f1d34d5b7c1"}

    first, second = (api(mona).post(URL, body, headers=key) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["data"]["id"] == second.json()["data"]["id"]
    assert Equipment.objects.count() == 1
