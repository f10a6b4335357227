"""The clocks of a promise against a slow model that asks once a minute."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from locations.business_time import BusinessHours
from locations.tests.test_business_time import situations
from workorders.sla import Clock, ClockState, Pause, Terms, state_of

MINUTE = timedelta(minutes=1)
START = datetime(2026, 3, 27, 14, 0, tzinfo=UTC)
OFFICE = BusinessHours(ZoneInfo("Europe/Berlin"), (((480, 1020),),) * 5 + ((),) * 2)


@st.composite
def clocks(draw: st.DrawFn) -> Clock:
    """A clock that started near a change of the wall clock, with up to three pauses, the last perhaps going on."""
    hours, start = draw(situations())
    edges = sorted(draw(st.lists(st.integers(0, 3 * 1440), max_size=6, unique=True)))
    pauses = [Pause(start + a * MINUTE, start + b * MINUTE) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    if len(edges) % 2:
        pauses.append(Pause(start + edges[-1] * MINUTE))
    return Clock(hours, start, draw(st.integers(1, 1500)) * MINUTE, tuple(pauses))


def counted_by_the_minute(clock: Clock, at: datetime) -> timedelta:
    minute, counted = clock.start, 0
    while minute < at:
        paused = any(p.start <= minute and (p.end is None or minute < p.end) for p in clock.pauses)
        counted += clock.hours.is_open(minute) and not paused
        minute += MINUTE
    return counted * MINUTE


later = st.integers(0, 4 * 1440).map(lambda n: n * MINUTE)


@settings(max_examples=60)
@given(clocks(), later)
def test_elapsed_is_what_the_wall_clock_shows_less_the_pauses(clock: Clock, after: timedelta) -> None:
    assert clock.elapsed(clock.start + after) == counted_by_the_minute(clock, clock.start + after)


@given(clocks(), later, later)
def test_elapsed_never_falls_and_with_the_rest_makes_the_target(clock: Clock, one: timedelta, more: timedelta) -> None:
    at = clock.start + one

    assert clock.elapsed(at) <= clock.elapsed(at + more) <= clock.elapsed(at) + more
    assert clock.elapsed(at) >= clock.target or clock.elapsed(at) + clock.remaining(at) == clock.target


@given(clocks())
def test_it_is_due_at_the_first_instant_at_which_the_target_has_been_counted(clock: Clock) -> None:
    assume(any(clock.hours.weekly))
    due_at = clock.due_at

    if due_at is None:
        open_since = next(pause.start for pause in clock.pauses if pause.end is None)
        assert clock.elapsed(open_since + timedelta(days=30)) < clock.target
        return
    assert clock.elapsed(due_at) == clock.target
    assert clock.elapsed(due_at - MINUTE) < clock.target
    assert clock.warn_at is not None
    assert clock.start < clock.warn_at <= due_at


@given(clocks(), st.integers(0, 3 * 1440), st.integers(1, 1440))
def test_another_pause_never_makes_it_due_sooner(clock: Clock, after: int, lasting: int) -> None:
    assume(any(clock.hours.weekly))
    begins = clock.start + after * MINUTE
    longer = Clock(clock.hours, clock.start, clock.target, (*clock.pauses, Pause(begins, begins + lasting * MINUTE)))

    assert longer.due_at is None or (clock.due_at is not None and longer.due_at >= clock.due_at)


def test_around_the_clock_a_pause_puts_it_off_by_its_own_length() -> None:
    clock = Clock(BusinessHours.around_the_clock(), START, timedelta(hours=4))
    paused = Clock(clock.hours, START, clock.target, (Pause(START + timedelta(hours=1), START + timedelta(hours=3)),))

    assert clock.due_at == START + timedelta(hours=4)
    assert paused.due_at == START + timedelta(hours=6)


def test_a_pause_at_night_costs_nothing() -> None:
    evening, morning = datetime(2026, 3, 27, 17, 0, tzinfo=UTC), datetime(2026, 3, 30, 5, 0, tzinfo=UTC)
    clock = Clock(OFFICE, START, timedelta(hours=9))

    assert Clock(OFFICE, START, clock.target, (Pause(evening, morning),)).due_at == clock.due_at


def test_while_a_pause_goes_on_nothing_is_due_unless_it_was_before() -> None:
    clock = Clock(OFFICE, START, timedelta(hours=1), (Pause(START + timedelta(minutes=30)),))
    too_late = Clock(OFFICE, START, timedelta(hours=1), (Pause(START + timedelta(hours=1)),))

    assert clock.due_at is None
    assert clock.remaining(START + timedelta(days=9)) == timedelta(minutes=30)
    assert too_late.due_at == START + timedelta(hours=1)


@pytest.mark.parametrize(
    ("stopped", "at", "state"),
    [
        (None, 0, ClockState.RUNNING),
        (None, 45, ClockState.RUNNING),
        (None, 46, ClockState.AT_RISK),
        (None, 60, ClockState.AT_RISK),
        (None, 61, ClockState.BREACHED),
        (60, 90, ClockState.MET),
        (61, 90, ClockState.BREACHED),
    ],
)
def test_states(stopped: int | None, at: int, state: ClockState) -> None:
    stopped_at = None if stopped is None else START + stopped * MINUTE
    facts = {"due_at": START + 60 * MINUTE, "warn_at": START + 45 * MINUTE, "breached_at": None}

    assert state_of(**facts, stopped_at=stopped_at, at=START + at * MINUTE) == state


def test_terms_survive_being_kept() -> None:
    terms = Terms(BusinessHours(OFFICE.zone, OFFICE.weekly, frozenset({date(2026, 4, 3)})), True, 120, None, 75)

    assert Terms.from_json(terms.as_json()) == terms
