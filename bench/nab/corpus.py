"""The benchmark's series and windows from a folder like numenta/NAB's own, and result files in its form."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.nab.scorer import Profile, Result, Row, Window, score, worth_of_rows

Scores = Sequence[float]


class Series(NamedTuple):
    name: str
    values: list[float]
    rows: list[Row]
    """What a detection is worth, of the scored rows: the last len(rows) of the values."""


class Corpus(NamedTuple):
    series: list[Series]
    windows: int

    @classmethod
    def read(cls, folder: Path) -> "Corpus":
        labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
        found: list[Series] = []
        windows = 0
        for name, limits in sorted(labels.items()):
            times, values = columns(folder / "data" / name, "timestamp", "value")
            rows = {time: number for number, time in reversed(list(enumerate(times)))}
            # Labels say microseconds, the series don't.
            own = [Window(rows[first[:19]], rows[last[:19]]) for first, last in limits]
            found.append(Series(name, [float(value) for value in values], worth_of_rows(len(values), own, windows)))
            windows += len(own)
        return cls(found, windows)

    def results(self, scores_of: Callable[[Series], Scores], profiles: Sequence[Profile]) -> list[Result]:
        """One result a profile, from anomaly scores of every value of every series."""
        detections: list[tuple[float, Row]] = []
        for series in self.series:
            scores = scores_of(series)[-len(series.rows) :]
            detections += zip(scores, series.rows, strict=True)
        return [score(detections, self.windows, profile) for profile in profiles]


def columns(path: Path, *names: str) -> list[list[str]]:
    with path.open(newline="") as lines:
        header, *rows = csv.reader(lines)
    places = [header.index(name) for name in names]
    return [[row[place] for row in rows] for place in places]


def published(folder: Path) -> Callable[[Series], Scores]:
    """The anomaly scores of a detector from NAB's `results/DETECTOR`: GROUP/DETECTOR_SERIES.csv."""

    def scores_of(series: Series) -> Scores:
        group, name = series.name.split("/")
        [path] = (folder / group).glob(f"*_{name}")
        return [float(value) for value in columns(path, "anomaly_score")[0]]

    return scores_of
