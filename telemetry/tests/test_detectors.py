import math
import random
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.detection.detectors import LARGEST, MAX_SCORE, Algorithm, Episode, RelativeEntropy, RunningZ

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SMALL_ENOUGH = 4096


class QuickZ(RunningZ):
    """Ready early, so that generated series reach every state."""

    WARM_UP, MEMORY, HOLD, TRIGGER, CLEAR = 4, 20, 3, 3.0, 1.0


class QuickEntropy(RelativeEntropy):
    HYPOTHESES = 3

    def __init__(self, learn: int = 30) -> None:
        super().__init__(learn)


def minutes(values: Iterable[float]) -> list[tuple[datetime, float]]:
    return [(NOON + number * timedelta(minutes=1), value) for number, value in enumerate(values)]


def noise(count: int, *, seed: int = 1, mean: float = 20.0) -> list[float]:
    drawn = random.Random(seed)
    return [drawn.gauss(mean, 1.0) for _ in range(count)]


def merged(episodes: Iterable[Episode]) -> list[Episode]:
    """The last word on each episode, as stored insights have it."""
    return list({episode.started_at: episode for episode in episodes}.values())


@pytest.mark.parametrize("make", [RunningZ, RelativeEntropy])
def test_it_works(make: Callable[[], Algorithm]) -> None:
    steady = [20.0, 21.0, 22.0, 21.5, 20.5]
    readings = minutes([*steady * 200, *[60.0] * 5, *steady * 20])

    [episode] = make().feed(readings)

    assert (episode.started_at, episode.value, episode.is_over) == (readings[1000][0], 60.0, True)
    assert episode.expected_low <= 20
    assert 22 <= episode.expected_high < 60


@pytest.mark.parametrize(("make", "most"), [(RunningZ, 0), (RelativeEntropy, 5)])
def test_pure_noise_is_hardly_ever_an_episode(make: Callable[[], Algorithm], most: int) -> None:
    """One test in a hundred of the relative entropy errs by design; it learns from it."""
    assert len(make().feed(minutes(noise(5000)))) <= most


@pytest.mark.parametrize("make", [RunningZ, RelativeEntropy])
def test_a_constant_series_that_changes_is_one_episode(make: Callable[[], Algorithm]) -> None:
    [episode] = make().feed(minutes([5.0] * 2000 + [9.0] * 20))

    assert (episode.value, episode.peak_score, episode.is_over) == (9.0, MAX_SCORE, False)


@pytest.mark.parametrize("make", [RunningZ, RelativeEntropy])
def test_the_last_digit_of_a_constant_series_is_no_episode(make: Callable[[], Algorithm]) -> None:
    assert make().feed(minutes([20.0] * 1000 + [20.000001] * 100)) == []


def test_running_z_counts_deviations_from_what_came_before() -> None:
    values = noise(200)

    [episode] = RunningZ().feed(minutes([*values, 45.0]))

    assert episode.peak_score == pytest.approx((45 - fmean(values)) / pstdev(values))
    assert episode.expected_high == pytest.approx(fmean(values) + 6 * pstdev(values))


def test_an_episode_of_running_z_is_over_after_a_row_of_calm_readings() -> None:
    detector = RunningZ()
    values = [*noise(1000), 60.0, *noise(RunningZ.HOLD - 1), 300.0, *noise(RunningZ.HOLD, seed=3)]

    [episode] = detector.feed(minutes(values))

    last = NOON + timedelta(minutes=1000 + RunningZ.HOLD)
    assert (episode.peak_value, episode.last_unusual_at, episode.is_over) == (300.0, last, True)
    assert detector.episode is None


def test_a_new_level_becomes_normal() -> None:
    detector = RunningZ()
    detector.feed(minutes([*noise(10_000), *noise(20_000, mean=80)]))

    assert detector.episode is None
    assert 70 < detector.mean < 80


def test_the_critical_value_is_the_99_percent_quantile_of_chi_squared() -> None:
    """With four degrees of freedom the tail beyond x is exp(-x/2) (1 + x/2)."""
    half = RelativeEntropy.CRITICAL / 2

    assert math.exp(-half) * (1 + half) == pytest.approx(0.01, abs=1e-6)


def test_a_pattern_seen_before_is_no_news() -> None:
    detector = RelativeEntropy()
    detector.feed(minutes(noise(900)))
    burst = [23.5, 16.5] * 40

    first, second = (detector.feed(minutes([*burst, *noise(200, seed=4)])) for _ in range(2))

    assert len(first) == 1
    assert second == []


@pytest.mark.parametrize("make", [QuickZ, QuickEntropy])
@given(
    values=st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 50.0, -1e300]) | st.floats(-5, 5), max_size=120),
    cuts=st.lists(st.integers(0, 120), max_size=6),
)
def test_batches_and_restarts_change_nothing(make: type[QuickZ], values: list[float], cuts: list[int]) -> None:
    readings = minutes(values)
    whole = make()
    expected = merged(whole.feed(readings))

    piecewise, found = make(), []
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), len(readings)], strict=True):
        found += piecewise.feed(readings[first:last])
        piecewise = make.load(piecewise.dump())

    assert merged(found) == expected
    assert piecewise.dump() == whole.dump()


@pytest.mark.parametrize("make", [RunningZ, RelativeEntropy])
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50))
def test_any_finite_value_gives_finite_figures(make: Callable[[], Algorithm], values: list[float]) -> None:
    readings = minutes([*values, *noise(800), *values])

    for episode in make().feed(readings):
        assert all(map(math.isfinite, episode[1:6]))
        assert abs(episode.peak_value) <= LARGEST


@pytest.mark.parametrize("make", [RunningZ, RelativeEntropy])
def test_a_state_is_small_at_every_moment(make: Callable[[], Algorithm]) -> None:
    detector, largest = make(), 0
    for reading in minutes([value * (1 + number // 100) for number, value in enumerate(noise(2000))]):
        detector.feed([reading])
        largest = max(largest, len(detector.dump()))

    assert largest <= SMALL_ENOUGH


@pytest.mark.parametrize("make", [RunningZ, RelativeEntropy])
def test_a_reading_costs_little(make: Callable[[], Algorithm]) -> None:
    detector, readings = make(), minutes(noise(20_000))
    begun = time.process_time()
    detector.feed(readings)

    assert (time.process_time() - begun) / len(readings) < 10e-6
