"""What a work order does to the machine and to the alert it came from."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from alerts.models import Alert
from alerts.tests.factories import AlertFactory, clear, fire, make_rule
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.errors import HasOpenWork, InvalidTransition, NotFound
from workorders.models import AlreadyConverted, WorkOrder
from workorders.services import raise_work_order
from workorders.signals import work_order_completed
from workorders.tests.factories import WorkOrderFactory, move, order_in

pytestmark = pytest.mark.django_db


def machine(record: WorkOrder | Alert) -> Equipment:
    return Equipment.objects.get(pk=record.equipment_id)


def actions(order: WorkOrder) -> list[str]:
    return [move["action"] for move in order.allowed_transitions()]


# The machine


@pytest.mark.parametrize(
    ("kind", "status", "failure"),
    [
        ("CORRECTIVE", "ERROR", True),
        ("PREVENTIVE", "MAINTENANCE", False),
        ("INSPECTION", "ONLINE", None),
        ("CALIBRATION", "ONLINE", None),
        ("IMPROVEMENT", "ONLINE", None),
    ],
)
def test_which_work_stops_the_machine(kind: str, status: str, failure: bool | None, tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess, type=kind)

    assert machine(order).status == status
    assert [i.counts_as_failure for i in StatusInterval.objects.all()] == ([] if failure is None else [failure])


@pytest.mark.parametrize(
    ("kind", "down", "status"), [("CORRECTIVE", False, "ONLINE"), ("INSPECTION", True, "MAINTENANCE")]
)
def test_whoever_starts_it_may_know_better(kind: str, down: bool, status: str, tess: User) -> None:
    order = order_in("ASSIGNED", by=tess, type=kind)

    move(order, "start", by=tess, equipment_down=down)

    assert machine(order).status == status


def test_completing_brings_the_machine_back(tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    move(order, "complete", by=tess)

    assert machine(order).status == "ONLINE"
    assert StatusInterval.objects.get().ended_at == order.completed_at


def test_completing_leaves_the_machine_down_while_another_fault_holds_it(tess: User) -> None:
    other = AlertFactory.create(critical=True)
    order = order_in("IN_PROGRESS", by=tess, equipment=other.equipment)

    move(order, "complete", by=tess)

    assert machine(order).status == "ERROR"
    other.resolve(by=tess, at=timezone.now())
    assert machine(order).status == "ONLINE"


def test_a_cancelled_start_was_no_failure(tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    move(order, "cancel", by=tess)

    interval = StatusInterval.objects.get()
    assert (machine(order).status, interval.counts_as_failure) == ("ONLINE", False)
    assert interval.exclusion_reason == "CANCELLED"


def test_cancelling_ends_with_the_first_logged_work(tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)
    order.change(by=tess, at=timezone.now(), labour_minutes=15)

    with pytest.raises(InvalidTransition) as refused:
        move(order, "cancel", by=tess)

    assert "CANCELLED" not in refused.value.meta["allowed"]
    assert "cancel" not in actions(order)


def test_reopening_takes_the_machine_down_again(tess: User) -> None:
    order = order_in("COMPLETED", by=tess)

    move(order, "reopen", by=tess)

    assert (machine(order).status, order.completed_at, order.resolution) == ("ERROR", None, "Bearing replaced")


def test_a_machine_with_open_orders_stays(mona: User) -> None:
    order = WorkOrderFactory.create()

    with pytest.raises(HasOpenWork) as refused:
        order.equipment.soft_delete(by=mona, at=timezone.now())
    assert refused.value.meta == {"work_order_id": str(order.pk)}

    move(order, "cancel", by=mona)
    order.equipment.soft_delete(by=mona, at=timezone.now())


# The alert


def converted(by: User, **fields: Any) -> tuple[Alert, WorkOrder]:
    alert = AlertFactory.create(**fields)
    order = raise_work_order(alert=alert, by=by, at=timezone.now())
    return alert, order


def test_an_order_carries_everything_on_the_alert(mona: User, rita: User) -> None:
    photo = make_attachment(by=rita)
    alert, order = converted(mona, title="Drips", description="By the door", severity="HIGH", attachments=[photo])

    assert (order.title, order.description, order.priority, order.type) == (
        "Drips",
        "By the door",
        "HIGH",
        "CORRECTIVE",
    )
    assert (order.equipment, order.alert, order.created_by) == (alert.equipment, alert, mona)
    assert list(order.attachments.all()) == [photo]
    alert.refresh_from_db()
    assert (alert.status, alert.acknowledged_by) == ("ACKNOWLEDGED", mona)
    assert alert.events.get(kind="WORK_ORDER").data == {"number": order.number}


def test_what_is_said_overrides_what_is_carried(mona: User) -> None:
    order = raise_work_order(
        alert=AlertFactory.create(), by=mona, at=timezone.now(), title="Look at it", priority="LOW"
    )

    assert (order.title, order.priority) == ("Look at it", "LOW")


def test_an_alert_is_converted_once_at_a_time(mona: User) -> None:
    alert, order = converted(mona)

    with pytest.raises(AlreadyConverted) as refused:
        raise_work_order(alert=alert, by=mona, at=timezone.now())
    assert refused.value.meta == {"work_order_id": str(order.pk), "number": order.number}

    move(order, "cancel", by=mona)
    assert raise_work_order(alert=alert, by=mona, at=timezone.now()).pk != order.pk


def test_the_database_too_knows_one_unfinished_order_per_alert(mona: User) -> None:
    alert, _ = converted(mona)

    with pytest.raises(IntegrityError), transaction.atomic():
        WorkOrderFactory.create(equipment=alert.equipment, alert=alert)


@pytest.mark.parametrize("end", ["resolve", "soft_delete"])
def test_a_fault_that_is_over_needs_no_order(end: str, mona: User) -> None:
    alert = AlertFactory.create()
    getattr(alert, end)(by=mona, at=timezone.now())

    with pytest.raises(InvalidTransition if end == "resolve" else NotFound):
        raise_work_order(alert=alert, by=mona, at=timezone.now())


def test_completing_resolves_the_alert(mona: User, tess: User) -> None:
    alert, order = converted(mona, critical=True)
    for name in ("assign", "start", "complete"):
        move(order, name, by=tess)

    alert.refresh_from_db()
    assert (alert.status, alert.resolution, alert.resolved_by) == ("RESOLVED", "FIXED", tess)
    assert machine(order).status == "ONLINE"
    interval = StatusInterval.objects.get()
    assert (interval.started_at, interval.ended_at) == (alert.occurred_at, order.completed_at)


def test_completing_while_the_rule_still_fires_waits_for_it_to_clear(mona: User, tess: User) -> None:
    rule, series = make_rule(EquipmentFactory.create())
    alert = fire(rule, series)
    order = raise_work_order(alert=alert, by=mona, at=timezone.now())
    for name in ("assign", "start", "complete"):
        move(order, name, by=tess)

    alert.refresh_from_db()
    assert (alert.status, alert.repaired_at) == ("ACKNOWLEDGED", order.completed_at)
    clear(rule, series)
    alert.refresh_from_db()
    assert (alert.status, alert.resolution) == ("RESOLVED", "FIXED")


def test_reopening_reopens_the_alert_it_resolved(mona: User, tess: User) -> None:
    alert, order = converted(mona, critical=True)
    for name in ("assign", "start", "complete", "reopen"):
        move(order, name, by=tess)

    alert.refresh_from_db()
    assert (alert.status, machine(order).status) == ("OPEN", "ERROR")
    move(order, "complete", by=tess)
    assert machine(order).status == "ONLINE"


def test_reopening_leaves_an_alert_alone_that_was_reported_anew(mona: User, tess: User) -> None:
    alert, order = converted(mona, title="Drips")
    for name in ("assign", "start", "complete"):
        move(order, name, by=tess)
    AlertFactory.create(title="Drips", equipment=alert.equipment)

    move(order, "reopen", by=tess)

    alert.refresh_from_db()
    assert (order.status, alert.status) == ("IN_PROGRESS", "RESOLVED")


def test_reopening_beside_another_unfinished_order_is_refused(mona: User, tess: User) -> None:
    alert, order = converted(mona)
    for name in ("assign", "start", "complete"):
        move(order, name, by=tess)
    alert.refresh_from_db()
    alert.reopen(by=mona, at=timezone.now(), reason="Back")
    raise_work_order(alert=alert, by=mona, at=timezone.now())

    with pytest.raises(AlreadyConverted):
        move(order, "reopen", by=mona)


def test_an_alert_with_an_open_order_stays(mona: User) -> None:
    alert, _ = converted(mona)

    with pytest.raises(HasOpenWork):
        alert.soft_delete(by=mona, at=timezone.now())


def test_completion_is_told_inside_the_transaction(tess: User) -> None:
    heard: list[tuple[WorkOrder, bool]] = []

    def hear(work_order: WorkOrder, **_: Any) -> None:
        heard.append((work_order, transaction.get_connection().in_atomic_block))

    order = order_in("IN_PROGRESS", by=tess)
    work_order_completed.connect(hear)
    move(order, "complete", by=tess)
    work_order_completed.disconnect(hear)

    assert heard == [(order, True)]
