"""Readings rolled up by minute, quarter of an hour, hour and day of UTC, so that long ranges cost little to ask for.

A roll-up is always computed anew from what is stored, never moved on by a difference: doing it twice, in any order or
after a crash gives the same row. The journal `iot_arrivals` says which times have changed; a batch writes it in the
transaction that stores its readings, and here its rows go in the transaction that writes the roll-ups. So whoever
looks at the database in one moment finds for every minute either a journal row or roll-ups that are right. Minutes are
computed from the readings, everything longer from the next shorter step, so that what a reading costs doesn't depend on
how many came in its quarter of an hour.

One transaction at a time rolls up, held by an advisory lock: two that overlap could read the same readings, and the
one that read first could write last.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Max, Min
from psycopg import sql

from faultreporter.locks import Lock, hold, hold_if_free
from telemetry import voiding
from telemetry.models import Arrival
from telemetry.store.partitions import READINGS, first_of_month
from telemetry.store.storage import Cursor, binary_cursor
from telemetry.store.turns import take_turn

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=15)
"""No entry of the journal goes beyond one. Every time zone's hours and days begin on one."""

ARRIVALS_AT_ONCE = 500
CHANGES_AT_ONCE = 50_000
LARGEST_NUMBER = 2**63 - 1
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
INSERT INTO {table} AS kept ({columns}) SELECT {columns} FROM fresh ORDER BY series_id, bucket_at
ON CONFLICT (series_id, bucket_at) DO UPDATE SET n = EXCLUDED.n, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, last = EXCLUDED.last, last_at = EXCLUDED.last_at
WHERE (kept.n, kept.sum, kept.min, kept.max, kept.last, kept.last_at)
    IS DISTINCT FROM (EXCLUDED.n, EXCLUDED.sum, EXCLUDED.min, EXCLUDED.max, EXCLUDED.last, EXCLUDED.last_at)""")
# How many rows a table has to have in the dirty stretches, and which it has there too many: those without a reading any
# more. Always through the key, stretch by stretch: a join would let the planner read the whole table.
COUNT_AND_GONE = sql.SQL("""
SELECT (SELECT count(*) FROM fresh), array_agg(there.series_id), array_agg(there.bucket_at)
FROM dirty CROSS JOIN LATERAL (
    SELECT series_id, bucket_at FROM {table}
    WHERE series_id = dirty.series_id AND bucket_at >= dirty.since AND bucket_at < dirty.until OFFSET 0
) there
WHERE NOT EXISTS (SELECT FROM fresh new WHERE new.series_id = there.series_id AND new.bucket_at = there.bucket_at)""")
DELETE_SQL = sql.SQL("""
DELETE FROM {table} old USING unnest(%b::int[], %b::timestamptz[]) AS gone(series_id, bucket_at)
WHERE old.series_id = gone.series_id AND old.bucket_at = gone.bucket_at""")

STEP = sql.SQL("""
WITH dirty AS MATERIALIZED ({dirty}),
fresh AS MATERIALIZED (
    SELECT dirty.series_id, whole.*
    FROM dirty CROSS JOIN LATERAL (
        SELECT date_bin({width}, {at}, dirty.since) AS bucket_at, {summed_up} FROM {source}
        WHERE series_id = dirty.series_id AND {at} >= dirty.since AND {at} < dirty.until
        GROUP BY 1
    ) whole
),
written AS ({written})
{gone}""")


def step_sql(source: str, target: str, width: str) -> sql.Composed:
    """The `target` rows that the dirty stretches touch, from the readings or the rows of a finer step."""
    span, is_raw = sql.SQL("interval {}").format(sql.Literal(width)), source == "iot_readings"
    return STEP.format(
        dirty=DIRTY.format(width=span, epoch=sql.Literal(EPOCH)),
        width=span,
        at=sql.Identifier("recorded_at" if is_raw else "bucket_at"),
        summed_up=OF_READINGS if is_raw else COMBINED,
        source=sql.Identifier(source),
        written=UPSERT.format(table=sql.Identifier(target), columns=COLUMNS),
        gone=COUNT_AND_GONE.format(table=sql.Identifier(target)),
    )


MINUTES = step_sql("iot_readings", "iot_rollup_1m", "1 minute")
QUARTERS = step_sql("iot_rollup_1m", "iot_rollup_15m", "15 minutes")
OLD_QUARTERS = step_sql("iot_readings", "iot_rollup_15m", "15 minutes")  # of times whose minutes aren't kept
HOURS = step_sql("iot_rollup_15m", "iot_rollup_1h", "1 hour")
DAYS = step_sql("iot_rollup_1h", "iot_rollup_1d", "1 day")

# The oldest rows, as many as have CHANGES_AT_ONCE changes between them, and at least one. Those of one quarter of an
# hour become one stretch: the new readings and what may lie between them, not all of the quarter.
TAKE_SQL = """
WITH taken AS (
    DELETE FROM iot_arrivals WHERE id IN (
        SELECT id FROM (
            SELECT id, sum(cardinality(series)) OVER (ORDER BY id) - cardinality(series) AS before
            FROM (SELECT id, series FROM iot_arrivals WHERE id <= %b ORDER BY id LIMIT %b) oldest
        ) counted WHERE before < %b
    ) RETURNING series, first_at, last_at
)
SELECT series_id, min(since), max(until) + interval '1 microsecond'
FROM taken CROSS JOIN LATERAL unnest(series, first_at, last_at) AS changed(series_id, since, until)
GROUP BY series_id, date_bin('15 minutes', since, '2000-01-01T00:00:00Z')
ORDER BY 1, 2"""


class Stretch(NamedTuple):
    """A time of one series whose roll-ups may be out of date; every minute, quarter… that it touches is meant."""

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
            some = stretches[first : first + STRETCHES_A_STATEMENT]
            recent = [one._replace(since=max(one.since, minutes_since)) for one in some if one.until > minutes_since]
            old = [one._replace(until=min(one.until, minutes_since)) for one in some if one.since < minutes_since]
            write(cursor, "iot_rollup_1m", MINUTES, recent)
            windows += write(cursor, "iot_rollup_15m", QUARTERS, recent)
            windows += write(cursor, "iot_rollup_15m", OLD_QUARTERS, old)
            write(cursor, "iot_rollup_1h", HOURS, some)
            write(cursor, "iot_rollup_1d", DAYS, some)
    return windows


def write(cursor: Cursor, table: str, statement: sql.Composed, stretches: Sequence[Stretch]) -> int:
    """Writes the rows of a step and deletes those that are gone; answers how many both are."""
    if not stretches:
        return 0
    columns = [list(column) for column in zip(*stretches, strict=True)]
    n, series, buckets = cursor.execute(statement, columns).fetchone() or (0, None, None)
    if series:
        cursor.execute(DELETE_SQL.format(table=sql.Identifier(table)), [series, buckets])
    return int(n) + len(series or ())


def newest_arrival() -> int:
    """The number of what has arrived last; 0 if nothing waits."""
    return Arrival.objects.aggregate(newest=Max("pk"))["newest"] or 0


def roll_up(*, at: datetime, up_to: int = LARGEST_NUMBER) -> int:
    """Takes the oldest of what has arrived, no later than number `up_to`, and rolls it up; answers how many windows.

    0 means that nothing waits, or that another worker is at it.
    """
    with transaction.atomic():
        if not hold_if_free(Lock.ROLL_UPS):
            return 0
        take_turn()
        with binary_cursor() as cursor:
            rows = cursor.execute(TAKE_SQL, [up_to, ARRIVALS_AT_ONCE, CHANGES_AT_ONCE]).fetchall()
        taken = [Stretch(*row) for row in rows]
        voiding.follow_late(taken, at=at)
        # From here on every statement sees the readings of the rows just taken: they were committed together.
        recompute(taken, minutes_since=minutes_since(at))
    return len(taken)


def rebuild(stretches: Sequence[Stretch], *, at: datetime) -> int:
    """Rolls these stretches up anew, whatever the journal says; answers how many quarters of an hour have readings, or
    had.

    For readings that came past ingest, from a backup or a bulk load, or that were deleted. Months whose readings
    aren't kept any more stay as they are: their roll-ups are all that is left of them. Live roll-ups wait meanwhile,
    so whoever has much to do does it in pieces.
    """
    horizon = READINGS.horizon(at)
    # Whole windows: a quarter of an hour is summed up from its minutes, which may never have been made.
    kept = [
        Stretch(one, floor_to(max(since, horizon), WINDOW), ceil_to(until, WINDOW))
        for one, since, until in stretches
        if until > horizon
    ]
    with transaction.atomic():
        hold(Lock.ROLL_UPS)
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
