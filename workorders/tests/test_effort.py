"""Hours, parts and other cost: the rows are the truth, the order's totals their sums."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.errors import DomainError, InvalidTransition, ValidationFailed, VersionConflict
from faultreporter.notifications.models import Notification
from faultreporter.roles import Role
from faultreporter.testing import make_person
from workorders.models import (
    CostEntry,
    LabourEntry,
    LabourOverlap,
    LabourRate,
    OutOfStock,
    Part,
    PartInStock,
    PartUse,
    TimerNotRunning,
    TimerRunning,
    WorkOrder,
)
from workorders.models.labour import minutes_between
from workorders.tests.factories import PartFactory, move, order_in

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def totals(order: WorkOrder) -> tuple[Any, ...]:
    order.refresh_from_db()
    return order.labour_minutes, order.labour_cost, order.parts_cost, order.other_cost


@pytest.fixture
def order(tess: User) -> WorkOrder:
    return order_in("IN_PROGRESS", by=tess, at=NOON)


@pytest.fixture
def rate() -> LabourRate:
    """What technicians cost."""
    return LabourRate.objects.create(role=Role.TECHNICIAN, valid_from=date(2026, 1, 1), hourly_rate=Decimal(60))


class TestTimer:
    def test_it_works(self, order: WorkOrder, tess: User, rate: LabourRate) -> None:
        LabourEntry.start_timer(order=order, by=tess, at=NOON)
        entry = LabourEntry.stop_timer(order=order, by=tess, at=NOON + timedelta(minutes=90), note="Bearing")

        assert (entry.minutes, entry.cost, entry.note, entry.is_running) == (90, Decimal("90.00"), "Bearing", False)
        assert totals(order) == (90, Decimal("90.00"), None, None)

    def test_one_person_has_one_timer(self, order: WorkOrder, tess: User) -> None:
        other = order_in("IN_PROGRESS", by=tess)
        LabourEntry.start_timer(order=order, by=tess, at=NOON)

        with pytest.raises(TimerRunning) as refused:
            LabourEntry.start_timer(order=other, by=tess, at=NOON + HOUR)

        assert refused.value.meta["number"] == order.number

    def test_two_people_work_side_by_side(self, order: WorkOrder, tess: User, olga: User) -> None:
        for person in (tess, olga):
            LabourEntry.start_timer(order=order, by=person, at=NOON)
        move(order, "complete", by=tess)

        assert order.labour.running().count() == 0
        assert order.labour.count() == 2

    @pytest.mark.parametrize("name", ["hold", "complete"])
    def test_it_stops_when_the_work_does(self, name: str, order: WorkOrder, tess: User) -> None:
        LabourEntry.start_timer(order=order, by=tess, at=timezone.now() - HOUR)

        move(order, name, by=tess)

        assert totals(order)[0] == 60
        with pytest.raises(TimerNotRunning):
            LabourEntry.stop_timer(order=order, by=tess, at=timezone.now())

    def test_a_worked_hour_makes_cancelling_impossible(self, order: WorkOrder, tess: User) -> None:
        LabourEntry.start_timer(order=order, by=tess, at=timezone.now() - HOUR)

        with pytest.raises(InvalidTransition):
            move(order, "cancel", by=tess)

        assert order.labour.running().count() == 1

    def test_a_forgotten_one_is_cut_and_flagged(self, order: WorkOrder, tess: User) -> None:
        LabourEntry.start_timer(order=order, by=tess, at=NOON)
        entry = LabourEntry.stop_timer(order=order, by=tess, at=NOON + 30 * HOUR)
        assert (entry.minutes, entry.capped) == (720, True)

        entry.change(by=tess, at=NOON + 31 * HOUR, ended_at=NOON + HOUR)

        assert (entry.minutes, entry.capped, totals(order)[0]) == (60, False, 60)

    def test_it_never_stops_before_it_started(self, order: WorkOrder, tess: User) -> None:
        LabourEntry.start_timer(order=order, by=tess, at=NOON)

        with pytest.raises(ValidationFailed):
            LabourEntry.stop_timer(order=order, by=tess, at=NOON - HOUR)

    @pytest.mark.parametrize("state", ["OPEN", "ON_HOLD", "COMPLETED"])
    def test_it_runs_only_where_somebody_works(self, state: str, tess: User) -> None:
        with pytest.raises(InvalidTransition):
            LabourEntry.start_timer(order=order_in(state, by=tess), by=tess, at=timezone.now())

    def test_a_clock_change_neither_adds_nor_takes_an_hour(self) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        before, after = datetime(2026, 3, 29, 1, 30, tzinfo=berlin), datetime(2026, 3, 29, 3, 30, tzinfo=berlin)

        assert minutes_between(before.astimezone(UTC), after.astimezone(UTC)) == 60


class TestEntries:
    def test_minutes_by_hand_at_the_rate_of_the_day(self, order: WorkOrder, tess: User, rate: LabourRate) -> None:
        LabourRate.objects.create(person=tess, valid_from=date(2026, 3, 1), hourly_rate=Decimal(80))
        LabourRate.objects.create(person=tess, valid_from=date(2026, 3, 9), hourly_rate=Decimal(99))

        entry = LabourEntry.log(order=order, person=tess, by=tess, at=NOON, minutes=30, kind="OVERTIME")

        assert (entry.hourly_rate, entry.factor, entry.cost) == (Decimal(80), Decimal("1.5"), Decimal("60.00"))

    def test_a_later_rate_changes_nothing_entered(self, order: WorkOrder, tess: User, rate: LabourRate) -> None:
        entry = LabourEntry.log(order=order, person=tess, by=tess, at=NOON, minutes=30)
        LabourRate.objects.update(hourly_rate=1)

        entry.change(by=tess, at=NOON + HOUR, minutes=60)

        assert entry.cost == Decimal("60.00")

    def test_nobody_works_twice_at_the_same_time(self, order: WorkOrder, tess: User, olga: User) -> None:
        stretch = {"started_at": NOON - HOUR, "ended_at": NOON}
        LabourEntry.log(order=order, person=tess, by=tess, at=NOON, **stretch)
        LabourEntry.log(order=order, person=olga, by=tess, at=NOON, **stretch)

        with pytest.raises(LabourOverlap) as refused:
            LabourEntry.log(
                order=order_in("IN_PROGRESS", by=tess), person=tess, by=tess, at=NOON,
                started_at=NOON - HOUR / 2, ended_at=NOON,
            )  # fmt: skip

        assert refused.value.meta["number"] == order.number

    @pytest.mark.parametrize(
        "said",
        [
            {},
            {"minutes": 5, "started_at": NOON - HOUR, "ended_at": NOON},
            {"started_at": NOON + HOUR},
            {"started_at": NOON - HOUR, "ended_at": NOON - 2 * HOUR},
            {"started_at": NOON - HOUR, "ended_at": NOON + HOUR},
            {"started_at": NOON - 30 * HOUR, "ended_at": NOON},
        ],
    )
    def test_impossible_times_are_refused(self, said: dict[str, Any], order: WorkOrder, tess: User) -> None:
        with pytest.raises(ValidationFailed):
            LabourEntry.log(order=order, person=tess, by=tess, at=NOON, **said)

    def test_a_closed_order_is_read_only(self, tess: User) -> None:
        order = order_in("CLOSED", by=tess)

        with pytest.raises(InvalidTransition):
            LabourEntry.log(order=order, person=tess, by=tess, at=timezone.now(), minutes=5)

    def test_what_is_deleted_counts_no_more(self, order: WorkOrder, tess: User) -> None:
        entry = LabourEntry.log(order=order, person=tess, by=tess, at=NOON, minutes=5)

        entry.soft_delete(by=tess, at=NOON)

        assert totals(order)[0] is None


class TestSayingTotals:
    def test_what_completion_says_becomes_rows(self, order: WorkOrder, tess: User, rate: LabourRate) -> None:
        move(order, "complete", by=tess, labour_minutes=90, parts_cost=Decimal("38.50"))

        assert totals(order) == (90, Decimal("90.00"), Decimal("38.50"), None)
        assert order.labour.get().lump_sum
        assert order.part_uses.get().lump_sum

    def test_only_the_rest_is_added_to_what_is_entered(self, order: WorkOrder, tess: User) -> None:
        LabourEntry.log(order=order, person=tess, by=tess, at=NOON, minutes=60)
        CostEntry.add(order=order, by=tess, at=NOON, description="Crane", amount=Decimal(100))

        move(order, "complete", by=tess, labour_minutes=90, other_cost=Decimal(120))

        assert totals(order) == (90, None, None, Decimal(120))
        assert order.labour.get(lump_sum=True).minutes == 30
        assert order.costs.get(lump_sum=True).amount == 20

    def test_less_than_is_there_already_is_refused(self, order: WorkOrder, tess: User) -> None:
        LabourEntry.log(order=order, person=tess, by=tess, at=NOON, minutes=60)

        with pytest.raises(ValidationFailed) as refused:
            move(order, "complete", by=tess, labour_minutes=45)

        assert refused.value.details[0].field == "labour_minutes"
        order.refresh_from_db()
        assert order.status == "IN_PROGRESS"

    def test_an_edit_may_lower_a_lump_sum_and_drop_it(self, order: WorkOrder, tess: User) -> None:
        order.change(by=tess, at=NOON, labour_minutes=90, parts_cost=Decimal(5))
        order.change(by=tess, at=NOON, labour_minutes=30, parts_cost=None)

        assert totals(order) == (30, None, None, None)
        assert order.part_uses.living().count() == 0

    def test_the_timeline_names_costs_without_amounts(self, order: WorkOrder, tess: User) -> None:
        order.change(by=tess, at=NOON, parts_cost=Decimal(4711))

        assert "4711" not in str(list(order.events.values()))


class TestStock:
    def test_it_works(self, order: WorkOrder, tess: User, mona: User) -> None:
        part = PartFactory.create(unit_cost=Decimal("12.50"), stock=5)

        use = PartUse.take(order=order, part=part, quantity=Decimal(2), by=tess, at=NOON)

        part.refresh_from_db()
        assert (part.stock, use.cost, totals(order)[2]) == (3, Decimal("25.00"), Decimal("25.00"))
        assert [m.kind for m in part.movements.order_by("created_at")] == ["RECEIPT", "USE"]

    def test_more_than_there_is_is_refused(self, order: WorkOrder, tess: User) -> None:
        part = PartFactory.create(stock=1)

        with pytest.raises(OutOfStock) as refused:
            PartUse.take(order=order, part=part, quantity=Decimal(2), by=tess, at=NOON)

        assert Decimal(refused.value.meta["in_stock"]) == 1

    def test_bought_for_the_job(self, order: WorkOrder, tess: User) -> None:
        part = PartFactory.create(stock=1)
        PartUse.take(order=order, part=part, quantity=Decimal(2), from_stock=False, by=tess, at=NOON)
        PartUse.take(
            order=order, description="Hose", quantity=Decimal(1), unit_cost=Decimal(7), by=tess, at=NOON,
        )  # fmt: skip
        part.refresh_from_db()

        assert part.stock == 1
        with pytest.raises(ValidationFailed):
            PartUse.take(order=order, quantity=Decimal(1), by=tess, at=NOON)

    def test_a_correction_moves_the_difference(self, order: WorkOrder, tess: User) -> None:
        part = PartFactory.create(unit_cost=Decimal(10), stock=5)
        use = PartUse.take(order=order, part=part, quantity=Decimal(2), by=tess, at=NOON)

        use.change(by=tess, at=NOON, quantity=Decimal(4))
        part.refresh_from_db()
        assert (part.stock, totals(order)[2]) == (1, Decimal(40))

        use.soft_delete(by=tess, at=NOON)
        use.soft_delete(by=tess, at=NOON)
        part.refresh_from_db()
        assert (part.stock, totals(order)[2]) == (5, None)

    def test_the_price_of_the_day_stays(self, order: WorkOrder, tess: User, mona: User) -> None:
        part = PartFactory.create(unit_cost=Decimal(10), stock=5)
        use = PartUse.take(order=order, part=part, quantity=Decimal(1), by=tess, at=NOON)

        part.receive(quantity=Decimal(1), unit_cost=Decimal(99), by=mona, at=NOON)

        use.refresh_from_db()
        assert use.cost == 10

    def test_a_count(self, mona: User) -> None:
        part = PartFactory.create(stock=5)
        part.correct(stock=Decimal(4), reason="One is broken", expected_stock=Decimal(5), by=mona, at=NOON)

        with pytest.raises(VersionConflict):
            part.correct(stock=Decimal(3), reason="Counted", expected_stock=Decimal(5), by=mona, at=NOON)

        assert part.correct(stock=Decimal(4), reason="Counted", by=mona, at=NOON) is None
        assert part.stock == 4

    def test_what_is_in_stock_isnt_deleted(self, mona: User) -> None:
        with pytest.raises(PartInStock):
            PartFactory.create(stock=1).soft_delete(by=mona, at=NOON)

    def test_managers_are_told_once_each_time_it_runs_low(self, order: WorkOrder, tess: User, mona: User) -> None:
        part = PartFactory.create(stock=5, minimum_stock=4)
        told = Notification.objects.filter(user=mona, kind="PART_LOW")

        for left, lines in ((4, 0), (3, 1), (2, 1), (4, 1), (1, 2)):
            part.correct(stock=Decimal(left), reason="Counted", by=tess, at=NOON)
            assert told.count() == lines, left

    def test_a_movement_is_never_changed(self) -> None:
        movement = PartFactory.create(stock=1).movements.get()

        with pytest.raises(TypeError):
            movement.save()

    def test_suggestions(self, order: WorkOrder, tess: User) -> None:
        part, _other = PartFactory.create(stock=5), PartFactory.create(stock=5)
        PartUse.take(order=order, part=part, quantity=Decimal(1), by=tess, at=NOON)

        assert list(Part.objects.suggested_for(order.equipment)) == [part]
        assert not Part.objects.suggested_for(EquipmentFactory.create()).exists()


STEPS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(0, 9)), max_size=25)


def step(order: WorkOrder, part: Part, who: User, act: int, which: int, n: int, at: datetime) -> None:
    rows = [*LabourEntry.objects.living(), *PartUse.objects.living(), *CostEntry.objects.living()]
    row = rows[which % len(rows)] if rows else None
    if act == 0:
        LabourEntry.log(order=order, person=who, by=who, at=at, minutes=n)
    elif act == 1:
        PartUse.take(order=order, part=part, quantity=Decimal(n) / 2, by=who, at=at)
    elif act == 2:
        CostEntry.add(order=order, by=who, at=at, description="Skip", amount=Decimal(n))
    elif act == 3:
        order.change(by=who, at=at, labour_minutes=n * 5, parts_cost=Decimal(n * 9), other_cost=Decimal(n) or None)
    elif act == 4 and row:
        row.soft_delete(by=who, at=at)
    elif act == 5 and isinstance(row, PartUse):
        row.change(by=who, at=at, quantity=Decimal(n))
    elif act == 6:
        part.receive(quantity=Decimal(n), by=who, at=at)
    elif act == 7:
        part.correct(stock=Decimal(n), reason="Counted", by=who, at=at)


@settings(max_examples=30, suppress_health_check=list(HealthCheck), database=None)
@given(steps=STEPS)
def test_totals_and_stock_are_the_sums_whatever_happens(steps: list[tuple[int, int, int]]) -> None:
    with transaction.atomic():
        who = make_person("W", Role.TECHNICIAN)
        LabourRate.objects.create(role=Role.TECHNICIAN, valid_from=date(2020, 1, 1), hourly_rate=Decimal("47.11"))
        order, part = order_in("IN_PROGRESS", by=who), PartFactory.create(stock=3, unit_cost=Decimal("3.33"))
        for number, (act, which, n) in enumerate(steps):
            # A refused step leaves nothing behind; the sums below must hold all the same.
            with suppress(DomainError), transaction.atomic():
                step(order, part, who, act, which, n, timezone.now() + timedelta(seconds=number))

        labour, uses, costs = order.labour.living(), order.part_uses.living(), order.costs.living()
        sums = [[getattr(row, name) for row in rows] for rows, name in
                ((labour, "minutes"), (labour, "cost"), (uses, "cost"), (costs, "amount"))]  # fmt: skip
        known = [[value for value in values if value is not None] for values in sums]
        assert totals(order) == tuple(sum(values) if values else None for values in known)
        part.refresh_from_db()
        moved = [movement.quantity for movement in part.movements.all()]
        assert part.stock == sum(moved, Decimal(0)) >= 0
        taken = sum((use.quantity for use in uses if use.from_stock), Decimal(0))
        assert taken == -sum(part.movements.filter(kind__in=("USE", "RETURN")).values_list("quantity", flat=True))
        transaction.set_rollback(True)
