"""`python -m bench nab`: the detectors of the product on the Numenta Anomaly Benchmark, and whether they got worse.

A regression gate for the code of detectors. It says nothing about faults in buildings: docs/insights.md.
"""

import argparse
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.nab import rivals
from bench.nab.corpus import Corpus, Scores, Series, published
from bench.nab.scorer import LOW_FALSE_ALARMS, PROFILES, STANDARD, Result, probation
from telemetry.detection.detectors import Algorithm, RelativeEntropy, RunningZ

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "nab"
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
ROW = timedelta(seconds=1)
AS_PUBLISHED = 0.01

Gates = dict[str, float]
GATES: dict[str, Gates] = {
    "running z": {"standard at least": 46.0},
    "relative entropy": {"standard at least": 57.0, "low FP at least": 53.5, "false alarms at most": 0.30},
}


class Measured:
    """A detector of the product on one series after another, one detection an episode; and what it cost."""

    def __init__(self, make: Callable[[int], Algorithm]) -> None:
        self.make = make
        self.seconds, self.readings, self.state = 0.0, 0, 0

    def __call__(self, series: Series) -> Scores:
        rows = len(series.values)
        detector = self.make(rows)
        # By row: two rows of one series may have the same time when a clock was put back.
        readings = [(BEGINNING + row * ROW, value) for row, value in enumerate(series.values)]
        before = time.perf_counter()
        episodes = detector.feed(readings)
        self.seconds += time.perf_counter() - before
        self.readings += rows
        self.state = max(self.state, len(detector.dump()))
        scores = [0.0] * rows
        for episode in episodes:
            scores[(episode.started_at - BEGINNING) // ROW] = 1.0
        return scores


def line(name: str, results: list[Result]) -> str:
    scores = " ".join(f"{result.score:9.2f}" for result in results)
    standard = results[0]
    return f"{name:26} {scores} {standard.found_windows:8} {standard.false_alarms_per_thousand:9.3f}"


def failures(name: str, results: list[Result]) -> list[str]:
    by_profile = dict(zip(PROFILES, results, strict=True))
    measured = {
        "standard at least": by_profile[STANDARD].score,
        "low FP at least": by_profile[LOW_FALSE_ALARMS].score,
        "false alarms at most": -by_profile[STANDARD].false_alarms_per_thousand,
    }
    return [
        f"{name}: {gate} {limit}"
        for gate, limit in GATES.get(name, {}).items()
        if measured[gate] < (-limit if gate.endswith("most") else limit)
    ]


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench nab", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("NAB_DATA", FOLDER)), help="a copy of NAB")
    parser.add_argument("--results", type=Path, help="result files of a detector in NAB's form, to score as well")
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        print(f"There is no {options.data}: the benchmark isn't part of the project. Name a copy with --data.")
        return 0
    begun = time.perf_counter()
    corpus = Corpus.read(options.data)
    print(
        f"{len(corpus.series)} series, {sum(len(one.values) for one in corpus.series):,} rows, {corpus.windows} windows"
    )
    print(f"{'':26} {' '.join(f'{profile.name:>9}' for profile in PROFILES)} {'windows':>8} {'false/1000':>9}")
    wrong: list[str] = []
    null = corpus.results(lambda series: [0.0] * len(series.values), PROFILES)
    print(line("never fires", null))
    wrong += ["never fires: not 0"] * any(abs(result.score) > AS_PUBLISHED for result in null)
    for name, scores_of in (
        ("windowed Gaussian", rivals.windowed_gaussian),
        ("relative entropy of NAB", rivals.relative_entropy_of_nab),
    ):
        results = corpus.results(scores_of, PROFILES)
        print(line(name, results), f"  published total {rivals.PUBLISHED_RAW[name]:.4f}, ours {results[0].raw:.4f}")
        wrong += [f"{name}: not as published"] * (abs(results[0].raw - rivals.PUBLISHED_RAW[name]) > AS_PUBLISHED)
    makers: dict[str, Callable[[int], Algorithm]] = {
        "running z": lambda rows: RunningZ(),
        "relative entropy": lambda rows: RelativeEntropy(learn=probation(rows)),
    }
    for name, make in makers.items():
        measured = Measured(make)
        results = corpus.results(measured, PROFILES)
        cost = f"{measured.seconds / measured.readings * 1e6:.2f} µs a reading, {measured.state} bytes of state"
        print(line(name, results), f"  {cost}")
        wrong += failures(name, results)
    if options.results:
        print(line(options.results.name, corpus.results(published(options.results), PROFILES)))
    print(f"{time.perf_counter() - begun:.1f} s")
    print("\n".join(["MISSED", *wrong]) if wrong else "All known answers and gates hold.")
    return bool(wrong)
