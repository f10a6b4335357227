"""Readings on their way out: newest first, a page at a time, and the latest of many machines at once."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Case, F, QuerySet, Value, When

from equipment.models import Equipment
from faultreporter.db import every_row
from telemetry.models import LatestReading, Quality, Series

# One descent into the key per series and partition, however long the history: each series gives at most one page,
# and the pages are merged. A plain ORDER BY over several series would read and sort all of them.
PAGE_SQL = """
SELECT line.series_id, reading.recorded_at, reading.value, reading.quality
FROM unnest(%(series)s::int[]) AS line(series_id)
CROSS JOIN LATERAL (
    SELECT recorded_at, value, quality FROM {table}
    WHERE series_id = line.series_id
        AND recorded_at >= %(since)s AND recorded_at < %(until)s AND recorded_at <= %(before_time)s
        AND NOT (recorded_at = %(before_time)s AND series_id >= %(before_series)s)
    ORDER BY recorded_at DESC LIMIT %(limit)s
) reading
ORDER BY reading.recorded_at DESC, line.series_id DESC LIMIT %(limit)s"""
GOOD_SQL, ALL_SQL = PAGE_SQL.format(table="iot_readings"), PAGE_SQL.format(table="iot_data")

ALWAYS = (datetime.fromisoformat("1900-01-01T00:00:00Z"), datetime.fromisoformat("2200-01-01T00:00:00Z"))
EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
LARGEST_SERIES = 2**31 - 1
NAMES = {quality.value: quality.name for quality in Quality}


# The newest thirty gaps: enough that a hole or two doesn't move the median, and one page of the key to read.
INTERVAL_SQL = """
SELECT extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY gap))::float8
FROM (
    SELECT recorded_at - lag(recorded_at) OVER (ORDER BY recorded_at) AS gap
    FROM (SELECT recorded_at FROM iot_data WHERE series_id = %s ORDER BY recorded_at DESC LIMIT 31) newest
) gaps"""


class Position(NamedTuple):
    """The last reading of the page before."""

    recorded_at: datetime
    series_id: int

    @classmethod
    def from_ticks(cls, ticks: int, series_id: int) -> "Position":
        return cls(EPOCH + ticks * TICK, series_id)

    @property
    def ticks(self) -> int:
        """Microseconds since 1970: exact, where a float of seconds isn't."""
        return (self.recorded_at - EPOCH) // TICK


class Line(NamedTuple):
    """A reading and what it is a reading of. `quality` is the name of its Quality."""

    metric: str
    value: float
    unit: str
    recorded_at: datetime
    equipment_id: uuid.UUID
    series_id: int
    quality: str


class Page(NamedTuple):
    """`next` is where the next page begins, None on the last."""

    lines: list[Line]
    next: Position | None


def read_page(
    series: Sequence[Series],
    *,
    since: datetime | None,
    until: datetime | None,
    after: Position | None,
    limit: int,
    include_void: bool = False,
) -> Page:
    """Readings of these series with since ≤ time < until, newest first. `metric` of each series should be loaded."""
    known = {one.pk: one for one in series}
    before = after or Position(ALWAYS[1], LARGEST_SERIES)
    parameters: dict[str, Any] = {
        "series": list(known),
        "since": since or ALWAYS[0],
        "until": until or ALWAYS[1],
        "before_time": before.recorded_at,
        "before_series": before.series_id,
        "limit": limit + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(ALL_SQL if include_void else GOOD_SQL, parameters)
        lines = [line_of(known[pk], *reading) for pk, *reading in cursor.fetchall()]
    if len(lines) <= limit:
        return Page(lines, None)
    lines.pop()
    return Page(lines, Position(lines[-1].recorded_at, lines[-1].series_id))


def line_of(series: Series, recorded_at: datetime, value: float, quality: int) -> Line:
    metric = series.metric
    return Line(metric.code, value, metric.unit, recorded_at, series.equipment_id, series.pk, NAMES[quality])


def latest_of(equipment: "QuerySet[Equipment] | Sequence[uuid.UUID]", *, metric: str = "") -> list[Line]:
    """The newest reading of each series of these machines, in one query, by machine and metric; it may be void."""
    rows = LatestReading.objects.filter(series__equipment__in=equipment)
    if metric:
        rows = rows.filter(series__metric__code=metric)
    columns = (
        "series__metric__code",
        "value",
        "series__metric__unit",
        "recorded_at",
        "series__equipment_id",
        "series_id",
        Case(When(void_at=F("recorded_at"), then=Value("VOID")), default=Value("GOOD")),
    )
    ordered = rows.order_by("series__equipment_id", "series__metric__code")
    return list(map(Line._make, every_row(ordered.values_list(*columns))))


def measured_interval(series_id: int) -> float | None:
    """How far apart the newest readings are by their own times: the median of the last gaps, in seconds."""
    with connection.cursor() as cursor:
        cursor.execute(INTERVAL_SQL, [series_id])
        found: float | None = cursor.fetchone()[0]
    return found
