"""The monthly partitions of readings and roll-ups: made ahead of time, so that no reading ever waits for one, and
dropped when they are older than what is kept.

A default partition catches what no month covers; nothing should ever be in it, because ingest refuses times outside
the covered months. If something is (partitions weren't made in time), it is moved into its month here.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg import sql

from faultreporter.locks import Lock, hold

log = structlog.get_logger(__name__)

MAX_AGE = timedelta(days=366)
"""How late a reading may come, if its month is still kept."""
MONTHS_AHEAD = 3
MOST_COUNTED = 10_000


class Kept(NamedTuple):
    """A table partitioned by month on `column`, with a partition `<table>_default`, and how many months are kept."""

    table: str
    column: str
    months: Callable[[], int]

    @property
    def default(self) -> str:
        return f"{self.table}_default"

    def partition(self, month: datetime) -> str:
        return f"{self.table}_y{month:%Y}m{month:%m}"

    def horizon(self, at: datetime) -> datetime:
        """The first instant of the oldest month that is kept."""
        month = first_of_month(at)
        for _ in range(self.months()):
            month = first_of_month(month - timedelta(days=1))
        return month


def first_of_month(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    return first_of_month(month + timedelta(days=31))


READINGS = Kept("iot_data", "recorded_at", lambda: settings.READINGS_KEPT_MONTHS)
QUARTERS = Kept("iot_rollup_15m", "bucket_at", lambda: 120)
TABLES = (
    READINGS,
    Kept("iot_rollup_1m", "bucket_at", lambda: 4),  # one more than the 90 days that are rolled up by minute
    QUARTERS,
)
"""Whoever partitions another table by month adds it here: its months are made and dropped with the others."""


def earliest_accepted(at: datetime) -> datetime:
    """What is older would be dropped the next night, or come later than anybody expects."""
    return max(at - MAX_AGE, READINGS.horizon(at))


def covered_months(at: datetime, kept: Kept = READINGS, since: datetime | None = None) -> list[datetime]:
    """The first instants of all months that need a partition at this time, and of the one after."""
    months = [max(first_of_month(since or earliest_accepted(at)), kept.horizon(at))]
    last = first_of_month(at)
    for _ in range(MONTHS_AHEAD):
        last = next_month(last)
    while months[-1] <= last:
        months.append(next_month(months[-1]))
    return months


def partitioned_tables() -> list[Kept]:
    """None before the tables are made, or after migrating back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL",
            [[kept.default for kept in TABLES]],
        )
        found = {name for (name,) in cursor.fetchall()}
    return [kept for kept in TABLES if kept.default in found]


def existing_partitions(kept: Kept = READINGS) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [kept.table])
        return {row[0] for row in cursor.fetchall()}


def ensure_partitions(*, at: datetime, since: datetime | None = None) -> list[str]:
    """Makes the months that are missing, from the oldest reading accepted, or `since`, to MONTHS_AHEAD; names them."""
    made = []
    with transaction.atomic():
        hold(Lock.PARTITIONS)
        for kept in partitioned_tables():
            existing = existing_partitions(kept)
            for start, end in pairwise(covered_months(at, kept, since)):
                if kept.partition(start) not in existing:
                    attach_month(kept, start, end)
                    made.append(kept.partition(start))
    return made


def attach_month(kept: Kept, start: datetime, end: datetime) -> None:
    """A table of its own first, then ATTACH: that lets readings flow in meanwhile, PARTITION OF would stop them.

    Rows of the month that were caught by the default partition move over; ATTACH would fail on them.
    """
    names = {
        "table": sql.Identifier(kept.table),
        "column": sql.Identifier(kept.column),
        "month": sql.Identifier(kept.partition(start)),
        "caught": sql.Identifier(kept.default),
        "start": sql.Literal(start),
        "end": sql.Literal(end),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TABLE {month} (LIKE {table} INCLUDING ALL)").format(**names))
        cursor.execute(
            sql.SQL(
                "WITH moved AS (DELETE FROM {caught} WHERE {column} >= {start} AND {column} < {end} RETURNING *)"
                " INSERT INTO {month} SELECT * FROM moved"
            ).format(**names)
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {table} ATTACH PARTITION {month} FOR VALUES FROM ({start}) TO ({end})").format(**names)
        )


def count_caught() -> int:
    """Rows in default partitions, counted up to MOST_COUNTED. More than none is worth an alarm."""
    total = 0
    with connection.cursor() as cursor:
        for kept in partitioned_tables():
            cursor.execute(
                sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) caught").format(
                    sql.Identifier(kept.default), sql.Literal(MOST_COUNTED)
                )
            )
            total += int(cursor.fetchone()[0])
    return total


def outdated_partitions(*, at: datetime) -> list[tuple[Kept, str]]:
    """The months that are older than what is kept, oldest first, but none that still waits to be rolled up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(waiting) FROM iot_arrivals, unnest(first_at) AS waiting")
        (waiting,) = cursor.fetchone()
    found = []
    for kept in partitioned_tables():
        until = min(kept.horizon(at), first_of_month(waiting)) if waiting else kept.horizon(at)
        names = existing_partitions(kept) - {kept.default}
        found += [(kept, name) for name in sorted(names) if name < kept.partition(until)]
    return found


def prune(*, at: datetime) -> list[str]:
    """Drops the outdated months and answers their names; one that is in use for long is left to the next night."""
    dropped = []
    for kept, name in outdated_partitions(at=at):
        try:
            drop(kept, name)
        except OperationalError as error:
            log.warning("partition_in_use", partition=name, error=str(error))
        else:
            dropped.append(name)
    return dropped


def drop(kept: Kept, name: str) -> None:
    """DETACH waits for running queries and everybody else then waits for it, so it waits for two seconds at most.

    Not CONCURRENTLY: PostgreSQL refuses that while there is a default partition.
    """
    names = {"table": sql.Identifier(kept.table), "month": sql.Identifier(name)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute(sql.SQL("ALTER TABLE {table} DETACH PARTITION {month}").format(**names))
        cursor.execute(sql.SQL("DROP TABLE {month}").format(**names))
