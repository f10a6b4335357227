"""Steps checked in words, flattened to rungs, told as a timetable."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import ladder
from alerts.ladder import LATE, StepKind, counted_from, rungs_of, timetable
from alerts.tests.policies import RAISE, TELL_ASSIGNED, TELL_MANAGERS, WAIT_10, again, wait
from faultreporter.errors import ValidationFailed

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
BLANK: dict[str, Any] = {"person": None, "name": None, "role": "", "severity": "", "times": None, "minutes": None}


def rungs(*steps: dict[str, Any]) -> list[ladder.Rung]:
    return rungs_of([{**BLANK, **step} for step in steps])


def clock(*steps: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(f"{one.at:%H:%M}", one.round, one.step) for one in timetable(rungs(*steps), since=NINE)]


def test_it_works() -> None:
    ladder.check([TELL_ASSIGNED, WAIT_10, TELL_MANAGERS, wait(15), RAISE])

    planned = list(timetable(rungs(TELL_ASSIGNED, WAIT_10, TELL_MANAGERS, wait(15), RAISE), since=NINE))

    assert [f"{one.at:%H:%M} {one.words}" for one in planned] == [
        "09:00 tell those who look after the machine",
        "09:10 tell every maintenance manager here",
        "09:25 raise the severity to the next level",
    ]


def test_waits_in_a_row_add_up() -> None:
    assert clock(wait(5), wait(7), RAISE) == [("09:12", 1, 0)]


def test_repeating_twice_is_three_rounds() -> None:
    # Each round: ten minutes, tell; half an hour later the next one begins.
    assert clock(WAIT_10, TELL_MANAGERS, wait(30), again(2)) == [
        ("09:10", 1, 0), ("09:40", 1, 1),
        ("09:50", 2, 0), ("10:20", 2, 1),
        ("10:30", 3, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "field", "words"),
    [
        ([], "steps", "at least one step"),
        ([WAIT_10], "steps", "Nothing happens"),
        ([TELL_ASSIGNED, WAIT_10], "steps[1].kind", "Nothing follows this wait"),
        ([TELL_ASSIGNED, again(2)], "steps[1].kind", "Without a wait"),
        ([WAIT_10, again(2), TELL_ASSIGNED], "steps[1].kind", "never be reached"),
        ([TELL_ASSIGNED, WAIT_10, again(11)], "steps[2].times", "At most 10 times"),
        ([TELL_ASSIGNED, WAIT_10, {"kind": "REPEAT"}], "steps[2].times", "needs this"),
        ([{"kind": "WAIT"}, TELL_ASSIGNED], "steps[0].minutes", "needs this"),
        ([wait(10_081), TELL_ASSIGNED], "steps[0].minutes", "seven days"),
        ([{"kind": "NOTIFY_ROLE"}], "steps[0].role", "needs this"),
        ([{"kind": "NOTIFY_PERSON"}], "steps[0].person", "needs this"),
        ([{"kind": "NOTIFY_ASSIGNED", "role": "ADMIN"}], "steps[0].role", "knows no such thing"),
        ([RAISE] * 31, "steps", "At most 30"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_in_words(steps: list[Any], field: str, words: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        ladder.check(steps)

    assert (field, True) in [(detail.field, words in detail.message) for detail in refused.value.details]


def test_a_late_step_gives_the_next_its_whole_wait() -> None:
    on_time, late = NINE + LATE, NINE + timedelta(hours=2)

    assert counted_from(due=NINE, ran=on_time) == NINE
    assert counted_from(due=NINE, ran=late) == late


one_step = st.one_of(
    st.builds(wait, st.integers(1, 10_080)), st.sampled_from([TELL_ASSIGNED, TELL_MANAGERS, RAISE]),
    st.builds(again, st.integers(1, 10)),
)  # fmt: skip


@given(st.lists(one_step, max_size=8))
def test_whatever_passes_the_check_comes_to_an_end_and_never_goes_back_in_time(steps: list[dict[str, Any]]) -> None:
    try:
        ladder.check(steps)
    except ValidationFailed:
        return

    planned = list(timetable(rungs(*steps), since=NINE))

    assert planned
    assert len(planned) <= 11 * len(steps)
    times = [one.at for one in planned]
    assert times == sorted(times)
    assert (max(one.round for one in planned) > 1) == (steps[-1]["kind"] == StepKind.REPEAT)
