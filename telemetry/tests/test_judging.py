import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise, takewhile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.rules.judging import (
    ALARM,
    LARGEST,
    Change,
    Kind,
    Limits,
    Quiet,
    Standing,
    State,
    StoredReading,
    due_at,
    judge,
    pass_time,
    quiet,
    remember,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
TOO_WARM = Limits(Kind.THRESHOLD, high=80.0, clear_high=75.0)
NEW = Standing()

VALUES = st.floats(60, 90) | st.sampled_from([65.0, 70.0, 75.0, 80.0])
TIMED = st.lists(st.tuples(st.integers(1, 600), VALUES), max_size=30)
"""Readings as seconds since the one before, and a value."""
DURATION = st.sampled_from([0, 60, 300])
COMMON: dict[str, Any] = {
    "for_s": DURATION,
    "keep_firing_s": DURATION,
    "min_samples": st.integers(1, 3),
    "gap_s": st.sampled_from([None, 180.0, 400.0]),
}


def limits_of(kind: Kind, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Limits]:
    return st.fixed_dictionaries(fields).map(lambda drawn: Limits(kind, **drawn))


LIMITS = st.one_of(
    limits_of(Kind.THRESHOLD, high=st.just(80.0), clear_high=st.sampled_from([75.0, 80.0]), **COMMON),
    limits_of(Kind.THRESHOLD, low=st.just(70.0), clear_low=st.sampled_from([72.0, 70.0]), **COMMON),
    limits_of(
        Kind.RANGE, low=st.just(65.0), clear_low=st.just(66.0), high=st.just(85.0), clear_high=st.just(84.0), **COMMON
    ),
    limits_of(
        Kind.RATE_OF_CHANGE, high=st.just(2.0), clear_high=st.just(1.0), window_s=st.just(300),
        absolute=st.booleans(), **COMMON,
    ),
    limits_of(Kind.STALE, span_s=st.sampled_from([120, 500]), keep_firing_s=DURATION),
    limits_of(
        Kind.STUCK, span_s=st.sampled_from([120, 500]), tolerance=st.sampled_from([0.0, 2.0, 10.0]),
        min_samples=st.integers(2, 4), gap_s=COMMON["gap_s"], keep_firing_s=DURATION,
    ),
)  # fmt: skip


def second(n: float) -> datetime:
    return START + timedelta(seconds=n)


def readings(*values: tuple[float, float]) -> list[StoredReading]:
    return [StoredReading(second(n), value) for n, value in values]


def spaced(steps: list[tuple[int, float]]) -> list[StoredReading]:
    line, at = [], 0
    for step, value in steps:
        at += step
        line.append(StoredReading(second(at), value))
    return line


def told(changes: list[Change]) -> list[tuple[float, str]]:
    return [((change.at - START).total_seconds(), change.state.value) for change in changes]


def judged(limits: Limits, *values: tuple[float, float], until: float | None = None) -> list[tuple[float, str]]:
    standing, changes = judge(limits, NEW, readings(*values))
    if until is not None:
        changes = changes + pass_time(limits, standing, to=second(until)).changes
    return told(changes)


def test_it_works() -> None:
    limits = TOO_WARM._replace(for_s=120, keep_firing_s=60, min_samples=2)

    assert judged(limits, (0, 70), (60, 81), (120, 83), (200, 79), (240, 75), (280, 76), (320, 74)) == [
        (60, "PENDING"), (180, "FIRING"), (240, "RECOVERING"), (300, "NORMAL"),
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "fires"), [(80.0, False), (80.1, True)])
def test_the_trigger_value_itself_is_allowed(value: float, fires: bool) -> None:
    assert bool(judged(TOO_WARM, (0, value))) is fires


@pytest.mark.parametrize(("value", "is_over"), [(75.1, False), (75.0, True)])
def test_the_clear_value_itself_ends_it(value: float, is_over: bool) -> None:
    assert (len(judged(TOO_WARM, (0, 81), (1, value))) == 2) is is_over


def test_a_value_in_the_hysteresis_ends_pending() -> None:
    assert judged(TOO_WARM._replace(for_s=60), (0, 81), (30, 78), (70, 81)) == [
        (0, "PENDING"), (30, "NORMAL"), (70, "PENDING"),
    ]  # fmt: skip


def test_a_value_stands_until_the_next_one() -> None:
    limits = TOO_WARM._replace(for_s=300)

    assert judged(limits, (0, 81), until=301) == [(0, "PENDING"), (300, "FIRING")]
    assert judged(limits, (0, 81), (900, 70)) == [(0, "PENDING"), (300, "FIRING"), (900, "NORMAL")]


