"""Charts drawn on the server as SVG: widths in percent, heights in pixels, so that they fit any window. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PLOT: Final = 200
"""Pixels from the axis to the highest tick."""
LABELS: Final = 6


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar; `series` numbers its colour."""

    series: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    x: str
    width: str
    middle: str
    label: str
    title: str
    segments: Sequence[Segment]


@dataclass(frozen=True, slots=True)
class Tick:
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    limit_y: float | None


def stacked(
    columns: Sequence[Sequence[float]], *, labels: Sequence[str], titles: Sequence[str], limit: float | None = None
) -> Chart:
    """A bar for each column, its numbers on top of each other; about six of the labels are shown.

    A `limit` far above everything would press the bars flat: then it is left out.
    """
    highest = max((math.fsum(column) for column in columns), default=0.0)
    is_near = limit is not None and limit <= 10 * highest
    top = nice(max(highest, limit if limit is not None and is_near else 0.0))
    slot, every = 100 / max(1, len(columns)), math.ceil(len(columns) / LABELS)
    bars = [
        Bar(
            x=f"{slot * (number + 0.15):.3f}%",
            width=f"{slot * 0.7:.3f}%",
            middle=f"{slot * (number + 0.5):.3f}%",
            label=labels[number] if number % every == every // 2 else "",
            title=titles[number],
            segments=piled(column, top),
        )
        for number, column in enumerate(columns)
    ]
    ticks = [Tick(round(PLOT * (1 - share), 1), f"{top * share:g}") for share in (0.0, 0.5, 1.0)]
    return Chart(bars, ticks, round(PLOT * (1 - limit / top), 1) if limit is not None and is_near else None)


def piled(column: Sequence[float], top: float) -> list[Segment]:
    """From the axis up, in the order of the series; what is there is seen, if only as a line."""
    segments, floor = [], float(PLOT)
    for series, number in enumerate(column):
        if number > 0:
            height = max(1.0, PLOT * number / top)
            floor -= height
            segments.append(Segment(series, round(floor, 2), round(height, 2)))
    return segments


def nice(number: float) -> float:
    """The next of 1, 2, 4 and 10 times a power of ten that isn't below it; 1 for nothing."""
    if number <= 0:
        return 1.0
    power = float(10 ** math.floor(math.log10(number)))
    return next(step * power for step in (1, 2, 4, 10) if number <= step * power * 1.000001)
