"""The scorer of the benchmark against results worked out by hand; none of it needs the benchmark's data.

A series of 100 rows: 15 of probation, and one window from row 40 to 49. At a window's first row y is -1, and
S(-1) = 2 / (1 + e^-5) - 1 = 0.986614.
"""

import random
from pathlib import Path

import pytest

from bench.nab.corpus import Corpus, published
from bench.nab.scorer import (
    LOW_FALSE_ALARMS,
    LOW_MISSES,
    PROFILES,
    STANDARD,
    Profile,
    Result,
    Window,
    probation,
    score,
    worth_of_rows,
)

ROWS = worth_of_rows(100, [Window(40, 49)])


def result_of(profile: Profile = STANDARD, **fired: float) -> Result:
    """Anomaly scores by row: `row_40=1.0`."""
    scores = [fired.get(f"row_{number}", 0.0) for number in range(15, 100)]
    return score(zip(scores, ROWS, strict=True), 1, profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_never_firing_is_0_and_the_first_row_of_every_window_100(profile: Profile) -> None:
    assert result_of(profile).score == 0.0
    assert result_of(profile, row_40=1.0).score == pytest.approx(100)


def test_a_later_detection_is_worth_less() -> None:
    """Row 44: y = -(49 - 44 + 1) / 10 = -0.6, S = 0.905148, over S(-1) 0.917429; 100 × (0.917429 + 1) / 2."""
    assert result_of(row_44=1.0).score == pytest.approx(95.87145, abs=1e-4)


def test_only_the_earliest_detection_of_a_window_counts() -> None:
    assert result_of(row_44=1.0, row_46=1.0, row_49=1.0).raw == result_of(row_44=1.0).raw


@pytest.mark.parametrize(
    ("row", "cost"),
    [
        ("row_20", 0.11),  # before any window: S = -1
        ("row_54", 0.0971219),  # y = (54 - 49) / 9 = 0.5556, S = -0.882926
        ("row_80", 0.11),  # y = 31 / 9 > 3: far behind
    ],
)
def test_a_false_alarm_costs_by_its_distance(row: str, cost: float) -> None:
    assert result_of(row_40=1.0, **{row: 1.0}).raw == pytest.approx(1 - cost, abs=1e-6)


def test_false_alarms_and_misses_weigh_by_profile() -> None:
    fired = {"row_40": 1.0, "row_20": 1.0}

    assert result_of(LOW_FALSE_ALARMS, **fired).raw == pytest.approx(0.78)
    assert result_of(LOW_MISSES, **fired).score == pytest.approx(100 * (0.89 + 2) / 3)


def test_the_best_threshold_leaves_out_what_costs_more_than_it_brings() -> None:
    result = result_of(row_40=0.9, row_20=0.5, row_21=0.4)

    assert (result.threshold, result.false_alarms, result.score) == (0.9, 0, pytest.approx(100))


def test_nothing_in_probation_is_scored() -> None:
    assert (probation(100), probation(10_000), len(ROWS)) == (15, 750, 85)


def test_the_sweep_finds_what_trying_every_threshold_finds() -> None:
    drawn = random.Random(5)
    rows = worth_of_rows(400, [Window(100, 119), Window(300, 319)])
    detections = [(round(drawn.random(), 2), row) for row in rows]

    def tried(threshold: float) -> float:
        fired = [row for value, row in detections if value >= threshold]
        false = 0.11 * sum(row.worth for row in fired if row.window < 0)
        return false + sum(max((row.worth for row in fired if row.window == window), default=-1) for window in (0, 1))

    assert score(detections, 2, STANDARD).raw == pytest.approx(
        max(map(tried, [2, *(value for value, _ in detections)]))
    )


def test_result_files_in_the_form_of_the_benchmark_are_read(tmp_path: Path) -> None:
    times = [f"2026-01-01 00:{number // 60:02}:{number % 60:02}" for number in range(100)]
    for folder in ("data/group", "labels", "results/group"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "labels/combined_windows.json").write_text(
        f'{{"group/one.csv": [["{times[40]}.000000", "{times[49]}.000000"]]}}'
    )
    lines = [f"{time},5.0" for time in times]
    (tmp_path / "data/group/one.csv").write_text("\n".join(["timestamp,value", *lines]))
    scored = [f"{line},{float(number == 44)},0" for number, line in enumerate(lines)]
    (tmp_path / "results/group/mine_one.csv").write_text("\n".join(["timestamp,value,anomaly_score,label", *scored]))

    [result] = Corpus.read(tmp_path).results(published(tmp_path / "results"), [STANDARD])

    assert result.score == pytest.approx(95.87145, abs=1e-4)