def test_a_reading_speaks_before_what_is_due_at_its_moment() -> None:
    assert judged(TOO_WARM._replace(for_s=300), (0, 81), (300, 70)) == [(0, "PENDING"), (300, "NORMAL")]
    assert judged(TOO_WARM._replace(keep_firing_s=60), (0, 81), (9, 70), (69, 81)) == [
        (0, "FIRING"), (9, "RECOVERING"), (69, "FIRING"),
    ]  # fmt: skip


def test_a_gap_ends_pending_and_no_episode() -> None:
    limits = TOO_WARM._replace(for_s=300, gap_s=180.0)

    assert judged(limits, (0, 81), (60, 81), (400, 81), until=10_000) == [
        (0, "PENDING"), (240, "NO_DATA"), (400, "PENDING"), (580, "NO_DATA"),
    ]  # fmt: skip
    assert judged(limits._replace(for_s=0), (0, 81), until=10_000) == [(0, "FIRING")]


def test_so_many_readings_in_a_row() -> None:
    limits = TOO_WARM._replace(min_samples=3)

    assert judged(limits, (0, 81), (1, 81), (2, 70), (3, 81), (4, 81), (5, 81), until=900)[-1] == (5, "FIRING")
    assert judged(limits, (0, 81), (1, 81), until=900) == [(0, "PENDING")]


def test_a_range_fires_on_either_side_and_clears_within_its_margins() -> None:
    limits = Limits(Kind.RANGE, low=10.0, high=20.0, clear_low=11.0, clear_high=19.0)

    assert judged(limits, (0, 9), (1, 10.5), (2, 21), (3, 19.5), (4, 19), (5, 21)) == [
        (0, "FIRING"), (4, "NORMAL"), (5, "FIRING"),
    ]  # fmt: skip


def test_a_rate_is_over_the_whole_window() -> None:
    limits = Limits(Kind.RATE_OF_CHANGE, high=2.0, clear_high=1.0, window_s=300)

    changes = judge(limits, NEW, readings(*((n * 60, 3.0 * n) for n in range(8)), (480, 21), (600, 21), (720, 21)))[1]
    assert told(changes) == [(300, "FIRING"), (720, "NORMAL")]
    assert [change.measure for change in changes] == [3.0, 0.0]


def test_a_fall_is_a_rate_below_and_its_size_counts_if_absolute() -> None:
    falling = [(n * 60, -3.0 * n) for n in range(8)]

    below = Limits(Kind.RATE_OF_CHANGE, low=-120.0, clear_low=-60.0, window_s=300, per_s=3600)
    either = Limits(Kind.RATE_OF_CHANGE, high=2.0, clear_high=1.0, window_s=300, absolute=True)
    above = either._replace(absolute=False)

    assert judged(below, *falling) == judged(either, *falling) == [(300, "FIRING")]
    assert judged(above, *falling) == []


def test_a_rate_begins_anew_after_a_gap() -> None:
    limits = Limits(Kind.RATE_OF_CHANGE, high=2.0, clear_high=1.0, window_s=300, gap_s=180.0)

    assert judged(limits, (0, 0), (120, 0), (1000, 90), (1120, 90), (1240, 90)) == [
        (300, "NO_DATA"), (1000, "NORMAL"),
    ]  # fmt: skip


@given(TIMED)
def test_what_a_rate_remembers_is_bounded(steps: list[tuple[int, float]]) -> None:
    limits = Limits(Kind.RATE_OF_CHANGE, high=2.0, clear_high=1.0, window_s=60)
    line = [StoredReading(START + (one.recorded_at - START) / 100, one.value) for one in spaced(steps)]

    assert len(judge(limits, NEW, line).standing.memory) <= 34


def test_silence_fires_and_any_reading_ends_it() -> None:
    limits = Limits(Kind.STALE, span_s=600)

    assert judged(limits, (0, 1), (600, 1), (1300, 1), until=1900) == [(1200, "FIRING"), (1300, "NORMAL")]
    assert judged(limits, (0, 1), until=601) == [(600, "FIRING")]


def test_a_link_that_flaps_is_one_episode() -> None:
    limits = Limits(Kind.STALE, span_s=600, keep_firing_s=900)

    assert judged(limits, (0, 1), (700, 1), (1400, 1), (1500, 1), until=2050) == [
        (600, "FIRING"), (700, "RECOVERING"), (1300, "FIRING"), (1400, "RECOVERING"),
    ]  # fmt: skip


def test_a_value_that_does_not_move_is_stuck() -> None:
    limits = Limits(Kind.STUCK, span_s=600, tolerance=0.5, min_samples=3)

    assert judged(limits, (0, 1), (300, 1.2), (500, 1.5), (600, 1.1), (700, 1.0), (800, 2)) == [
        (600, "FIRING"), (800, "NORMAL"),
    ]  # fmt: skip
    assert judged(limits, (0, 1), (700, 1)) == []
    assert judged(limits, (0, 1), (300, 1), (599, 1.6), (900, 1.6)) == []


