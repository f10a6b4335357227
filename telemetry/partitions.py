"""The monthly partitions of `iot_data`: made ahead of time, so that no reading ever waits for one.

A default partition catches what no month covers; nothing should ever be in it, because ingest refuses times outside
the covered months. If something is (partitions weren't made in time), it is moved into its month here.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.db import connection, transaction
from psycopg import sql

MAX_AGE = timedelta(days=366)
MONTHS_AHEAD = 3
DEFAULT_PARTITION = "iot_data_default"
# Any constant does; it only has to differ from the other advisory locks of the project.
PARTITIONS_LOCK = 7_105_002


def earliest_accepted(at: datetime) -> datetime:
    return at - MAX_AGE


def first_of_month(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    return first_of_month(month + timedelta(days=31))


def covered_months(at: datetime) -> list[datetime]:
    """The first instants of all months that need a partition at this time, and of the one after."""
    months = [first_of_month(earliest_accepted(at))]
    last = first_of_month(at)
    for _ in range(MONTHS_AHEAD):
        last = next_month(last)
    while months[-1] <= last:
        months.append(next_month(months[-1]))
    return months


def partition_name(month: datetime) -> str:
    return f"iot_data_y{month:%Y}m{month:%m}"


def is_partitioned() -> bool:
    """False before the table is made, or after migrating back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [DEFAULT_PARTITION])
        return bool(cursor.fetchone()[0])


def existing_partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'iot_data'::regclass")
        return {row[0] for row in cursor.fetchall()}


def ensure_partitions(*, at: datetime) -> list[str]:
    """Makes the months that are missing, from the oldest reading accepted to MONTHS_AHEAD; answers their names."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        existing = existing_partitions()
        missing = [(a, b) for a, b in pairwise(covered_months(at)) if partition_name(a) not in existing]
        for start, end in missing:
            attach_month(start, end)
    return [partition_name(start) for start, _ in missing]


def attach_month(start: datetime, end: datetime) -> None:
    """A table of its own first, then ATTACH: that lets readings flow in meanwhile, PARTITION OF would stop them.

    Rows of the month that were caught by the default partition move over; ATTACH would fail on them.
    """
    names = {
        "month": sql.Identifier(partition_name(start)),
        "caught": sql.Identifier(DEFAULT_PARTITION),
        "start": sql.Literal(start),
        "end": sql.Literal(end),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TABLE {month} (LIKE iot_data INCLUDING ALL)").format(**names))
        cursor.execute(
            sql.SQL(
                "WITH moved AS (DELETE FROM {caught} WHERE recorded_at >= {start} AND recorded_at < {end} RETURNING *)"
                " INSERT INTO {month} SELECT * FROM moved"
            ).format(**names)
        )
        cursor.execute(
            sql.SQL("ALTER TABLE iot_data ATTACH PARTITION {month} FOR VALUES FROM ({start}) TO ({end})").format(
                **names
            )
        )


def count_caught() -> int:
    """Readings in the default partition. More than none is worth an alarm."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(DEFAULT_PARTITION)))
        return int(cursor.fetchone()[0])
