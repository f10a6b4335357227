"""Who has how much to do on which day, and what is on which day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from alerts.tests.test_budgets import cost
from equipment.models import Team
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.roles import Role
from faultreporter.testing import assert_error, make_person
from locations.business_time import BusinessHours
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder
from workorders.tests.factories import PlanFactory, WorkOrderFactory, order_in
from workorders.workload import Booking, capacity_on, spread

CALENDAR, WORKLOAD = "/api/v1/work-orders/calendar", "/api/v1/work-orders/workload"
MONDAY = date(2031, 3, 3)
WEEK = {"from": "2031-03-03", "to": "2031-03-09"}


def plan(order: WorkOrder, day: date, *, minutes: int | None = None, by: User) -> WorkOrder:
    order.schedule(by=by, at=datetime(2030, 1, 1, tzinfo=UTC), day=day, minutes=minutes)
    return order


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(1, 5), st.integers(1, 900)), max_size=40))
def test_nothing_booked_is_lost(rows: list[tuple[int, int, int, int]]) -> None:
    people = [User(display_name=f"P{number}") for number in range(3)]
    keys = [*(person.pk for person in people), None]
    days = [MONDAY + timedelta(days=number) for number in range(7)]
    once = {(who, day): (orders, minutes) for who, day, orders, minutes in rows}
    bookings = [Booking(keys[who], days[day], *rest) for (who, day), rest in once.items()]

    loads, unassigned = spread(people, bookings, days, dict.fromkeys(days, 480))

    assert sum(load.planned_minutes for load in [*loads, unassigned]) == sum(row.minutes for row in bookings)
    assert sum(load.orders for load in [*loads, unassigned]) == sum(row.orders for row in bookings)
    assert all(day.overloaded == (day.planned_minutes > 480) for load in loads for day in load.days)


def test_a_day_holds_opening_hours_but_no_more_than_eight() -> None:
    long, short = ((0, 1440),), ((480, 720), (780, 840))
    hours = BusinessHours(ZoneInfo("UTC"), weekly=(long, short, (), (), (), (), ()), yearly=frozenset({(3, 10)}))

    assert [capacity_on(MONDAY + timedelta(days=n), hours) for n in (0, 1, 2, 7)] == [480, 300, 0, 0]


@pytest.mark.django_db
def test_the_workload(api: Any, mona: User, tess: User, olga: User) -> None:
    for minutes in (300, 240, None):
        plan(order_in("ASSIGNED", by=tess), MONDAY, minutes=minutes, by=mona)
    plan(WorkOrderFactory.create(), MONDAY, by=mona)
    WorkOrderFactory.create(due_at=timezone.now() - timedelta(days=1))

    data = api(mona).get(WORKLOAD, WEEK).json()["data"]

    row = next(row for row in data["people"] if row["user"]["display_name"] == "Tess")
    assert row["days"][0] == {
        "date": "2031-03-03", "orders": 3, "planned_minutes": 600, "capacity_minutes": 480, "overloaded": True,
    }  # fmt: skip
    assert [day["capacity_minutes"] for day in row["days"]] == [480] * 5 + [0, 0]
    assert [r["user"]["display_name"] for r in data["people"]] == ["Mona", "Olga", "Tess"]
    assert data["unassigned"][0] == {"date": "2031-03-03", "orders": 1, "planned_minutes": 60}
    assert (data["unplanned_count"], data["overdue_count"], data["overdue"][0]["is_overdue"]) == (1, 1, True)


@pytest.mark.django_db
def test_the_workload_of_a_person_and_of_a_team(api: Any, mona: User, tess: User, olga: User) -> None:
    crew = Team.add(name="Crew", members=[olga], by=None, at=timezone.now())
    job = WorkOrderFactory.create()
    job.assign(team=crew, by=mona, at=timezone.now())
    plan(job, MONDAY, by=mona)
    plan(order_in("ASSIGNED", by=tess), MONDAY, by=mona)

    of_team = api(mona).get(WORKLOAD, {**WEEK, "team_id": str(crew.pk)}).json()["data"]
    of_tess = api(mona).get(WORKLOAD, {**WEEK, "user_id": str(tess.pk)}).json()["data"]

    assert [row["user"]["display_name"] for row in of_team["people"]] == ["Olga"]
    assert of_team["unassigned"][0]["orders"] == 1
    assert [row["orders"] for row in of_tess["people"]] == [1]
    assert of_tess["unassigned"][0]["orders"] == 0


@pytest.mark.django_db
def test_fifty_people_and_two_weeks_cost_what_one_costs(api: Any, mona: User) -> None:
    for number in range(50):
        person = make_person(f"Person{number}", Role.TECHNICIAN)
        plan(order_in("ASSIGNED", by=person), MONDAY + timedelta(days=number % 14), by=mona)

    assert cost(lambda: api(mona).get(WORKLOAD, {"from": "2031-03-03", "to": "2031-03-16"})) <= 8


@pytest.mark.django_db
def test_the_calendar_has_planned_work_and_what_is_only_due(api: Any, mona: User, rita: User) -> None:
    site = LocationFactory.create(time_zone="Asia/Tokyo")
    machine = EquipmentFactory.create(location=site)
    late_in_utc = datetime(2031, 3, 4, 20, tzinfo=UTC)  # five in the morning of the fifth in Tokyo
    due = WorkOrderFactory.create(equipment=machine, due_at=late_in_utc)
    planned = plan(WorkOrderFactory.create(equipment=machine, due_at=late_in_utc), MONDAY, by=mona)
    WorkOrderFactory.create(due_at=datetime(2031, 3, 10, 12, tzinfo=UTC))

    data = api(rita).get(CALENDAR, WEEK).json()["data"]

    assert [(row["date"], row["kind"], row["work_order"]["number"]) for row in data["entries"]] == [
        ("2031-03-03", "PLANNED", planned.number),
        ("2031-03-05", "DUE", due.number),
    ]
    assert data["truncated"] is False
    assert cost(lambda: api(rita).get(CALENDAR, WEEK)) <= 6


@pytest.mark.django_db
def test_maintenance_to_come_is_on_the_calendar(api: Any, backoffice: Any, mona: User, tess: User) -> None:
    today = timezone.localdate()
    plan = PlanFactory.create(title="Change the oil", rule="FREQ=WEEKLY", start_date=today, assigned_to=tess)
    span = {"from": f"{today + timedelta(days=14)}", "to": f"{today + timedelta(days=27)}"}

    rows = api(mona).get(CALENDAR, {**span, "user_id": str(tess.pk)}).json()["data"]["expected"]

    assert [(row["date"], row["title"]) for row in rows] == [
        (f"{today + timedelta(days=days)}", "Change the oil") for days in (14, 21)
    ]
    assert rows[0]["plan_id"] == str(plan.pk)
    assert api(mona).get(CALENDAR, {**span, "user_id": str(mona.pk)}).json()["data"]["expected"] == []
    for view in ("month", "week"):
        page = backoffice(mona).get("/admin/workorders/workorder/calendar/", {"view": view, "date": span["from"]})
        assert "Change the oil" in page.content.decode()


@pytest.mark.django_db
def test_the_calendar_is_narrowed_down(api: Any, mona: User, tess: User) -> None:
    crew = Team.add(name="Crew", members=[tess], by=None, at=timezone.now())
    job = plan(order_in("ASSIGNED", by=tess), MONDAY, by=mona)
    plan(WorkOrderFactory.create(), MONDAY, by=mona)

    for query in (
        {"team_id": str(crew.pk)},
        {"user_id": str(tess.pk)},
        {"location_id": str(job.equipment.location_id)},
    ):
        rows = api(mona).get(CALENDAR, {**WEEK, **query}).json()["data"]["entries"]
        assert [row["work_order"]["id"] for row in rows] == [str(job.pk)], query


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 400, "INVALID_PARAMETER"),
        ({"from": "yesterday", "to": "2031-03-09"}, 400, "INVALID_PARAMETER"),
        ({"from": "2031-03-09", "to": "2031-03-03"}, 400, "VALIDATION_ERROR"),
        ({"from": "2031-03-03", "to": "2031-05-04"}, 422, "RANGE_TOO_LARGE"),
        ({**WEEK, "team_id": "019c0000-0000-7000-8000-000000000000"}, 400, "INVALID_PARAMETER"),
        ({**WEEK, "planet": "Mars"}, 400, "INVALID_PARAMETER"),
    ],
)
def test_spans_that_are_refused(query: dict[str, str], status: int, code: str, api: Any, mona: User) -> None:
    for url in (CALENDAR, WORKLOAD):
        assert_error(api(mona).get(url, query), status, code)
