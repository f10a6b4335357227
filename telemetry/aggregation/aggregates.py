"""What readings come to per bucket: read from the coarsest roll-ups that fit, exact at any moment.

A range is cut into pieces. The inside comes from roll-ups, the ends that don't fill one from finer ones, the rest
from the readings. A window that the journal still names is read from the readings, too: its roll-ups may be out of
date. Every reading that was stored before the request came is in the answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext as _
from psycopg import sql

from faultreporter.errors import RangeTooLarge
from telemetry.aggregation.rollups import COMBINED, EPOCH, WINDOW, ceil_to, floor_to, minutes_since
from telemetry.store.partitions import QUARTERS, READINGS


class Source(NamedTuple):
    """Where figures are read: `name` is what the API calls it, `since` the time before which nothing is kept."""

    name: str
    table: str
    step: timedelta
    since: datetime = datetime.min.replace(tzinfo=EPOCH.tzinfo)


RAW = Source("raw", "iot_readings", timedelta.resolution)


def rollups(at: datetime) -> tuple[Source, ...]:
    """Coarsest first."""
    return (
        Source("1d", "iot_rollup_1d", timedelta(days=1)),
        Source("1h", "iot_rollup_1h", timedelta(hours=1)),
        Source("15m", "iot_rollup_15m", timedelta(minutes=15), QUARTERS.horizon(at)),
        Source("1m", "iot_rollup_1m", timedelta(minutes=1), minutes_since(at)),
    )


class Bucket(NamedTuple):
    """`sum` and `avg` are within rounding of the exact ones; infinite or NaN where readings are beyond 1e290."""

    starts_at: datetime
    ends_at: datetime
    n: int
    min: float
    max: float
    avg: float
    sum: float
    last: float
    last_at: datetime


class Aggregated(NamedTuple):
    """The buckets that have readings, by series and in order, and the coarsest source that was read."""

    source: str
    buckets: Mapping[int, list[Bucket]]


class NoLongerKept(RangeTooLarge):
    """What is asked for could only be read from readings that have been dropped; `meta.kept_since` says since when."""

    def __init__(self, since: datetime) -> None:
        message = _(
            "Readings before %(date)s are no longer kept one by one. Ask for buckets of 15m or more,"
            " and let from and to be whole quarters of an hour."
        )
        super().__init__(message % {"date": f"{since:%Y-%m-%d}"}, field="from", meta={"kept_since": since})


class Piece(NamedTuple):
    source: Source
    since: datetime
    until: datetime


def cover(
    since: datetime, until: datetime, sources: Sequence[Source], stale: Sequence[datetime] = ()
) -> Iterator[Piece]:
    """Cuts the range into pieces, each to be read from the coarsest of `sources` whose rows fit in and are right.

    `stale` are the windows whose roll-ups may be out of date, in order.
    """
    if since >= until:
        return
    if not sources:
        yield Piece(RAW, since, until)
        return
    source, *finer = sources
    start = ceil_to(max(since, source.since), source.step)
    end = floor_to(until, source.step)
    if start >= end:
        yield from cover(since, until, finer, stale)
        return
    yield from cover(since, start, finer, stale)
    for dirty_since, dirty_until, inside in dirty(start, end, source.step, stale):
        if start < dirty_since:
            yield Piece(source, start, dirty_since)
        yield from cover(dirty_since, dirty_until, finer, inside)
        start = dirty_until
    if start < end:
        yield Piece(source, start, end)
    yield from cover(end, until, finer, stale)


def check_kept(pieces: Sequence[tuple[int, Piece]], *, at: datetime) -> None:
    kept_since = READINGS.horizon(at)
    if any(piece.source == RAW and piece.since < kept_since for _series, piece in pieces):
        raise NoLongerKept(kept_since)


def dirty(
    start: datetime, end: datetime, step: timedelta, stale: Sequence[datetime]
) -> list[tuple[datetime, datetime, list[datetime]]]:
    """The stretches of rows that a stale window touches, each with its windows; neighbours are one stretch."""
    found: list[tuple[datetime, datetime, list[datetime]]] = []
    for window in stale:
        first, last = max(floor_to(window, step), start), min(ceil_to(window + WINDOW, step), end)
        if first >= last:
            continue
        if found and first <= found[-1][1]:
            before = found[-1]
            found[-1] = (before[0], max(before[1], last), [*before[2], window])
        else:
            found.append((first, last, [window]))
    return found


# The journal has what arrived in the last seconds; reading all of it costs less than an index would at every batch.
STALE_SQL = """
SELECT DISTINCT stale.series_id, date_bin('15 minutes', stale.first_at, '2000-01-01T00:00:00Z')
FROM iot_arrivals arrival
CROSS JOIN LATERAL unnest(arrival.series, arrival.first_at, arrival.last_at) AS stale(series_id, first_at, last_at)
WHERE arrival.series && %(series)s::int[] AND stale.series_id = ANY(%(series)s::int[])
    AND stale.last_at >= %(since)s AND stale.first_at < %(until)s