def test_late_readings_change_nothing() -> None:
    standing = judge(TOO_WARM, NEW, readings((100, 70))).standing

    assert judge(TOO_WARM, standing, readings((50, 99), (100, 99))) == (standing, [])


def test_a_reading_that_was_on_its_way_when_the_clock_moved_on_counts_from_then() -> None:
    limits = TOO_WARM._replace(for_s=300)
    standing = judge(limits, NEW, readings((0, 81))).standing

    fired = pass_time(limits, standing, to=second(310)).standing
    assert told(judge(limits, fired, readings((290, 70))).changes) == [(300, "NORMAL")]


def firing_after_each(values: list[float]) -> list[bool]:
    """The definition of hysteresis, said naively: for every moment look back for the last decisive value."""
    states = []
    for now in range(len(values)):
        decisive = [value for value in values[: now + 1] if value > 80 or value <= 75]
        states.append(bool(decisive) and decisive[-1] > 80)
    return states


@given(st.lists(VALUES, max_size=40))
def test_it_agrees_with_the_definition_of_hysteresis(values: list[float]) -> None:
    states = [False, *firing_after_each(values)]
    expected = [(n, after) for n, (before, after) in enumerate(pairwise(states)) if before != after]

    changes = judge(TOO_WARM, NEW, readings(*enumerate(values))).changes
    assert [((change.at - START).seconds, change.state in ALARM) for change in changes] == expected


