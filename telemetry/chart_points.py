"""As many points of a series as a screen has columns."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection

from telemetry.aggregates import RAW, Source, aggregate, last_readings, rollups
from telemetry.downsampling import Point, lttb, width_for
from telemetry.rollups import ceil_to

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
    source = finest(series_id, since, until, at=at)
    found = last_readings(series_id, since=since, until=until, source=source)
    kept = lttb([Point(milliseconds(moment), value) for moment, value in found], points)
    return Chart(source.name, None, [tuple(point) for point in kept])


def finest(series_id: int, since: datetime, until: datetime, *, at: datetime) -> Source:
    """The finest source that has not too many rows in the range."""
    *coarser, minutes = rollups(at)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(n) FROM iot_rollup_1d WHERE series_id = %s AND bucket_at > %s - interval '1 day'"
            " AND bucket_at < %s",
            [series_id, since, until],
        )
        (readings,) = cursor.fetchone()
    if (readings or 0) <= MOST_READ:
        return RAW
    candidates: Sequence[Source] = [minutes, *reversed(coarser)]
    return next(
        (one for one in candidates if one.since <= since and (until - since) // one.step <= MOST_READ), candidates[-1]
    )
