"""A plan and its orders: never two at once, each due time once, late, skipped, paused, by calendar and by counter."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.errors import Duplicate, HasOpenWork, InvalidTransition, ValidationFailed
from faultreporter.notifications.models import Notification
from locations.tests.factories import LocationFactory
from telemetry.intake.ingest import ingest
from telemetry.tests.factories import MetricFactory
from workorders.generation import generate_due, read_meters
from workorders.horizon import by_week, due_times
from workorders.models import MaintenancePlan, PlanHasOpenOrder, PlanNotActive, PlanOccurrence, WorkOrder
from workorders.tests.checklists import checklist
from workorders.tests.factories import PlanFactory

pytestmark = pytest.mark.django_db


def day(text: str, hour: int = 8) -> datetime:
    return datetime.fromisoformat(text).replace(hour=hour, tzinfo=UTC)


JANUARY = day("2026-01-01", 0)


def finish(order: WorkOrder, *, by: User, at: datetime) -> None:
    order.assign(to=by, by=by, at=at - timedelta(hours=3))
    order.start(by=by, at=at - timedelta(hours=2))
    order.complete(by=by, at=at, resolution="Done")


def states(plan: MaintenancePlan) -> list[tuple[str, str]]:
    return [(f"{o.due_at:%m-%d}", o.state) for o in plan.occurrences.order_by("due_at")]


def next_due(plan: MaintenancePlan) -> datetime | None:
    plan.refresh_from_db()
    return plan.next_due_at


def test_it_works(tess: User) -> None:
    plan = PlanFactory.create(at=JANUARY, lead_days=7, estimated_minutes=90, checklist=checklist(), assigned_to=tess)

    assert generate_due(at=day("2026-01-01")) == 1

    order = WorkOrder.objects.get()
    assert (order.plan, order.title, order.type, order.status) == (plan, plan.title, "PREVENTIVE", "ASSIGNED")
    assert (order.due_at, order.estimated_minutes) == (day("2026-01-01"), 90)
    assert order.tasks.count() == plan.checklist.items.count() > 0
    assert next_due(plan) == day("2026-02-01")
    assert states(plan) == [("01-01", "GENERATED")]
    assert Notification.objects.get(kind="PLAN_DUE").user == tess


def test_the_order_comes_the_lead_time_before(tess: User) -> None:
    PlanFactory.create(at=day("2026-01-02"), lead_days=7)

    assert generate_due(at=day("2026-01-25", 7)) == 0
    assert generate_due(at=day("2026-01-25", 8)) == 1
    assert WorkOrder.objects.get().due_at == day("2026-02-01")


def test_no_second_order_while_one_is_unfinished() -> None:
    plan = PlanFactory.create(at=JANUARY)
    generate_due(at=day("2026-01-01"))

    assert generate_due(at=day("2026-04-01")) == 0
    with pytest.raises(PlanHasOpenOrder) as refused:
        plan.generate(by=None, at=day("2026-04-01"))
    assert refused.value.meta["number"] == WorkOrder.objects.get().number


def test_a_late_order_of_a_fixed_plan_misses_what_fell_due_meanwhile(tess: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    generate_due(at=day("2026-01-01"))

    finish(WorkOrder.objects.get(), by=tess, at=day("2026-03-10"))

    assert states(plan) == [("01-01", "GENERATED"), ("02-01", "MISSED"), ("03-01", "MISSED")]
    assert next_due(plan) == day("2026-04-01")
    assert plan.last_completed_at == day("2026-03-10")


def test_a_fixed_plan_done_early_keeps_its_dates(tess: User) -> None:
    plan = PlanFactory.create(at=day("2026-01-02"), lead_days=20)
    generate_due(at=day("2026-01-13"))

    finish(WorkOrder.objects.get(), by=tess, at=day("2026-01-14"))

    assert next_due(plan) == day("2026-03-01")


def test_a_floating_plan_counts_from_when_it_was_done(tess: User) -> None:
    plan = PlanFactory.create(at=JANUARY, floating=True)
    generate_due(at=day("2026-01-01"))

    finish(WorkOrder.objects.get(), by=tess, at=day("2026-03-10", 15))

    assert next_due(plan) == day("2026-04-10")
    assert states(plan) == [("01-01", "GENERATED")]


def test_work_done_offline_counts_from_when_it_was_done(tess: User) -> None:
    """The phone says so days later; the order's moves carry the earlier time."""
    plan = PlanFactory.create(at=JANUARY, floating=True)
    generate_due(at=day("2026-01-01"))
    order = WorkOrder.objects.get()

    finish(order, by=tess, at=day("2026-01-03"))

    assert next_due(plan) == day("2026-02-03")
    generate_due(at=day("2026-02-03"))
    assert WorkOrder.objects.count() == 2


