from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.thresholds import Crossing, StoredReading, Threshold, judge

START = datetime(2026, 3, 1, tzinfo=UTC)
TOO_WARM = Threshold(above=True, trigger=80.0, clear=75.0)
VALUES = st.lists(st.floats(70, 90) | st.sampled_from([75.0, 80.0]), max_size=40)
THRESHOLDS = st.builds(
    lambda above, trigger, gap: Threshold(above, trigger, trigger - gap if above else trigger + gap),
    st.booleans(),
    st.sampled_from([75.0, 78.5, 80.0]),
    st.sampled_from([0.0, 1.0, 5.0]),
)


def readings(values: list[float]) -> list[StoredReading]:
    return [StoredReading(START + timedelta(minutes=n), value) for n, value in enumerate(values)]


def firing_after_each(threshold: Threshold, values: list[float]) -> list[bool]:
    """The definition, said naively: for every moment look back for the last decisive value."""
    states = []
    for now in range(len(values)):
        state = False
        for value in values[: now + 1]:
            beyond = value > threshold.trigger if threshold.above else value < threshold.trigger
            quiet = value <= threshold.clear if threshold.above else value >= threshold.clear
            state = True if beyond else (False if quiet else state)
        states.append(state)
    return states


def test_it_works() -> None:
    line = readings([70, 81, 78, 80.5, 75, 79, 70])

    assert judge(TOO_WARM, line, firing=False) == [Crossing(line[1], True), Crossing(line[4], False)]


@pytest.mark.parametrize(("value", "fires"), [(80.0, False), (80.1, True)])
def test_the_trigger_value_itself_is_allowed(value: float, fires: bool) -> None:
    assert bool(judge(TOO_WARM, readings([value]), firing=False)) is fires


@pytest.mark.parametrize(("value", "is_over"), [(75.1, False), (75.0, True)])
def test_the_clear_value_itself_ends_it(value: float, is_over: bool) -> None:
    assert bool(judge(TOO_WARM, readings([value]), firing=True)) is is_over


@given(THRESHOLDS, VALUES)
def test_it_agrees_with_the_definition(threshold: Threshold, values: list[float]) -> None:
    line = readings(values)
    states = [False, *firing_after_each(threshold, values)]
    changes = [Crossing(line[n], after) for n, (before, after) in enumerate(pairwise(states)) if before != after]

    assert judge(threshold, line, firing=False) == changes


@given(THRESHOLDS, VALUES, st.integers(0, 40))
def test_judging_in_two_goes_is_judging_once(threshold: Threshold, values: list[float], cut: int) -> None:
    line = readings(values)
    first = judge(threshold, line[:cut], firing=False)
    second = judge(threshold, line[cut:], firing=bool(first) and first[-1].firing)

    assert first + second == judge(threshold, line, firing=False)


@given(THRESHOLDS, VALUES)
def test_episodes_begin_and_end_in_turn(threshold: Threshold, values: list[float]) -> None:
    crossings = judge(threshold, readings(values), firing=False)

    assert [crossing.firing for crossing in crossings] == [n % 2 == 0 for n in range(len(crossings))]
