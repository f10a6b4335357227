"""Jobs for a team, and jobs planned for a day."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from equipment.models import Team
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.errors import InvalidTransition, ValidationFailed
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder
from workorders.tests.factories import WorkOrderFactory, move, order_in

pytestmark = pytest.mark.django_db
URL = "/api/v1/work-orders"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)  # a Monday


@pytest.fixture
def crew(tess: User) -> Team:
    return Team.add(name="Lift crew", members=[tess], by=None, at=timezone.now() - timedelta(days=1))


def test_whoever_of_the_team_starts_the_job_does_it(api: Any, crew: Team, tess: User, mona: User) -> None:
    order = WorkOrderFactory.create()
    given = api(mona).post(f"{URL}/{order.pk}/assign", {"team_id": str(crew.pk)}, format="json").json()["data"]
    mine = api(tess).get("/api/v1/me/work-orders").json()["data"]
    started = api(tess).post(f"{URL}/{order.pk}/start").json()["data"]

    assert (given["status"], given["assigned_to"], given["assigned_team"]["name"]) == ("ASSIGNED", None, "Lift crew")
    assert [row["id"] for row in mine] == [str(order.pk)]
    assert (started["status"], started["assigned_to"]["display_name"]) == ("IN_PROGRESS", "Tess")
    assert started["assigned_team"]["name"] == "Lift crew"
    assert order.events.get(kind="ASSIGNED").data == {"team_id": str(crew.pk), "before": None}


def test_nobody_else_starts_a_teams_job(api: Any, crew: Team, mona: User, olga: User) -> None:
    order = WorkOrderFactory.create()
    order.assign(team=crew, by=mona, at=timezone.now())

    assert_error(api(mona).post(f"{URL}/{order.pk}/start"), 409, "INVALID_TRANSITION")
    assert_error(api(olga).post(f"{URL}/{order.pk}/start"), 403, "PERMISSION_DENIED")
    assert api(olga).get("/api/v1/me/work-orders").json()["data"] == []


def test_a_job_is_for_a_person_or_for_a_team(api: Any, crew: Team, tess: User, mona: User) -> None:
    order = WorkOrderFactory.create()
    both = {"user_id": str(tess.pk), "team_id": str(crew.pk)}

    for body in ({}, both):
        assert_error(api(mona).post(f"{URL}/{order.pk}/assign", body, format="json"), 400, "VALIDATION_ERROR")
    order.assign(team=crew, by=mona, at=timezone.now())
    order.assign(to=tess, by=mona, at=timezone.now())
    assert (order.assigned_to, order.assigned_team) == (tess, None)


def test_teams_that_cannot_do_it(crew: Team, tess: User, mona: User) -> None:
    order, now = WorkOrderFactory.create(), timezone.now()
    elsewhere = Team.add(name="Far away", site=LocationFactory.create(), members=[tess], by=None, at=now)
    empty = Team.add(name="Nobody", by=None, at=now)
    dissolved = Team.add(name="Gone", members=[tess], by=None, at=now)
    dissolved.soft_delete(by=None, at=now)

    for team in (elsewhere, empty, dissolved):
        with pytest.raises(ValidationFailed):
            order.assign(team=team, by=mona, at=timezone.now())
    running = order_in("IN_PROGRESS", by=tess)
    with pytest.raises(ValidationFailed):
        running.assign(team=crew, by=mona, at=timezone.now())


def test_filters(api: Any, crew: Team, tess: User, mona: User) -> None:
    order = WorkOrderFactory.create()
    order.assign(team=crew, by=mona, at=timezone.now())
    WorkOrderFactory.create()

    for query in ({"assigned_team": str(crew.pk)}, {"assigned_to_me": "true"}):
        assert [row["id"] for row in api(tess).get(URL, query).json()["data"]] == [str(order.pk)], query
    assert len(api(tess).get(URL, {"assigned_to_me": "false"}).json()["data"]) == 1


def planned(**fields: Any) -> WorkOrder:
    site = LocationFactory.create(time_zone="Europe/Berlin")
    building = LocationFactory.create(kind="BUILDING", parent=site)
    return WorkOrderFactory.create(equipment=EquipmentFactory.create(location=building), at=NOW, **fields)


def test_a_job_is_planned_for_a_day(api: Any, mona: User, tess: User) -> None:
    order = WorkOrderFactory.create()
    day = timezone.localdate() + timedelta(days=3)
    body = {"planned_date": f"{day}", "start_time": "08:30", "estimated_minutes": 90}

    answer = api(mona).post(f"{URL}/{order.pk}/schedule", body, format="json").json()["data"]

    assert (answer["planned_date"], answer["estimated_minutes"]) == (f"{day}", 90)
    assert [row["id"] for row in api(tess).get(URL, {"planned_from": f"{day}"}).json()["data"]] == [str(order.pk)]
    assert order.events.get(kind="SCHEDULED").note == f"{day} 08:30"
    assert_error(api(tess).post(f"{URL}/{order.pk}/schedule", body, format="json"), 403, "PERMISSION_DENIED")
    gone = api(mona).post(f"{URL}/{order.pk}/schedule", {"planned_date": None}, format="json").json()["data"]
    assert (gone["planned_date"], gone["planned_start_at"], gone["estimated_minutes"]) == (None, None, 90)


def test_another_day_keeps_the_hour_on_the_wall(mona: User) -> None:
    """Over the change to summer time, which is on 29 March 2026 in Berlin."""
    order = planned()

    order.schedule(by=mona, at=NOW, day=date(2026, 3, 27), start=time(8))
    assert order.planned_start_at == datetime(2026, 3, 27, 7, tzinfo=UTC)
    order.schedule(by=mona, at=NOW, day=date(2026, 3, 30))
    assert order.planned_start_at == datetime(2026, 3, 30, 6, tzinfo=UTC)


def test_days_are_the_sites(mona: User) -> None:
    order = planned()
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # half past midnight of the third in Berlin

    order.schedule(by=mona, at=late, day=date(2026, 3, 3))
    with pytest.raises(ValidationFailed, match="over"):
        order.schedule(by=mona, at=late, day=date(2026, 3, 2))
    with pytest.raises(ValidationFailed, match="two years"):
        order.schedule(by=mona, at=late, day=date(2030, 3, 2))


def test_finished_work_is_not_planned(mona: User, tess: User) -> None:
    order = order_in("COMPLETED", by=tess)

    with pytest.raises(InvalidTransition):
        order.schedule(by=mona, at=timezone.now(), day=timezone.localdate() + timedelta(days=1))


def test_planning_is_no_move(mona: User, tess: User) -> None:
    order = order_in("ASSIGNED", by=tess)
    before = order.moved_at

    order.schedule(by=mona, at=timezone.now() + timedelta(hours=1), day=timezone.localdate() + timedelta(days=1))
    move(order, "start", by=tess)

    assert before <= order.moved_at < timezone.now() + timedelta(minutes=1)


def test_the_back_office_plans_and_gives_to_a_team(backoffice: Any, crew: Team, mona: User) -> None:
    browser, order = backoffice(mona), WorkOrderFactory.create()
    page = f"/admin/workorders/workorder/{order.pk}"
    day = timezone.localdate() + timedelta(days=1)

    assert f"{page}/schedule/" in browser.get(f"{page}/change/").content.decode()
    assert browser.post(f"{page}/schedule/", {"day": f"{day}", "start": "08:00", "minutes": "45"}).status_code == 302
    assert browser.post(f"{page}/assign/", {"team": str(crew.pk)}).status_code == 302
    order.refresh_from_db()
    assert (order.planned_date, order.estimated_minutes, order.assigned_team) == (day, 45, crew)
    refused = browser.post(f"{page}/schedule/", {"day": "2020-01-01"})
    assert "That day is over." in refused.content.decode()
