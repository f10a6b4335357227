"""How the Numenta Anomaly Benchmark scores a detector, in one sorted pass over all its rows.

Written from the description of the benchmark (Lavin and Ahmad, 2015, "Evaluating Real-time Anomaly Detection
Algorithms"); the weights and edges are those of its version 1.0. A threshold for all series is part of the score: rows
enter from the highest anomaly score down, each changes the total by a difference, and the best total on the way wins.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

PROBATION_SHARE = 0.15
PROBATION_MOST = 750
FAR = 3.0
"""So many window lengths behind a window, a false alarm has nothing to do with it any more."""


class Profile(NamedTuple):
    """What a found window, a missed one and a false alarm are worth."""

    name: str
    found: float
    missed: float
    false: float


STANDARD = Profile("standard", 1.0, 1.0, 0.11)
LOW_FALSE_ALARMS = Profile("low FP", 1.0, 1.0, 0.22)
LOW_MISSES = Profile("low FN", 1.0, 2.0, 0.11)
PROFILES = (STANDARD, LOW_FALSE_ALARMS, LOW_MISSES)


class Window(NamedTuple):
    """The rows, both included, in which a detection counts as found."""

    first: int
    last: int

    @property
    def width(self) -> int:
        return self.last - self.first + 1


class Row(NamedTuple):
    """What a detection at a row is worth: `worth` in (0, 1] inside the window of that number, negative outside (-1)."""

    window: int
    worth: float


class Result(NamedTuple):
    """The best threshold of a profile. `score` is 0 for a detector that never fires and 100 for a perfect one."""

    threshold: float
    raw: float
    score: float
    found_windows: int
    false_alarms: int
    scored_rows: int

    @property
    def false_alarms_per_thousand(self) -> float:
        return 1000 * self.false_alarms / self.scored_rows if self.scored_rows else 0.0


def sigmoid(position: float) -> float:
    """From nearly 1 at a window's left edge (-1) through 0 at its right edge to -1 far behind it."""
    return -1.0 if position >= FAR else 2 / (1 + math.exp(5 * position)) - 1


def probation(rows: int) -> int:
    """How many rows at the beginning a detector may learn from without being scored."""
    return min(math.floor(PROBATION_SHARE * rows), PROBATION_MOST)


def worth_of_rows(rows: int, windows: Sequence[Window], first_number: int = 0) -> list[Row]:
    """The scored rows of one series, in order; its windows are numbered from `first_number`."""
    best = sigmoid(-1.0)
    found: list[Row] = []
    upcoming = list(enumerate(windows, first_number))
    before: Window | None = None
    for at in range(rows):
        if upcoming and at > upcoming[0][1].last:
            before = upcoming.pop(0)[1]
        if upcoming and at >= upcoming[0][1].first:
            number, window = upcoming[0]
            found.append(Row(number, sigmoid(-(window.last - at + 1) / window.width) / best))
        else:
            found.append(Row(-1, sigmoid(FAR if before is None else (at - before.last) / max(before.width - 1, 1))))
    return found[probation(rows) :]


def score(detections: Iterable[tuple[float, Row]], windows: int, profile: Profile) -> Result:
    """The result at the best threshold; `detections` are the anomaly score and the worth of every scored row."""
    rows = sorted(detections, key=itemgetter(0), reverse=True)
    reached = dict.fromkeys((row.window for _, row in rows if row.window >= 0), -profile.missed)
    raw = sum(reached.values())
    best = Result(math.inf, raw, normalised(raw, windows, profile), 0, 0, len(rows))
    false_alarms = 0
    for threshold, group in groupby(rows, key=itemgetter(0)):
        for _, row in group:
            if row.window < 0:
                raw += profile.false * row.worth
                false_alarms += 1
            elif (gain := profile.found * row.worth - reached[row.window]) > 0:
                raw += gain
                reached[row.window] += gain
        if raw > best.raw:
            seen = sum(value > 0 for value in reached.values())
            best = Result(threshold, raw, normalised(raw, windows, profile), seen, false_alarms, len(rows))
    return best


def normalised(raw: float, windows: int, profile: Profile) -> float:
    """Between 0, the detector that never fires, and 100, the one that fires at the first row of every window."""
    null = -profile.missed * windows
    return 100 * (raw - null) / (profile.found * windows - null)
