"""Maintenance plans over HTTP: who may, what is answered, and how many queries it costs."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.test_budgets import cost
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from telemetry.tests.factories import MetricFactory
from workorders.generation import generate_due
from workorders.models import MaintenancePlan, WorkOrder
from workorders.tests.factories import PlanFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/maintenance-plans"


def body(**fields: Any) -> dict[str, Any]:
    machine = EquipmentFactory.create()
    usual = {"equipment_id": str(machine.pk), "title": "Clean filters", "rule": "FREQ=MONTHLY;BYDAY=1MO"}
    return {**usual, "start_date": f"{timezone.now().date()}", **fields}


def test_it_works(api: Any, mona: User, tess: User) -> None:
    answer = api(mona).post(URL, body(lead_days=365, estimated_minutes=45, assigned_to_id=str(tess.pk)), format="json")

    plan = answer.json()["data"]
    assert answer.status_code == 201, answer.json()
    assert plan["rule_in_words"] == "every month on the first Monday"
    assert plan["allowed_actions"] == ["generate", "skip", "pause"]
    assert len(plan["next_dates"]) == 5
    assert plan["next_dates"][0] == plan["next_due_at"]
    assert (plan["is_active"], plan["compliance"]["on_time_percent"]) == (True, None)

    made = api(mona).post(f"{URL}/{plan['id']}/generate").json()["data"]
    assert made["open_order"]["assigned_to"]["display_name"] == "Tess"
    assert WorkOrder.objects.get().title == "Clean filters"


def test_generating_twice_names_the_open_order(api: Any, mona: User) -> None:
    plan = PlanFactory.create()
    api(mona).post(f"{URL}/{plan.pk}/generate")

    error = assert_error(api(mona).post(f"{URL}/{plan.pk}/generate"), 409, "PLAN_HAS_OPEN_ORDER")

    assert error["meta"]["number"] == WorkOrder.objects.get().number


def test_skip_pause_and_resume(api: Any, mona: User) -> None:
    plan = PlanFactory.create()
    first = plan.next_due_at

    assert_error(api(mona).post(f"{URL}/{plan.pk}/skip", {}, format="json"), 400, "VALIDATION_ERROR", "reason")
    skipped = api(mona).post(f"{URL}/{plan.pk}/skip", {"reason": "Closed"}, format="json").json()["data"]
    assert skipped["next_due_at"] > first.isoformat()
    until = timezone.now().date() + timedelta(days=90)
    paused = api(mona).post(f"{URL}/{plan.pk}/pause", {"reason": "Renovation", "until": f"{until}"}, format="json")
    assert paused.json()["data"]["allowed_actions"] == ["resume"]
    assert_error(api(mona).post(f"{URL}/{plan.pk}/generate"), 409, "PLAN_NOT_ACTIVE")
    resumed = api(mona).post(f"{URL}/{plan.pk}/resume").json()["data"]
    assert resumed["is_active"]
    timeline = api(mona).get(f"{URL}/{plan.pk}/timeline").json()["data"]
    assert [line["kind"] for line in timeline] == ["RESUMED", "PAUSED", "SKIPPED", "CREATED"]


def test_delete_and_restore(api: Any, mona: User) -> None:
    plan = PlanFactory.create()

    assert api(mona).delete(f"{URL}/{plan.pk}").status_code == 204
    assert_error(api(mona).get(f"{URL}/{plan.pk}"), 404, "NOT_FOUND")
    assert api(mona).post(f"{URL}/{plan.pk}/restore").status_code == 200
    assert api(mona).get(f"{URL}/{plan.pk}").json()["data"]["is_active"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rule": "FREQ=HOURLY"}, "rule"),
        ({"rule": None}, "rule"),
        ({"start_date": None}, "start_date"),
        ({"trigger": "METER"}, "rule"),
        ({"trigger": "BOTH", "metric": "nothing"}, "metric"),
        ({"lead_days": 999}, "lead_days"),
        ({"meter_interval": 0}, "meter_interval"),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_field(
    fields: dict[str, Any], field: str, api: Any, mona: User
) -> None:
    assert_error(api(mona).post(URL, body(**fields), format="json"), 400, "VALIDATION_ERROR", field)


def test_a_plan_by_counter(api: Any, mona: User) -> None:
    MetricFactory.create(code="running_hours", unit="h")

    answer = api(mona).post(
        URL,
        body(trigger="METER", rule=None, start_date=None, metric="running_hours", meter_interval=500, meter_base=12000),
        format="json",
    )

    plan = answer.json()["data"]
    assert plan["meter"] == {"counted": None, "due": 12500.0, "read_at": None, "expected_at": None}
    assert (plan["next_due_at"], plan["next_dates"], plan["rule_in_words"]) == (None, [], None)


def test_editing_takes_if_match(api: Any, mona: User) -> None:
    plan = PlanFactory.create()
    tag = api(mona).get(f"{URL}/{plan.pk}")["ETag"]

    changed = api(mona).put(f"{URL}/{plan.pk}", {"rule": "FREQ=WEEKLY"}, format="json", HTTP_IF_MATCH=tag)
    assert changed.json()["data"]["rule_in_words"].startswith("every week")
    assert_error(
        api(mona).put(f"{URL}/{plan.pk}", {"rule": "FREQ=DAILY"}, format="json", HTTP_IF_MATCH=tag),
        412,
        "PRECONDITION_FAILED",
    )


def test_out_of_sight(api: Any, olga: User) -> None:
    site = LocationFactory.create(open_to_all=False)
    plan = PlanFactory.create(equipment=EquipmentFactory.create(location=site))

    assert_error(api(olga).get(f"{URL}/{plan.pk}"), 404, "NOT_FOUND")
    assert api(olga).get(URL).json()["data"] == []
    window = {"from": "2026-01-01", "to": "2026-12-31"}
    assert api(olga).get(f"{URL}/horizon", window).json()["data"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"active": "true"}, ["Calendar", "Late"]),
        ({"active": "false"}, ["Paused"]),
        ({"overdue": "true"}, ["Late"]),
        ({"trigger": "CALENDAR"}, ["Calendar", "Late", "Paused"]),
        ({"schedule": "floating"}, ["Late"]),
        ({"search": "cal"}, ["Calendar"]),
        ({"due_before": "2020-01-01T00:00:00Z"}, []),
    ],
)
def test_filters(query: dict[str, str], found: list[str], api: Any, tess: User, mona: User) -> None:
    PlanFactory.create(title="Calendar")
    PlanFactory.create(title="Late", floating=True)
    PlanFactory.create(title="Paused").pause(by=mona, at=timezone.now(), reason="Renovation")

    assert sorted(plan["title"] for plan in api(tess).get(URL, query).json()["data"]) == found


def test_the_rooms_of_a_machine(api: Any, tess: User) -> None:
    plan = PlanFactory.create()
    PlanFactory.create()

    rooms = api(tess).get(f"/api/v1/equipment/{plan.equipment_id}/maintenance-plans").json()["data"]

    assert [room["id"] for room in rooms] == [str(plan.pk)]


def test_occurrences_and_horizon(api: Any, mona: User) -> None:
    plan = PlanFactory.create(rule="FREQ=WEEKLY", estimated_minutes=30)
    PlanFactory.create()
    generate_due(at=timezone.now() + timedelta(days=8))
    today = timezone.now().date()

    times = api(mona).get(f"{URL}/{plan.pk}/occurrences", {"until": f"{today + timedelta(days=60)}"}).json()["data"]
    assert times[0]["state"] == "GENERATED"
    assert {time["state"] for time in times[1:]} == {"EXPECTED"}
    window = {"from": f"{today}", "to": f"{today + timedelta(days=90)}"}
    page = api(mona).get(f"{URL}/horizon", {**window, "page_size": 3}).json()
    assert len(page["data"]) == 3
    assert page["pagination"]["total_count"] > 12
    weeks = api(mona).get(f"{URL}/workload", window).json()["data"]
    assert sum(week["occurrences"] for week in weeks) == page["pagination"]["total_count"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"from": "2026-01-01"},
        {"from": "2026-01-01", "to": "2025-01-01"},
        {"from": "2026-01-01", "to": "2028-01-01"},
    ],
)
def test_a_window_has_two_ends_a_year_apart_at_most(query: dict[str, str], api: Any, mona: User) -> None:
    assert_error(api(mona).get(f"{URL}/horizon", query), 400, "INVALID_PARAMETER")


def test_stats(api: Any, mona: User) -> None:
    PlanFactory.create_batch(2)

    stats = api(mona).get(f"{URL}/stats").json()["data"]

    assert (stats["plans"], stats["active"], stats["paused"]) == (2, 2, 0)


def test_budgets(api: Any, tess: User, mona: User) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    plans = [PlanFactory.create(at=at, start_date=date(2026, 1, 1)) for _ in range(4)]
    generate_due(at=timezone.now())
    room = f"/api/v1/equipment/{plans[0].equipment_id}/maintenance-plans"

    assert cost(lambda: api(tess).get(URL, {"page_size": 2})) <= 4
    assert cost(lambda: api(tess).get(room)) <= 4
    assert cost(lambda: api(tess).get(f"{URL}/{plans[0].pk}")) <= 5
    assert cost(lambda: api(tess).get(f"{URL}/horizon", {"from": "2026-01-01", "to": "2026-12-31"})) <= 4
    new = body()
    assert cost(lambda: api(mona).post(URL, new, format="json")) <= 14
    assert MaintenancePlan.objects.count() == 5
