"""As many points of a series as a screen has columns."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection

from telemetry.aggregation.aggregates import RAW, Source, aggregate, last_readings, rollups
from telemetry.aggregation.rollups import WINDOW, ceil_to, floor_to
from telemetry.charts.downsampling import Point, lttb, width_for
from telemetry.store.partitions import READINGS

MAX_POINTS = 2_000
MOST_READ = 20_000
"""Rows that may be thinned out for one chart; more come from the next coarser source."""

UNIX = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Chart(NamedTuple):
    """`points` hold a time in milliseconds since 1970 and then one value, or minimum, maximum and mean.

    `step` is how far apart they are; None where each is a reading at its own time.
    """

    source: str
    step: timedelta | None
    points: Sequence[tuple[float, ...]]


def milliseconds(at: datetime) -> int:
    return (at - UNIX) // MILLISECOND


def min_max(series_id: int, *, since: datetime, until: datetime, points: int, at: datetime) -> Chart:
    """Minimum, maximum and mean per column: no peak is lost, however short. A column without readings is left out."""
    width = width_for(until - since, points)
    if since < READINGS.horizon(at):
        width = max(width, WINDOW)
    since, until = readable(since, until, at=at)
    if since >= until:
        return Chart(RAW.name, width, [])
    edges = [since]
    edge = ceil_to(since + timedelta.resolution, width)
    while edge < until:
        edges.append(edge)
        edge += width
    found = aggregate([series_id], [*edges, until], at=at)
    columns = [(milliseconds(one.starts_at), one.min, one.max, one.avg) for one in found.buckets[series_id]]
    return Chart(found.source, width, columns)


def largest_triangles(series_id: int, *, since: datetime, until: datetime, points: int, at: datetime) -> Chart:
    """Readings that draw the same line. Of a long range, not all are looked at but the last of each minute or more."""
    since, until = readable(since, until, at=at)
    sources = not_too_fine(series_id, since, until, at=at)
    found = last_readings(series_id, since=since, until=until, sources=sources) if since < until else []
    kept = lttb([Point(milliseconds(moment), value) for moment, value in found], points)
    return Chart(sources[0].name if sources else RAW.name, None, [tuple(point) for point in kept])


def readable(since: datetime, until: datetime, *, at: datetime) -> tuple[datetime, datetime]:
    """Where readings have been dropped, only whole quarters can still be told apart."""
    horizon = READINGS.horizon(at)
    return ceil_to(since, WINDOW) if since < horizon else since, floor_to(until, WINDOW) if until < horizon else until


def not_too_fine(series_id: int, since: datetime, until: datetime, *, at: datetime) -> Sequence[Source]:
    """The finest source that has not too many rows in the range, and those that are finer still, for its ends.

    None where all readings can be looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(n) FROM iot_rollup_1d WHERE series_id = %s AND bucket_at > %s - interval '1 day'"
            " AND bucket_at < %s",
            [series_id, since, until],
        )
        (readings,) = cursor.fetchone()
    if (readings or 0) <= MOST_READ and since >= READINGS.horizon(at):
        return []
    sources = rollups(at)
    finest = len(sources) - 1
    while finest and (sources[finest].since > since or (until - since) // sources[finest].step > MOST_READ):
        finest -= 1
    return sources[finest:]
