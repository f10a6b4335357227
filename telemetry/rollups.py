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
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, Min
from psycopg import sql

from telemetry import voiding
from telemetry.models import Arrival
from telemetry.partitions import READINGS, first_of_month
from telemetry.storage import Cursor, binary_cursor

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=15)
"""What the journal counts in. Every time zone's hours and days begin on one."""

# Any constant does; it only has to differ from the other advisory locks of the project.
ROLLUPS_LOCK = 7_105_003
ARRIVALS_AT_ONCE = 500
WINDOWS_AT_ONCE = 50_000
STRETCHES_A_STATEMENT = 5_000
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
# What is to be made anew, of each series; what meets or overlaps is one stretch.
DIRTY = sql.SQL("""
SELECT series_id, lower(whole) AS since, upper(whole) AS until
FROM (
    SELECT series_id, unnest(range_agg(tstzrange(
        date_bin({width}, since, {epoch}), date_bin({width}, until - interval '1 microsecond', {epoch}) + {width}
    ))) AS whole
    FROM unnest(%b::int[], %b::timestamptz[], %b::timestamptz[]) AS one(series_id, since, until)
    GROUP BY 1
) merged""")
# None that is there already as it is: a row that isn't touched leaves no dead one behind.
UPSERT = sql.SQL("""
INSERT INTO {table} AS kept ({columns}) SELECT {columns} FROM {rows} ORDER BY series_id, bucket_at
ON CONFLICT (series_id, bucket_at) DO UPDATE SET n = EXCLUDED.n, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, last = EXCLUDED.last, last_at = EXCLUDED.last_at
WHERE (kept.n, kept.sum, kept.min, kept.max, kept.last, kept.last_at)
    IS DISTINCT FROM (EXCLUDED.n, EXCLUDED.sum, EXCLUDED.min, EXCLUDED.max, EXCLUDED.last, EXCLUDED.last_at)""")
# How many rows a table has to have in the dirty stretches, and which it has there too many: those without a reading any
# more. Always through the key, stretch by stretch: a join would let the planner read the whole table.
COUNT_AND_GONE = sql.SQL("""
SELECT {name}, (SELECT count(*) FROM {rows}), array_agg(there.series_id), array_agg(there.bucket_at)
FROM dirty CROSS JOIN LATERAL (
    SELECT series_id, bucket_at FROM {table}
    WHERE series_id = dirty.series_id AND bucket_at >= dirty.since AND bucket_at < dirty.until OFFSET 0
) there
WHERE NOT EXISTS (SELECT FROM {rows} new WHERE new.series_id = there.series_id AND new.bucket_at = there.bucket_at)""")
DELETE_SQL = sql.SQL("""
DELETE FROM {table} old USING unnest(%b::int[], %b::timestamptz[]) AS gone(series_id, bucket_at)
WHERE old.series_id = gone.series_id AND old.bucket_at = gone.bucket_at""")


def dirty(width: str) -> sql.Composed:
    return DIRTY.format(width=sql.SQL("interval {}").format(sql.Literal(width)), epoch=sql.Literal(EPOCH))


def upsert(table: str, rows: str) -> sql.Composed:
    return UPSERT.format(table=sql.Identifier(table), columns=COLUMNS, rows=sql.Identifier(rows))


def count_and_gone(table: str, rows: str) -> sql.Composed:
    names = {"name": sql.Literal(table), "table": sql.Identifier(table), "rows": sql.Identifier(rows)}
    return COUNT_AND_GONE.format(**names)


# From the readings to minutes, from those to quarters. Minutes before a certain time aren't kept.
FINE_SQL = sql.SQL("""
WITH dirty AS MATERIALIZED ({dirty}),
minutes AS MATERIALIZED (
    SELECT dirty.series_id, minute.*
    FROM dirty CROSS JOIN LATERAL (
        SELECT date_bin('1 minute', recorded_at, dirty.since) AS bucket_at, {of_readings} FROM iot_readings
        WHERE series_id = dirty.series_id AND recorded_at >= dirty.since AND recorded_at < dirty.until
        GROUP BY 1
    ) minute
),
quarters AS MATERIALIZED (
    SELECT series_id, date_bin('15 minutes', minutes.bucket_at, {epoch}) AS bucket_at, {combined}
    FROM minutes GROUP BY 1, 2
),
kept AS (SELECT * FROM minutes WHERE bucket_at >= %b),
minutes_written AS ({minutes_written}),
quarters_written AS ({quarters_written})
{minutes_gone} UNION ALL {quarters_gone}""").format(
    dirty=dirty("15 minutes"),
    epoch=sql.Literal(EPOCH),
    of_readings=OF_READINGS,
    combined=COMBINED,
    minutes_written=upsert("iot_rollup_1m", "kept"),
    quarters_written=upsert("iot_rollup_15m", "quarters"),
    minutes_gone=count_and_gone("iot_rollup_1m", "minutes"),
    quarters_gone=count_and_gone("iot_rollup_15m", "quarters"),
)
COARSE_SQL = sql.SQL("""
WITH dirty AS MATERIALIZED ({dirty}),
fresh AS MATERIALIZED (
    SELECT dirty.series_id, whole.*
    FROM dirty CROSS JOIN LATERAL (
        SELECT date_bin({width}, finer.bucket_at, dirty.since) AS bucket_at, {combined} FROM {source} finer
        WHERE series_id = dirty.series_id AND finer.bucket_at >= dirty.since AND finer.bucket_at < dirty.until
        GROUP BY 1
    ) whole
),
written AS ({written})
{gone}""")


