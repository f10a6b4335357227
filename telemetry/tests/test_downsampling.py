from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.charts.downsampling import Point, lttb, width_for


def line(*values: float) -> list[Point]:
    return [Point(float(x), y) for x, y in enumerate(values)]


def test_a_spike_is_kept_and_the_flat_is_thinned() -> None:
    points = line(*[0.0] * 40, 100.0, *[0.0] * 59)

    kept = lttb(points, 10)

    assert len(kept) == 10
    assert Point(40.0, 100.0) in kept


def test_worked_by_hand() -> None:
    # Buckets: [1, 2], [3, 4]. From (0, 0) to the mean (3.5, 2): |-3.5·y1 + x·2| gives 5.5 at x=1 (y=-1) against 4 at
    # x=2; from (1, -1) to the end (5, 0): |-4·(y+1) + (x-1)·1| gives 10 at x=3 (y=2) against 9 at x=4 (y=2).
    assert lttb(line(0.0, -1.0, 0.0, 2.0, 2.0, 0.0), 4) == [(0, 0), (1, -1), (3, 2), (5, 0)]


def test_few_points_stay_as_they_are() -> None:
    assert lttb([], 5) == []
    assert lttb(line(1.0, 2.0, 3.0), 3) == line(1.0, 2.0, 3.0)


POINTS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=200).map(lambda values: line(*values))


@given(POINTS, st.integers(0, 250))
def test_it_keeps_the_ends_the_order_and_only_real_points(points: list[Point], most: int) -> None:
    kept = lttb(points, most)

    assert len(kept) == min(len(points), max(most, 3))
    assert kept[:1] + kept[-1:] == points[:1] + points[-1:]
    assert [point.x for point in kept] == sorted({point.x for point in kept})
    assert set(kept) <= set(points)


@given(POINTS, st.integers(3, 250))
def test_thinning_twice_to_the_same_number_changes_nothing(points: list[Point], most: int) -> None:
    kept = lttb(points, most)

    assert lttb(kept, most) == kept


@pytest.mark.parametrize(
    ("length", "points", "width"),
    [
        (timedelta(hours=1), 3601, timedelta(seconds=1)),
        (timedelta(days=7), 1000, timedelta(minutes=15)),
        (timedelta(days=366), 400, timedelta(days=1)),
    ],
)
def test_the_width_of_a_column(length: timedelta, points: int, width: timedelta) -> None:
    assert width_for(length, points) == width
