"""Readings rolled up by minute, quarter of an hour, hour and day of UTC, so that long ranges cost little to ask for.

A roll-up is always computed anew from what is stored, never moved on by a difference: doing it twice, in any order or
after a crash gives the same row. The journal `iot_arrivals` says which windows have changed; a batch writes it in the
transaction that stores its readings, and here its rows go in the transaction that writes the roll-ups. So whoever
looks at the database in one moment finds for every window either a journal row or roll-ups that are right.

One transaction at a time rolls up, held by an advisory lock: two that overlap could read the same readings, and the
one that read first could write last.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, Min
from psycopg import sql

from telemetry import voiding
from telemetry.models import Arrival
from telemetry.partitions import READINGS, first_of_month
from telemetry.storage import binary_cursor

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=15)
"""What the journal counts in. Every time zone's hours and days begin on one."""

# Any constant does; it only has to differ from the other advisory locks of the project.
ROLLUPS_LOCK = 7_105_003
ARRIVALS_AT_ONCE = 500
WINDOWS_AT_ONCE = 50_000
WINDOWS_A_STATEMENT = 5_000
MINUTES_KEPT = timedelta(days=90)

COLUMNS = sql.SQL("series_id, bucket_at, n, sum, min, max, last, last_at")
COMBINED = sql.SQL(
    "sum(n)::int AS n, sum(sum) AS sum, min(min) AS min, max(max) AS max,"
    " (array_agg(last ORDER BY last_at DESC))[1] AS last, max(last_at) AS last_at"
)
# PostgreSQL refuses a sum that overflows, which would stop all roll-ups for one absurd reading. Beyond 1e290 it is
# counted as infinite instead, and the sum with it.
OF_READINGS = sql.SQL(
    "count(*)::int AS n, sum(CASE WHEN abs(value) < 1e290 THEN value ELSE value * 'infinity' END) AS sum,"
    " min(value) AS min, max(value) AS max,"
    " (array_agg(value ORDER BY recorded_at DESC))[1] AS last, max(recorded_at) AS last_at"
)
DIRTY = sql.SQL("SELECT series_id, window_at FROM unnest(%b::int[], %b::timestamptz[]) AS dirty(series_id, window_at)")
# None that is there already as it is: a row that isn't touched leaves no dead one behind.
UPSERT = sql.SQL("""
INSERT INTO {table} AS kept ({columns}) SELECT {columns} FROM {rows} ORDER BY series_id, bucket_at
ON CONFLICT (series_id, bucket_at) DO UPDATE SET n = EXCLUDED.n, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, last = EXCLUDED.last, last_at = EXCLUDED.last_at
WHERE (kept.n, kept.sum, kept.min, kept.max, kept.last, kept.last_at)
    IS DISTINCT FROM (EXCLUDED.n, EXCLUDED.sum, EXCLUDED.min, EXCLUDED.max, EXCLUDED.last, EXCLUDED.last_at)""")
# What lies in the dirty buckets and has no reading any more.
DELETE_GONE = sql.SQL("""
DELETE FROM {table} old USING dirty
WHERE old.series_id = dirty.series_id
    AND old.bucket_at >= dirty.window_at AND old.bucket_at < dirty.window_at + interval {width}
    AND NOT EXISTS (SELECT FROM {rows} new WHERE new.series_id = old.series_id AND new.bucket_at = old.bucket_at)""")


def upsert(table: str, rows: str) -> sql.Composed:
    return UPSERT.format(table=sql.Identifier(table), columns=COLUMNS, rows=sql.Identifier(rows))


def delete_gone(table: str, width: str, rows: str) -> sql.Composed:
    return DELETE_GONE.format(table=sql.Identifier(table), width=sql.Literal(width), rows=sql.Identifier(rows))


# From the readings to minutes, from those to quarters. Minutes before a certain time aren't kept.
FINE_SQL = sql.SQL("""
WITH dirty AS MATERIALIZED ({dirty}),
minutes AS MATERIALIZED (
    SELECT dirty.series_id, dirty.window_at, minute.*
    FROM dirty CROSS JOIN LATERAL (
        SELECT date_bin('1 minute', recorded_at, dirty.window_at) AS bucket_at, {of_readings} FROM iot_readings
        WHERE series_id = dirty.series_id
            AND recorded_at >= dirty.window_at AND recorded_at < dirty.window_at + interval '15 minutes'
        GROUP BY 1
    ) minute
),
quarters AS MATERIALIZED (
    SELECT series_id, window_at AS bucket_at, {combined} FROM minutes GROUP BY 1, 2
),
kept AS (SELECT * FROM minutes WHERE bucket_at >= %b),
minutes_gone AS ({minutes_gone}),
minutes_written AS ({minutes_written}),
quarters_gone AS ({quarters_gone})
{quarters_written}""").format(
    dirty=DIRTY,
    of_readings=OF_READINGS,
    combined=COMBINED,
    minutes_gone=delete_gone("iot_rollup_1m", "15 minutes", "minutes"),
    minutes_written=upsert("iot_rollup_1m", "kept"),
    quarters_gone=delete_gone("iot_rollup_15m", "15 minutes", "quarters"),
    quarters_written=upsert("iot_rollup_15m", "quarters"),
)
COARSE_SQL = sql.SQL("""
WITH dirty AS MATERIALIZED (
    SELECT DISTINCT series_id, date_bin({width}, window_at, '2000-01-01T00:00:00Z') AS window_at FROM ({dirty}) finer
),
fresh AS MATERIALIZED (
    SELECT dirty.series_id, dirty.window_at AS bucket_at, whole.*
    FROM dirty CROSS JOIN LATERAL (
        SELECT {combined} FROM {source}
        WHERE series_id = dirty.series_id
            AND bucket_at >= dirty.window_at AND bucket_at < dirty.window_at + interval {width}
    ) whole
    WHERE whole.n IS NOT NULL
),
gone AS ({gone})
{written}""")