def coarse_sql(*, source: str, target: str, width: str) -> sql.Composed:
    """The `target` rows that the dirty stretches touch, from the rows of the next finer step."""
    return COARSE_SQL.format(
        width=sql.Literal(width),
        dirty=dirty(width),
        combined=COMBINED,
        source=sql.Identifier(source),
        written=upsert(target, "fresh"),
        gone=count_and_gone(target, "fresh"),
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
SELECT DISTINCT dirty.series_id, dirty.window_at, dirty.window_at + interval '15 minutes'
FROM taken CROSS JOIN LATERAL unnest(taken.series, taken.window_at) AS dirty(series_id, window_at)
ORDER BY 1, 2"""


class Stretch(NamedTuple):
    """A time of one series whose roll-ups may be out of date; every quarter of an hour that it touches is meant."""

    series_id: int
    since: datetime
    until: datetime


def floor_to(at: datetime, step: timedelta) -> datetime:
    """The beginning of the step, counted in UTC, that this moment lies in."""
    return at - (at - EPOCH) % step


def ceil_to(at: datetime, step: timedelta) -> datetime:
    return at + (EPOCH - at) % step


def recompute(stretches: Sequence[Stretch], *, minutes_since: datetime) -> int:
    """Makes all roll-ups that these stretches are part of say what is stored. The caller holds the lock.

    Minutes before `minutes_since` aren't written. Answers how many quarters of an hour have readings, or had.
    """
    windows = 0
    with binary_cursor() as cursor:
        for first in range(0, len(stretches), STRETCHES_A_STATEMENT):
            columns = [list(column) for column in zip(*stretches[first : first + STRETCHES_A_STATEMENT], strict=True)]
            windows += write(cursor, FINE_SQL, [*columns, minutes_since])["iot_rollup_15m"]
            write(cursor, HOURS_SQL, columns)
            write(cursor, DAYS_SQL, columns)
    return windows


def write(cursor: Cursor, statement: sql.Composed, parameters: Sequence[object]) -> dict[str, int]:
    """Writes the rows of a step and deletes those that are gone; answers how many both are, by table."""
    counts = {}
    for table, n, series, buckets in cursor.execute(statement, parameters).fetchall():
        if series:
            cursor.execute(DELETE_SQL.format(table=sql.Identifier(table)), [series, buckets])
        counts[table] = n + len(series or ())
    return counts


def roll_up(*, at: datetime) -> int:
    """Takes the oldest of what has arrived and rolls it up; answers how many windows.

    0 means that nothing waits, or that another worker is at it.
    """
    with transaction.atomic():
        if not try_lock():
            return 0
        with binary_cursor() as cursor:
            rows: Any = cursor.execute(TAKE_SQL, [ARRIVALS_AT_ONCE, WINDOWS_AT_ONCE]).fetchall()
        taken = [Stretch(*row) for row in rows]
        voiding.follow_late([(one.series_id, one.since) for one in taken], at=at)
        # From here on every statement sees the readings of the rows just taken: they were committed together.
        recompute(taken, minutes_since=minutes_since(at))
    return len(taken)


def try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ROLLUPS_LOCK])
        return bool(cursor.fetchone()[0])


def rebuild(stretches: Sequence[Stretch], *, at: datetime) -> int:
    """Rolls these stretches up anew, whatever the journal says; answers how many quarters of an hour have readings, or
    had.

    For readings that came past ingest, from a backup or a bulk load, or that were deleted. Months whose readings
    aren't kept any more stay as they are: their roll-ups are all that is left of them. Live roll-ups wait meanwhile,
    so whoever has much to do does it in pieces.
    """
    horizon = READINGS.horizon(at)
    kept = [Stretch(one, max(since, horizon), until) for one, since, until in stretches if until > horizon]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ROLLUPS_LOCK])
        return recompute(kept, minutes_since=minutes_since(at))


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