def test_a_cancelled_order_moves_the_plan_on(mona: User) -> None:
    fixed, floating = PlanFactory.create(at=JANUARY), PlanFactory.create(at=JANUARY, floating=True)
    generate_due(at=day("2026-01-01"))

    for order in WorkOrder.objects.all():
        order.cancel(by=mona, at=day("2026-01-10"), reason="Machine is being replaced")

    assert next_due(fixed) == day("2026-02-01")
    assert next_due(floating) == day("2026-02-10")


def test_a_deleted_order_moves_the_plan_on_and_stays_deleted_once_another_is_made(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    generate_due(at=day("2026-01-01"))
    order = WorkOrder.objects.get()
    order.soft_delete(by=mona, at=day("2026-01-02"))
    assert next_due(plan) == day("2026-02-01")
    generate_due(at=day("2026-02-01"))

    with pytest.raises(PlanHasOpenOrder):
        order.restore(by=mona, at=day("2026-02-02"))


def test_completed_work_is_not_reopened_once_the_next_order_is_there(tess: User) -> None:
    PlanFactory.create(at=JANUARY)
    generate_due(at=day("2026-01-01"))
    order = WorkOrder.objects.get()
    finish(order, by=tess, at=day("2026-01-02"))
    generate_due(at=day("2026-02-01"))

    with pytest.raises(PlanHasOpenOrder):
        order.reopen(by=tess, at=day("2026-02-02"), reason="Still leaks")


def test_after_an_outage_one_order_is_made_for_the_last_due_time() -> None:
    plan = PlanFactory.create(at=JANUARY)

    assert generate_due(at=day("2026-04-20")) == 1

    assert states(plan) == [("01-01", "MISSED"), ("02-01", "MISSED"), ("03-01", "MISSED"), ("04-01", "GENERATED")]


def test_skipping_needs_a_reason_and_leaves_out_one(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)

    with pytest.raises(ValidationFailed):
        plan.skip(by=mona, at=day("2026-01-01"), reason=" ")
    plan.skip(by=mona, at=day("2026-01-01"), reason="Building is closed")

    assert states(plan) == [("01-01", "SKIPPED")]
    assert next_due(plan) == day("2026-02-01")
    assert generate_due(at=day("2026-01-15")) == 0


def test_an_order_that_is_out_cannot_be_skipped(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    generate_due(at=day("2026-01-01"))

    with pytest.raises(PlanHasOpenOrder):
        plan.skip(by=mona, at=day("2026-01-02"), reason="No time")


def test_a_paused_plan_makes_no_orders_and_owes_none_afterwards(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    plan.pause(by=mona, at=JANUARY, reason="Renovation")

    assert generate_due(at=day("2026-03-15")) == 0
    with pytest.raises(PlanNotActive):
        plan.generate(by=mona, at=day("2026-03-15"))
    plan.resume(by=mona, at=day("2026-03-15"))

    assert next_due(plan) == day("2026-04-01")
    with pytest.raises(InvalidTransition):
        plan.resume(by=mona, at=day("2026-03-15"))


def test_a_pause_that_ends_by_itself(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    plan.pause(by=mona, at=JANUARY, reason="Renovation", until=date(2026, 3, 15))

    assert next_due(plan) == day("2026-04-01")
    assert generate_due(at=day("2026-03-14")) == 0
    assert generate_due(at=day("2026-04-01")) == 1


def test_a_plan_ends(tess: User) -> None:
    plan = PlanFactory.create(at=JANUARY, ends_on=date(2026, 1, 31))
    generate_due(at=day("2026-01-01"))

    finish(WorkOrder.objects.get(), by=tess, at=day("2026-01-02"))

    assert next_due(plan) is None
    assert not plan.is_active(day("2026-01-03"))
    assert generate_due(at=day("2027-01-01")) == 0


def test_a_plan_sleeps_while_its_machine_is_out_of_service(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    machine = plan.equipment
    machine.soft_delete(by=mona, at=day("2026-01-01", 1))

    assert generate_due(at=day("2026-02-15")) == 0
    machine.restore(by=mona, at=day("2026-02-16"))
    assert generate_due(at=day("2026-02-17")) == 1

    assert states(plan) == [("01-01", "MISSED"), ("02-01", "GENERATED")]


def test_a_machine_with_an_unfinished_planned_order_stays(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    generate_due(at=day("2026-01-01"))

    with pytest.raises(HasOpenWork):
        plan.equipment.soft_delete(by=mona, at=day("2026-01-02"))
    with pytest.raises(HasOpenWork):
        plan.soft_delete(by=mona, at=day("2026-01-02"))


def test_somebody_who_left_gets_no_orders(tess: User) -> None:
    PlanFactory.create(at=JANUARY, assigned_to=tess)
    User.objects.filter(pk=tess.pk).update(is_active=False)

    assert generate_due(at=day("2026-01-01")) == 1
    assert WorkOrder.objects.get().status == "OPEN"


def test_the_sites_clock_says_when_it_is_due() -> None:
    site = LocationFactory.create(time_zone="America/New_York")
    plan = PlanFactory.create(at=JANUARY, equipment=EquipmentFactory.create(location=site), rule="FREQ=MONTHLY")

    assert plan.next_due_at == datetime(2026, 1, 1, 13, tzinfo=UTC)
    plan.change(by=None, at=day("2026-06-15"), due_time=time(9))
    assert plan.next_due_at == datetime(2026, 7, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rule": ""}, "rule"),
        ({"rule": "FREQ=SECONDLY"}, "rule"),
        ({"start_date": None}, "start_date"),
        ({"ends_on": date(2025, 1, 1)}, "ends_on"),
        ({"trigger": "BOTH"}, "metric"),
        ({"trigger": "METER", "start_date": None}, "rule"),
        ({"meter_interval": 5.0}, "trigger"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        PlanFactory.create(at=JANUARY, **fields)

    assert [detail.field for detail in refused.value.details] == [field]


def test_editing_moves_the_next_due_time(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)

    plan.change(by=mona, at=day("2026-01-10"), rule="FREQ=WEEKLY;BYDAY=MO", lead_days=2)

    assert next_due(plan) == day("2026-01-12")
    assert plan.generate_at == day("2026-01-10")
    assert plan.events.first().data["rule"] == {"from": "FREQ=MONTHLY", "to": "FREQ=WEEKLY;BYDAY=MO"}


# --- by counter ---


def hours(plan: MaintenancePlan, value: float, at: datetime) -> None:
    reading = {
        "equipment_id": str(plan.equipment_id), "metric": plan.metric.code, "value": value,
        "recorded_at": at.isoformat(),
    }  # fmt: skip
    ingest([reading], at=at)
    read_meters()
    plan.refresh_from_db()


def counted(**fields: Any) -> MaintenancePlan:
    metric = MetricFactory.create(code="running_hours", unit="h", physical_min=0, physical_max=1e7)
    return PlanFactory.create(at=JANUARY, by_meter=True, metric=metric, **fields)


def test_a_counter_makes_the_order_when_it_gets_there(tess: User) -> None:
    plan = counted(lead_days=3)
    hours(plan, 12_000, day("2026-01-01"))
    assert plan.meter.due == 12_500

    hours(plan, 12_499, day("2026-01-20"))
    assert generate_due(at=day("2026-01-20")) == 0
    hours(plan, 12_510, day("2026-01-21"))
    assert generate_due(at=day("2026-01-21")) == 1

    order = WorkOrder.objects.get()
    assert order.due_at == day("2026-01-24")
    assert generate_due(at=day("2026-01-22")) == 0
    finish(order, by=tess, at=day("2026-01-23"))
    plan.refresh_from_db()
    assert plan.meter.due == 13_000
    assert generate_due(at=day("2026-01-24")) == 0


def test_a_floating_counter_counts_from_what_it_showed_when_it_was_done(tess: User) -> None:
    plan = counted(schedule="FLOATING", meter_base=11_900.0)
    hours(plan, 12_000, day("2026-01-01"))
    hours(plan, 12_450, day("2026-01-20"))
    generate_due(at=day("2026-01-20"))

    finish(WorkOrder.objects.get(), by=tess, at=day("2026-01-21"))

    plan.refresh_from_db()
    assert plan.meter.due == 12_950


def test_a_replaced_counter_goes_on_where_the_old_one_was() -> None:
    plan = counted()
    for value, text in ((400, "2026-01-01"), (800, "2026-01-10"), (5, "2026-01-11"), (20, "2026-01-12")):
        hours(plan, value, day(text))

    assert plan.meter.total == 820
    assert generate_due(at=day("2026-01-12")) == 0
    hours(plan, 110, day("2026-01-20"))
    assert generate_due(at=day("2026-01-20")) == 1


def test_a_reading_that_somebody_typed_makes_the_order(tess: User, api: Any) -> None:
    """No gateway: Tess reads the hours on her round, offline, and her phone sends them in the evening."""
    plan = counted()
    hours(plan, 12_000, day("2026-01-01"))
    read_at = day("2026-01-20")
    typed = {
        "equipment_id": str(plan.equipment_id), "metric": plan.metric.code, "value": 12_510,
        "recorded_at": read_at.isoformat(),
    }  # fmt: skip
    with time_machine.travel(read_at + timedelta(hours=9)):
        answer = api(tess).post("/api/v1/iot-data/by-hand", {"readings": [typed]}, format="json")
    assert answer.status_code == 200

    assert read_meters() == 1
    assert generate_due(at=read_at + timedelta(hours=10)) == 1

    plan.refresh_from_db()
    assert (plan.meter.total, plan.meter.seen_at) == (12_510, read_at)
    assert WorkOrder.objects.get().equipment == plan.equipment


@pytest.mark.parametrize(("reading", "comes"), [(12_600, "2026-01-10"), (12_100, "2026-02-01")])
def test_of_calendar_and_counter_the_first_counts(reading: float, comes: str, tess: User) -> None:
    metric = MetricFactory.create(code="running_hours", unit="h", physical_min=0, physical_max=1e7)
    plan = PlanFactory.create(
        at=day("2026-01-02"), trigger="BOTH", metric=metric, meter_interval=500.0, schedule="FLOATING",
        start_date=date(2026, 2, 1),
    )  # fmt: skip
    hours(plan, 12_000, day("2026-01-03"))
    hours(plan, reading, day("2026-01-09"))

    assert generate_due(at=day("2026-01-10")) == int(comes == "2026-01-10")
    generate_due(at=day("2026-02-01"))

    order = WorkOrder.objects.get()
    assert order.created_at == day(comes)
    finish(order, by=tess, at=day("2026-02-03"))
    assert next_due(plan) == day("2026-03-03")
    assert plan.meter.due == reading + 500


# --- ahead and behind ---


def test_the_horizon_shows_what_was_and_what_will_be(mona: User, time_machine: Any) -> None:
    time_machine.move_to(day("2026-02-15"))
    plan = PlanFactory.create(at=JANUARY, estimated_minutes=30)
    generate_due(at=day("2026-01-01"))
    WorkOrder.objects.get().cancel(by=mona, at=day("2026-01-02"), reason="No parts")
    plan.skip(by=mona, at=day("2026-01-03"), reason="No parts")

    times = due_times(MaintenancePlan.objects.all(), JANUARY, day("2026-05-01"))

    assert [(f"{t.due_at:%m-%d}", t.state, t.minutes) for t in times] == [
        ("01-01", "GENERATED", 30), ("02-01", "SKIPPED", 0), ("03-01", "EXPECTED", 30), ("04-01", "EXPECTED", 30),
    ]  # fmt: skip
    weeks = by_week(times, date(2026, 3, 1), date(2026, 3, 31))
    assert [(f"{w.starts_on:%m-%d}", w.minutes) for w in weeks] == [
        ("02-23", 30), ("03-02", 0), ("03-09", 0), ("03-16", 0), ("03-23", 0), ("03-30", 30),
    ]  # fmt: skip


def test_compliance_counts_what_was_done_in_time(tess: User, mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY, tolerance_days=3)
    for month, done in (("01", "2026-01-02"), ("02", "2026-02-09"), ("03", "2026-03-01")):
        generate_due(at=day(f"2026-{month}-01"))
        finish(WorkOrder.objects.unfinished().get(), by=tess, at=day(done, 20))
    plan.refresh_from_db()
    plan.skip(by=mona, at=day("2026-03-20"), reason="Easter")

    assert PlanOccurrence.objects.compliance(at=day("2026-04-20")) == {
        "on_time": 2, "late": 1, "missed": 0, "skipped": 1, "on_time_percent": 66.7,
    }  # fmt: skip


def test_two_plans_of_a_machine_have_two_titles(mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    plan.soft_delete(by=mona, at=JANUARY)
    other = PlanFactory.create(at=JANUARY, equipment=plan.equipment, title=plan.title)

    with pytest.raises((Duplicate, Exception), match="uniq_maintenance_plans_title_living"):
        plan.restore(by=mona, at=JANUARY)
    assert other.is_active(JANUARY)