def coarse_sql(*, source: str, target: str, width: str) -> sql.Composed:
    """The `target` rows of all dirty windows, from the rows of the next finer step."""
    return COARSE_SQL.format(
        width=sql.Literal(width),
        dirty=DIRTY,
        combined=COMBINED,
        source=sql.Identifier(source),
        gone=delete_gone(target, width, "fresh"),
        written=upsert(target, "fresh"),
    )


HOURS_SQL = coarse_sql(source="iot_rollup_15m", target="iot_rollup_1h", width="1 hour")
DAYS_SQL = coarse_sql(source="iot_rollup_1h", target="iot_rollup_1d", width="1 day")

# The oldest rows, as many as have WINDOWS_AT_ONCE windows between them, and at least one.
TAKE_SQL = """
WITH taken AS (
    DELETE FROM iot_arrivals WHERE id IN (
        SELECT id FROM (
            SELECT id, sum(cardinality(series)) OVER (ORDER BY id) - cardinality(series) AS before
            FROM (SELECT id, series FROM iot_arrivals ORDER BY id LIMIT %b) oldest
        ) counted WHERE before < %b
    ) RETURNING series, window_at
)
SELECT DISTINCT dirty.series_id, dirty.window_at
FROM taken CROSS JOIN LATERAL unnest(taken.series, taken.window_at) AS dirty(series_id, window_at)
ORDER BY 1, 2"""

WINDOWS_SQL = """
SELECT line.series_id, found.window_at
FROM unnest(%b::int[]) AS line(series_id)
CROSS JOIN (VALUES (%b::timestamptz, %b::timestamptz)) AS whole(since, until)
CROSS JOIN LATERAL (
    SELECT date_bin('15 minutes', recorded_at, since) AS window_at FROM iot_data
    WHERE series_id = line.series_id AND recorded_at >= since AND recorded_at < until
    UNION
    SELECT bucket_at FROM iot_rollup_15m
    WHERE series_id = line.series_id AND bucket_at >= since AND bucket_at < until
) found
ORDER BY 1, 2"""


class Window(NamedTuple):
    """A quarter of an hour of one series whose roll-ups may be out of date."""

    series_id: int
    window_at: datetime


def floor_to(at: datetime, step: timedelta) -> datetime:
    """The beginning of the step, counted in UTC, that this moment lies in."""
    return at - (at - EPOCH) % step


def ceil_to(at: datetime, step: timedelta) -> datetime:
    return at + (EPOCH - at) % step


def fetch(statement: LiteralString, parameters: Sequence[object]) -> list[Window]:
    with binary_cursor() as cursor:
        rows: Any = cursor.execute(statement, parameters).fetchall()
    return [Window(*row) for row in rows]


def recompute(windows: Sequence[Window], *, minutes_since: datetime) -> None:
    """Makes all roll-ups that these windows are part of say what is stored. The caller holds the lock.

    Minutes before `minutes_since` aren't written.
    """
    with binary_cursor() as cursor:
        for first in range(0, len(windows), WINDOWS_A_STATEMENT):
            some = windows[first : first + WINDOWS_A_STATEMENT]
            columns = [[series_id for series_id, _ in some], [window_at for _, window_at in some]]
            cursor.execute(FINE_SQL, [*columns, minutes_since])
            cursor.execute(HOURS_SQL, columns)
            cursor.execute(DAYS_SQL, columns)


def roll_up(*, at: datetime) -> int:
    """Takes the oldest of what has arrived and rolls it up; answers how many windows.

    0 means that nothing waits, or that another worker is at it.
    """
    with transaction.atomic():
        if not try_lock():
            return 0
        taken = fetch(TAKE_SQL, [ARRIVALS_AT_ONCE, WINDOWS_AT_ONCE])
        voiding.follow_late(taken, at=at)
        # From here on every statement sees the readings of the rows just taken: they were committed together.
        recompute(taken, minutes_since=minutes_since(at))
    return len(taken)


def try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ROLLUPS_LOCK])
        return bool(cursor.fetchone()[0])


def rebuild(*, series: Sequence[int], since: datetime, until: datetime, at: datetime) -> int:
    """Rolls up anew whatever these series have from `since` to `until`, whole windows; answers how many.

    For readings that came past ingest, from a backup or a bulk load, or that were deleted. Months whose readings
    aren't kept any more stay as they are: their roll-ups are all that is left of them.
    """
    since = max(since, READINGS.horizon(at))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ROLLUPS_LOCK])
        windows = fetch(WINDOWS_SQL, [list(series), floor_to(since, WINDOW), ceil_to(until, WINDOW)])
        recompute(windows, minutes_since=minutes_since(at))
    return len(windows)


def minutes_since(at: datetime) -> datetime:
    """The first of the months whose minutes are kept."""
    return first_of_month(at - MINUTES_KEPT)


class Backlog(NamedTuple):
    """What waits to be rolled up."""

    batches: int
    oldest_at: datetime | None


def backlog() -> Backlog:
    found = Arrival.objects.aggregate(batches=Count("pk"), oldest_at=Min("received_at"))
    return Backlog(**found)