ORDER BY 1, 2"""


def stale_windows(series: Sequence[int], since: datetime, until: datetime) -> dict[int, list[datetime]]:
    found: dict[int, list[datetime]] = {one: [] for one in series}
    with connection.cursor() as cursor:
        cursor.execute(STALE_SQL, {"series": list(series), "since": since, "until": until})
        for series_id, window_at in cursor.fetchall():
            found[series_id].append(window_at)
    return found


PIECES = sql.SQL(
    "unnest({series}::int[], {since}::timestamptz[], {until}::timestamptz[]) AS piece(series_id, since, until)"
)
# Always through the key, piece by piece: a join would let the planner read the whole table for many pieces.
FROM_ROLLUPS = sql.SQL("""
SELECT piece.series_id, bucket_at AS at, n, sum, min, max, last, last_at
FROM {pieces} CROSS JOIN LATERAL (
    SELECT * FROM {table}
    WHERE series_id = piece.series_id AND bucket_at >= piece.since AND bucket_at < piece.until OFFSET 0
) line""")
FROM_READINGS = sql.SQL("""
SELECT piece.series_id, recorded_at AS at, 1 AS n,
    CASE WHEN abs(value) < 1e290 THEN value ELSE value * 'infinity' END AS sum,
    value AS min, value AS max, value AS last, recorded_at AS last_at
FROM {pieces} CROSS JOIN LATERAL (
    SELECT * FROM iot_readings
    WHERE series_id = piece.series_id AND recorded_at >= piece.since AND recorded_at < piece.until OFFSET 0
) line""")
TOGETHER = sql.SQL("""
SELECT series_id, width_bucket(at, %(edges)s::timestamptz[]) AS place, {combined} FROM ({parts}) part
GROUP BY 1, 2 ORDER BY 1, 2""")


def reading(source: Source, pieces: Sequence[tuple[int, Piece]], parameters: dict[str, Any]) -> sql.Composed:
    """The rows of one source for its pieces, whose columns are added to the parameters."""
    own = [(series_id, piece) for series_id, piece in pieces if piece.source == source]
    columns = {
        "series": [series_id for series_id, _ in own],
        "since": [piece.since for _, piece in own],
        "until": [piece.until for _, piece in own],
    }
    parameters |= {f"{name}_{source.name}": values for name, values in columns.items()}
    placeholders = {name: sql.Placeholder(f"{name}_{source.name}") for name in columns}
    template = FROM_READINGS if source == RAW else FROM_ROLLUPS
    return template.format(pieces=PIECES.format(**placeholders), table=sql.Identifier(source.table))


def aggregate(series: Sequence[int], edges: Sequence[datetime], *, at: datetime) -> Aggregated:
    """The figures of these series between each edge and the next. Buckets without readings are left out."""
    if not series:
        return Aggregated(RAW.name, {})
    # An edge inside a row would put all of the row on one side of it.
    fitting = [source for source in rollups(at) if all(not (edge - EPOCH) % source.step for edge in edges[1:-1])]
    stale = stale_windows(series, edges[0], edges[-1])
    pieces = [(one, piece) for one in series for piece in cover(edges[0], edges[-1], fitting, stale[one])]
    check_kept(pieces, at=at)
    coarsest = max((piece.source for _, piece in pieces), key=lambda source: source.step, default=RAW)
    found: dict[int, list[Bucket]] = {one: [] for one in series}
    parameters: dict[str, Any] = {"edges": list(edges[:-1])}
    parts = [reading(source, pieces, parameters) for source in {piece.source for _, piece in pieces}]
    query = TOGETHER.format(combined=COMBINED, parts=sql.SQL(" UNION ALL ").join(parts))
    bounds = list(pairwise(edges))
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        for series_id, place, n, total, least, most, last, last_at in cursor.fetchall():
            start, end = bounds[place - 1]
            found[series_id].append(Bucket(start, end, n, least, most, total / n, total, last, last_at))
    return Aggregated(coarsest.name, found)


def last_readings(
    series_id: int, *, since: datetime, until: datetime, sources: Sequence[Source]
) -> list[tuple[datetime, float]]:
    """The last reading of each row of these sources, coarsest first, in order; all readings where there is none."""
    stale = stale_windows([series_id], since, until)[series_id] if sources else []
    pieces = [(series_id, piece) for piece in cover(since, until, sources, stale)]
    parameters: dict[str, Any] = {}
    parts = [reading(one, pieces, parameters) for one in {piece.source for _, piece in pieces}]
    query = sql.SQL("SELECT last_at, last FROM ({parts}) part ORDER BY 1")
    with connection.cursor() as cursor:
        cursor.execute(query.format(parts=sql.SQL(" UNION ALL ").join(parts)), parameters)
        return list(cursor.fetchall())
