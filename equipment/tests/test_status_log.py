"""What holds of a machine's status and its log, whatever happens in which order."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.errors import HasOpenWork

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def chiller() -> Any:
    return EquipmentFactory.create(placeless=True)


def break_down(machine: Equipment, at: datetime, status: str = "ERROR", source: str = "ALERT") -> StatusInterval:
    return machine.take_down(status=status, by=None, at=at, reason="it stopped", source=source)


def test_a_breakdown_runs_until_its_only_holder_lets_go(chiller: Equipment, tess: User) -> None:
    interval = break_down(chiller, NOON)
    assert chiller.status == "ERROR"

    ended = interval.release(by=tess, at=NOON + HOUR)

    chiller.refresh_from_db()
    assert ended
    assert (interval.started_at, interval.ended_at, interval.ended_by) == (NOON, NOON + HOUR, tess)
    assert interval.counts_as_failure
    assert chiller.status == "ONLINE"


def test_the_machine_stays_down_while_another_fault_on_it_is_open(chiller: Equipment) -> None:
    first, second = break_down(chiller, NOON), break_down(chiller, NOON + HOUR)
    assert first == second

    assert not first.release(by=None, at=NOON + 2 * HOUR)
    chiller.refresh_from_db()
    assert chiller.status == "ERROR"

    assert second.release(by=None, at=NOON + 3 * HOUR)
    chiller.refresh_from_db()
    assert chiller.status == "ONLINE"
    assert chiller.status_log.get().ended_at == NOON + 3 * HOUR


def test_it_ends_with_the_latest_release_whichever_arrives_last(chiller: Equipment) -> None:
    interval = break_down(chiller, NOON)
    break_down(chiller, NOON)

    interval.release(by=None, at=NOON + 3 * HOUR)
    interval.release(by=None, at=NOON + HOUR)

    assert interval.ended_at == NOON + 3 * HOUR


def test_it_never_ends_before_it_began(chiller: Equipment) -> None:
    interval = break_down(chiller, NOON)

    interval.release(by=None, at=NOON - HOUR)

    assert interval.ended_at == NOON


def test_letting_go_twice_changes_nothing(chiller: Equipment) -> None:
    interval = break_down(chiller, NOON)
    interval.release(by=None, at=NOON + HOUR)

    assert not interval.release(by=None, at=NOON + 2 * HOUR)
    assert interval.ended_at == NOON + HOUR


def test_a_late_report_moves_the_start_back_but_not_into_the_last_breakdown(chiller: Equipment) -> None:
    break_down(chiller, NOON).release(by=None, at=NOON + HOUR)
    break_down(chiller, NOON + 5 * HOUR)

    assert break_down(chiller, NOON + 3 * HOUR).started_at == NOON + 3 * HOUR
    assert break_down(chiller, NOON - HOUR).started_at == NOON + HOUR


def test_the_worst_of_several_states_shows(chiller: Equipment) -> None:
    service = break_down(chiller, NOON, status="MAINTENANCE", source="WORK_ORDER")
    assert chiller.status == "MAINTENANCE"
    assert service.planned
    assert (service.counts_as_failure, service.exclusion_reason) == (False, "PLANNED")

    fault = break_down(chiller, NOON + HOUR)
    assert chiller.status == "ERROR"

    fault.release(by=None, at=NOON + 2 * HOUR)
    chiller.refresh_from_db()
    assert chiller.status == "MAINTENANCE"


def test_a_false_alarm_stops_counting(chiller: Equipment) -> None:
    interval = break_down(chiller, NOON)

    interval.release(by=None, at=NOON + HOUR, exclusion_reason="FALSE_ALARM")

    assert (interval.counts_as_failure, interval.exclusion_reason) == (False, "FALSE_ALARM")


def test_one_genuine_fault_among_false_alarms_counts_and_sets_the_end(chiller: Equipment) -> None:
    interval = break_down(chiller, NOON)
    break_down(chiller, NOON)

    interval.release(by=None, at=NOON + HOUR)
    interval.release(by=None, at=NOON + 5 * HOUR, exclusion_reason="FALSE_ALARM")

    assert interval.counts_as_failure
    assert interval.ended_at == NOON + HOUR


def test_excluding_afterwards_and_taking_it_back(chiller: Equipment, mona: User) -> None:
    interval = break_down(chiller, NOON)

    interval.exclude(reason="EXTERNAL_SUPPLY", by=mona)
    assert not interval.counts_as_failure

    interval.exclude(reason="", by=mona)
    assert interval.counts_as_failure


def test_setting_the_status_by_hand_replaces_the_earlier_word(chiller: Equipment, mona: User) -> None:
    chiller.set_status(status="OFFLINE", by=mona, at=NOON, reason="season over")
    chiller.set_status(status="ERROR", by=mona, at=NOON + HOUR, reason="leaks")
    chiller.set_status(status="ERROR", by=mona, at=NOON + 2 * HOUR, reason="still leaks")
    assert chiller.status == "ERROR"
    assert chiller.status_log.open().get().holders == 1

    chiller.set_status(status="ONLINE", by=mona, at=NOON + 3 * HOUR, reason="")

    assert chiller.status == "ONLINE"
    assert not chiller.status_log.open().exists()


def test_nobody_sets_it_online_while_an_alert_holds_it(chiller: Equipment, mona: User) -> None:
    break_down(chiller, NOON)
    chiller.set_status(status="ERROR", by=mona, at=NOON, reason="")

    with pytest.raises(HasOpenWork):
        chiller.set_status(status="ONLINE", by=mona, at=NOON + HOUR, reason="")

    interval = chiller.status_log.get()
    assert (interval.holders, interval.held_by_hand) == (2, True)


def test_two_intervals_of_one_status_never_overlap(chiller: Equipment) -> None:
    facts = {"equipment": chiller, "status": "ERROR", "source": "IMPORT"}
    StatusInterval.objects.create(**facts, started_at=NOON, ended_at=NOON + 2 * HOUR, holders=0)

    with pytest.raises(IntegrityError), transaction.atomic():
        StatusInterval.objects.create(**facts, started_at=NOON + HOUR)
    StatusInterval.objects.create(**facts, started_at=NOON + 2 * HOUR)


def test_which_intervals_touch_a_quarter(chiller: Equipment) -> None:
    before = break_down(chiller, NOON - 9 * HOUR)
    before.release(by=None, at=NOON)
    inside = break_down(chiller, NOON + HOUR)

    assert list(chiller.status_log.overlapping(NOON, NOON + 2 * HOUR)) == [inside]


DOWN = st.sampled_from(["ERROR", "MAINTENANCE", "OFFLINE"])
HOURS = st.integers(min_value=0, max_value=48)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take_down"), DOWN, HOURS),
        st.tuples(st.just("release"), st.integers(min_value=0, max_value=20), HOURS),
        st.tuples(st.just("dismiss"), st.integers(min_value=0, max_value=20), HOURS),
        st.tuples(st.just("set_status"), st.sampled_from(["ONLINE", "ERROR", "MAINTENANCE", "OFFLINE"]), HOURS),
    ),
    max_size=25,
)


@given(steps=STEPS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_status_is_always_the_worst_open_interval_and_nothing_overlaps(db: None, steps: list[tuple[Any, ...]]) -> None:
    with rolled_back():
        machine = EquipmentFactory.create(placeless=True)
        holds: list[StatusInterval] = []
        for step in steps:
            take(machine, holds, step)
            assert_consistent(machine, holds)


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def take(machine: Equipment, holds: list[StatusInterval], step: tuple[Any, ...]) -> None:
    """One step; `holds` lists each interval once per alert or order that still holds it."""
    verb, what, hours = step
    at = NOON + hours * HOUR
    if verb == "take_down":
        holds.append(break_down(machine, at, status=what))
    elif verb == "set_status":
        with suppress(HasOpenWork):
            machine.set_status(status=what, by=None, at=at, reason="")
    elif holds:
        exclusion = "FALSE_ALARM" if verb == "dismiss" else ""
        holds.pop(what % len(holds)).release(by=None, at=at, exclusion_reason=exclusion)


def assert_consistent(machine: Equipment, holds: list[StatusInterval]) -> None:
    machine.refresh_from_db()
    log = list(machine.status_log.order_by("started_at", "ended_at"))
    is_open = [interval.status for interval in log if interval.ended_at is None]
    assert machine.status == next((status for status in Equipment.WORST_FIRST if status in is_open), "ONLINE")
    assert len(is_open) == len(set(is_open))
    for interval in log:
        assert interval.holders == sum(hold.pk == interval.pk for hold in holds) + interval.held_by_hand
    for status in Equipment.WORST_FIRST:
        of_status = [interval for interval in log if interval.status == status and not is_empty(interval)]
        assert all(one.ended_at and one.ended_at <= other.started_at for one, other in pairwise(of_status))


def is_empty(interval: StatusInterval) -> bool:
    return interval.ended_at == interval.started_at
