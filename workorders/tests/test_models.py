"""What can happen to a work order, what can't, and what it does to the machine and the alert."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from equipment.tests.factories import EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.errors import InvalidTransition, NotFound, ValidationFailed
from locations.models import SiteMembership
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder
from workorders.tests.factories import WAY_TO, WorkOrderFactory, move, order_in

pytestmark = pytest.mark.django_db

ENDS = {
    ("assign", "OPEN"): "ASSIGNED",
    ("assign", "ASSIGNED"): "ASSIGNED",
    ("assign", "IN_PROGRESS"): "IN_PROGRESS",
    ("assign", "ON_HOLD"): "ON_HOLD",
    ("start", "ASSIGNED"): "IN_PROGRESS",
    ("hold", "IN_PROGRESS"): "ON_HOLD",
    ("resume", "ON_HOLD"): "IN_PROGRESS",
    ("complete", "IN_PROGRESS"): "COMPLETED",
    ("close", "COMPLETED"): "CLOSED",
    ("reopen", "COMPLETED"): "IN_PROGRESS",
    ("cancel", "OPEN"): "CANCELLED",
    ("cancel", "ASSIGNED"): "CANCELLED",
    ("cancel", "IN_PROGRESS"): "CANCELLED",
    ("cancel", "ON_HOLD"): "CANCELLED",
}


def actions(order: WorkOrder) -> list[str]:
    return [move["action"] for move in order.allowed_transitions()]


def kinds(order: WorkOrder) -> list[str]:
    return list(order.events.order_by("at", "id").values_list("kind", flat=True))


@pytest.mark.parametrize("status", WorkOrder.Status.values)
@pytest.mark.parametrize("name", WorkOrder.LIFECYCLE.moves)
def test_the_whole_table_of_moves(name: str, status: str, tess: User) -> None:
    order = order_in(status, by=tess)
    end = ENDS.get((name, status))

    if end is None:
        with pytest.raises(InvalidTransition) as refused:
            move(order, name, by=tess)
        assert refused.value.meta["from"] == status
        assert name not in actions(order)
    else:
        assert name in actions(order)
        move(order, name, by=tess)
        assert WorkOrder.objects.get(pk=order.pk).status == end


@pytest.mark.parametrize("status", WAY_TO)
def test_a_refusal_names_the_states_that_can_be_reached(status: str) -> None:
    reachable = {end for (_, start), end in ENDS.items() if start == status and end != status}
    assert set(WorkOrder.LIFECYCLE.targets(status)) == reachable


def test_every_move_is_on_the_timeline(tess: User) -> None:
    order = WorkOrderFactory.create(created_by=tess)
    for name in ("assign", "start", "hold", "resume", "complete", "reopen", "complete", "close"):
        move(order, name, by=tess)

    assert kinds(order) == [
        "RAISED", "ASSIGNED", "STARTED", "HELD", "RESUMED", "COMPLETED", "REOPENED", "COMPLETED", "CLOSED",
    ]  # fmt: skip
    assert not order.events.exclude(by=tess).exists()


@pytest.mark.parametrize("name", ["hold", "reopen", "cancel"])
def test_a_reason_says_something(name: str, tess: User) -> None:
    order = order_in({"hold": "IN_PROGRESS", "reopen": "COMPLETED", "cancel": "OPEN"}[name], by=tess)

    with pytest.raises(ValidationFailed) as refused:
        move(order, name, by=tess, reason="  ")

    assert refused.value.details[0].field == "reason"


def test_completing_says_what_was_done(tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    with pytest.raises(ValidationFailed):
        move(order, "complete", by=tess, resolution="")


# Who may get it


@pytest.mark.parametrize("who", ["rita", "adam"])
def test_work_goes_to_technicians_and_managers(who: str, request: Any, mona: User) -> None:
    with pytest.raises(ValidationFailed) as refused:
        WorkOrderFactory.create().assign(to=request.getfixturevalue(who), by=mona, at=timezone.now())

    assert refused.value.details[0].field == "user_id"


def test_work_goes_to_active_people(mona: User, tess: User) -> None:
    tess.is_active = False

    with pytest.raises(ValidationFailed):
        WorkOrderFactory.create().assign(to=tess, by=mona, at=timezone.now())


def test_work_goes_to_people_who_see_the_site(mona: User, tess: User, olga: User) -> None:
    site = LocationFactory.create(restricted=True)
    SiteMembership.objects.create(user=tess, site=site)
    order = WorkOrderFactory.create(equipment=EquipmentFactory.create(location=site))

    with pytest.raises(ValidationFailed):
        order.assign(to=olga, by=mona, at=timezone.now())

    order.assign(to=tess, by=mona, at=timezone.now())
    assert order.assigned_to == tess


def test_a_running_job_changes_hands(mona: User, tess: User, olga: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    order.assign(to=olga, by=mona, at=timezone.now())

    assert (order.status, order.assigned_to) == ("IN_PROGRESS", olga)
    assert order.events.filter(kind="ASSIGNED")[0].data == {"user_id": str(olga.pk), "before": str(tess.pk)}


# What is written down


def test_findings_and_costs(tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)
    mode = FailureModeFactory.create(category=None)

    move(
        order, "complete", by=tess, failure_mode=mode, cause="Wear", remedy="New bearing", labour_minutes=90,
        labour_cost=Decimal("75.00"), parts_cost=Decimal("120.50"),
    )  # fmt: skip

    order.refresh_from_db()
    assert (order.failure_mode, order.cause, order.remedy, order.labour_minutes) == (mode, "Wear", "New bearing", 90)
    assert (order.total_cost, order.currency) == (Decimal("195.50"), "EUR")


def test_a_failure_mode_of_another_category_is_refused(tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    with pytest.raises(ValidationFailed) as refused:
        move(order, "complete", by=tess, failure_mode=FailureModeFactory.create())

    assert refused.value.details[0].field == "failure_mode"


def test_nothing_written_down_costs_nothing_known() -> None:
    assert WorkOrderFactory.create().total_cost is None


def test_editing_says_what_changed(tess: User) -> None:
    order = WorkOrderFactory.create(title="Job")

    order.change(by=tess, at=timezone.now(), title="Bearing", priority="MEDIUM")

    assert order.events.get(kind="EDITED").data == {"title": {"from": "Job", "to": "Bearing"}}
    order.change(by=tess, at=timezone.now(), title="Bearing")
    assert order.events.filter(kind="EDITED").count() == 1


@pytest.mark.parametrize("status", ["CLOSED", "CANCELLED"])
def test_what_is_over_is_not_edited(status: str, tess: User) -> None:
    order = order_in(status, by=tess)

    with pytest.raises(InvalidTransition):
        order.change(by=tess, at=timezone.now(), title="Something else")


def test_the_type_is_fixed_once_work_has_started(tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    with pytest.raises(ValidationFailed):
        order.change(by=tess, at=timezone.now(), type="PREVENTIVE")


@pytest.mark.parametrize("status", WAY_TO)
def test_only_what_nobody_worked_on_is_deleted(status: str, tess: User, mona: User) -> None:
    order = order_in(status, by=tess)

    if status in {"OPEN", "CANCELLED"}:
        order.soft_delete(by=mona, at=timezone.now())
        order.soft_delete(by=mona, at=timezone.now())
        assert kinds(order)[-1] == "DELETED"
        with pytest.raises(NotFound):
            move(order, "cancel", by=mona)
        order.restore(by=mona, at=timezone.now())
        assert order.deleted_at is None
    else:
        with pytest.raises(InvalidTransition):
            order.soft_delete(by=mona, at=timezone.now())


def test_overdue() -> None:
    now = timezone.now()
    late = WorkOrderFactory.create(due_at=now - timedelta(hours=1))
    WorkOrderFactory.create(due_at=now + timedelta(hours=1))
    WorkOrderFactory.create()

    assert list(WorkOrder.objects.overdue(now)) == [late]
    assert late.is_overdue(now)


def test_numbers_are_gapless_per_year(tess: User) -> None:
    new_year = datetime(2031, 1, 1, tzinfo=UTC)
    first = WorkOrderFactory.create(at=new_year)
    with transaction.atomic():
        WorkOrderFactory.create(at=new_year)
        transaction.set_rollback(True)
    second = WorkOrderFactory.create(at=new_year)
    next_year = WorkOrderFactory.create(at=new_year.replace(year=2032))

    assert [o.number for o in (first, second, next_year)] == ["WO-2031-000001", "WO-2031-000002", "WO-2032-000001"]
    assert str(first) == f"WO-2031-000001 {first.title}"


def test_who_is_concerned(tess: User, rita: User, mona: User, olga: User) -> None:
    order = order_in("ASSIGNED", by=tess, created_by=mona)
    order.equipment.assignments.create(user=rita)

    assert [order.concerns(user) for user in (tess, mona, rita, olga)] == [True, True, True, False]
