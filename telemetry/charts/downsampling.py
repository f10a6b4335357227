"""Fewer points that draw the same line."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from telemetry.aggregation.buckets import DAY, HOUR, MINUTE

SECOND = timedelta(seconds=1)
WIDTHS = (
    *(SECOND * n for n in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 5, 10, 30, 100, 300, 1_000)),
)


class Point(NamedTuple):
    """`x` is a time as a number, in whatever unit and from whatever beginning."""

    x: float
    y: float


def width_for(length: timedelta, points: int) -> timedelta:
    """The smallest of WIDTHS of which at most `points` touch a stretch of this length, wherever it begins."""
    return next((width for width in WIDTHS if length <= (points - 1) * width), WIDTHS[-1])


def lttb(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` of the points (at least 3 are kept if there are more), the first and the last among them.

    Largest triangle three buckets: the points between the ends are cut into most - 2 buckets of equal count; of each
    the point is kept that spans the largest triangle with the one kept before and the mean of the next bucket.
    Sveinn Steinarsson, "Downsampling Time Series for Visual Representation", University of Iceland 2013, section 4.2.
    """
    most = max(most, 3)
    if len(points) <= most:
        return list(points)
    bounds = [1 + (len(points) - 2) * number // (most - 2) for number in range(most - 1)]
    kept = [points[0]]
    for number, start in enumerate(bounds[:-1]):
        end = bounds[number + 1]
        following = points[end : bounds[number + 2]] if number + 2 < len(bounds) else points[-1:]
        kept.append(farthest(points[start:end], kept[-1], mean(following)))
    return [*kept, points[-1]]


def mean(points: Sequence[Point]) -> Point:
    return Point(sum(point.x for point in points) / len(points), sum(point.y for point in points) / len(points))


def farthest(points: Sequence[Point], a: Point, c: Point) -> Point:
    """The first of those that span the largest triangle with a and c. Twice the area orders as well as the area."""
    ax, ay, dx, dy = a.x, a.y, a.x - c.x, c.y - a.y
    return max(points, key=lambda b: abs(dx * (b.y - ay) - (ax - b.x) * dy))