@given(LIMITS, TIMED, st.data())
def test_batches_repeats_and_looks_between_change_nothing(
    limits: Limits, steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    line = spaced(steps)
    standing, changes = NEW, []
    start = 0
    while start < len(line):
        end = data.draw(st.integers(start + 1, len(line)))
        again = data.draw(st.integers(0, start))
        standing, more = judge(limits, standing, line[again:end])
        changes += more
        ahead = line[end].recorded_at if end < len(line) else line[-1].recorded_at
        look = line[end - 1].recorded_at + (ahead - line[end - 1].recorded_at) * data.draw(st.floats(0, 1))
        standing, more = pass_time(limits, standing, to=look)
        changes += more
        start = end

    assert (standing, changes) == judge(limits, NEW, line)


@given(LIMITS, TIMED)
def test_changes_follow_one_another(limits: Limits, steps: list[tuple[int, float]]) -> None:
    standing, changes = judge(limits, NEW, spaced(steps))

    states = [State.NORMAL, *(change.state for change in changes)]
    assert [change.before for change in changes] == states[:-1]
    assert standing.state == states[-1]
    assert all(change.before != change.state for change in changes)
    assert sorted(change.at for change in changes) == [change.at for change in changes]
    edges = [change.begins for change in changes if change.begins or change.ends]
    assert edges == [n % 2 == 0 for n in range(len(edges))]


@given(LIMITS, TIMED)
def test_nothing_happens_until_it_is_due(limits: Limits, steps: list[tuple[int, float]]) -> None:
    standing = judge(limits, NEW, spaced(steps)).standing
    due = due_at(limits, standing)

    assert not pass_time(limits, standing, to=due or second(10**7)).changes
    assert due is None or pass_time(limits, standing, to=due + timedelta(microseconds=1)).changes


@given(LIMITS, TIMED, TIMED)
def test_quiet_readings_change_no_state(
    limits: Limits, steps: list[tuple[int, float]], more: list[tuple[int, float]]
) -> None:
    standing = judge(limits, NEW, spaced(steps)).standing
    band, last_at = quiet(limits, standing), standing.last_at
    if band is None or last_at is None:
        return

    ahead = [one._replace(recorded_at=last_at + (one.recorded_at - START)) for one in spaced(more)]
    pairs = pairwise([StoredReading(last_at, 0.0), *ahead])
    kept = [later for _, later in takewhile(lambda pair: is_quiet(limits, band, *pair), pairs)]
    moved, changes = judge(limits, standing, kept)

    assert changes == []
    if kept:
        last = kept[-1]
        remembered = remember(limits, standing.memory, kept) if standing.memory else ()
        assert moved == standing._replace(last_at=last.recorded_at, last_value=last.value, memory=remembered)


def is_quiet(limits: Limits, band: Quiet, sooner: StoredReading, later: StoredReading) -> bool:
    return (
        band.low <= later.value <= band.high
        and (band.until is None or later.recorded_at <= band.until)
        and (limits.gap_s is None or later.recorded_at - sooner.recorded_at <= timedelta(seconds=limits.gap_s))
    )


def test_no_two_quiet_values_make_too_steep_a_rate() -> None:
    limits = Limits(Kind.RATE_OF_CHANGE, high=2.0, clear_high=1.0, window_s=300)
    standing = judge(limits, NEW, readings((0, 50), (60, 52))).standing
    band = quiet(limits, standing)

    assert band is not None
    assert (band.low, band.high, band.until) == (pytest.approx(46), pytest.approx(56), None)
    assert judge(limits, standing, readings((120, band.low), (420, band.high))).changes == []
    assert judge(limits, standing, readings((120, band.low), (420, band.high + 1e-6))).changes != []


ANY = st.floats(allow_nan=False, allow_infinity=False)
RATES = limits_of(
    Kind.RATE_OF_CHANGE, high=ANY.map(abs), clear_high=st.just(0.0), window_s=st.sampled_from([0, 1, 60, 2_592_000]),
    per_s=st.sampled_from([60, 3600]), absolute=st.booleans(),
)  # fmt: skip
EXTREMES = st.lists(st.tuples(st.integers(1, 3_000_000), ANY), min_size=2, max_size=8)


@given(RATES, EXTREMES)
def test_a_rate_is_the_exact_one_or_the_largest_number(limits: Limits, steps: list[tuple[int, float]]) -> None:
    standing = NEW
    for reading in spaced(steps):
        began = next(iter(remember(limits, standing.memory, [reading])))
        standing, changes = judge(limits, standing, [reading])
        for measure in (change.measure for change in changes):
            assert measure is not None
            micros = (reading.recorded_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) - began[0]
            exact = (Fraction(reading.value) - Fraction(began[1])) * limits.per_s * 1_000_000 / micros
            exact = abs(exact) if limits.absolute else exact
            bounded = max(-Fraction(LARGEST), min(exact, Fraction(LARGEST)))
            assert abs(Fraction(measure) - bounded) <= abs(bounded) / 10**12 + Fraction(1, 10**300)


@given(RATES, EXTREMES, st.data())
def test_quiet_values_make_no_too_steep_rate_however_large(
    limits: Limits, steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    standing = judge(limits, NEW, spaced(steps)).standing
    band = quiet(limits, standing)
    if band is None or standing.last_at is None:
        return
    assert math.isfinite(band.low)
    assert math.isfinite(band.high)
    values = data.draw(st.lists(st.floats(band.low, band.high), min_size=1, max_size=4))
    after = [standing.last_at + timedelta(seconds=(n + 1) * max(limits.window_s, 1)) for n in range(len(values))]

    assert judge(limits, standing, map(StoredReading, after, values)).changes == []


@pytest.mark.parametrize(("value", "told"), [(1.7e308, LARGEST), (-1.7e308, -LARGEST)])
def test_a_rate_beyond_all_numbers_is_the_largest(value: float, told: float) -> None:
    limits = Limits(Kind.RATE_OF_CHANGE, low=-1e308, high=1e308, window_s=1, per_s=3600)

    (change,) = judge(limits, NEW, readings((0, -value), (60, value))).changes

    assert change.measure == told


def test_a_steep_change_of_huge_values_over_a_long_time_is_a_usual_rate() -> None:
    limits = Limits(Kind.RATE_OF_CHANGE, high=1e305, window_s=3600)

    (change,) = judge(limits, NEW, readings((0, -1e308), (3600, 1e308))).changes

    assert change.measure == pytest.approx(1e308 / 30)


def test_values_as_far_apart_as_no_number_is_are_no_run() -> None:
    limits = Limits(Kind.STUCK, span_s=60, tolerance=LARGEST, min_samples=2)

    assert judge(limits, NEW, readings((0, -LARGEST), (60, LARGEST))).standing.state == State.NORMAL
    assert judge(limits, NEW, readings((0, 0.0), (60, LARGEST))).standing.state == State.FIRING


def test_a_rate_is_quiet_only_around_all_that_is_remembered() -> None:
    limits = Limits(Kind.RATE_OF_CHANGE, high=2.0, clear_high=1.0, window_s=300)

    assert quiet(limits, judge(limits, NEW, readings((0, 50), (60, 61))).standing) is None
    assert quiet(limits._replace(high=-2.0), judge(limits, NEW, readings((0, 50))).standing) is None


def test_a_run_is_quiet_until_it_could_be_long_enough() -> None:
    limits = Limits(Kind.STUCK, span_s=600, tolerance=0.5, min_samples=3)
    standing = judge(limits, NEW, readings((0, 9), (60, 1), (120, 1), (180, 1))).standing
    band = quiet(limits, standing)

    assert band is not None
    assert band.until is not None
    assert judge(limits, standing, [StoredReading(band.until, 1.0)]).changes == []
    assert judge(limits, standing, [StoredReading(band.until + timedelta(microseconds=1), 1.0)]).changes != []
