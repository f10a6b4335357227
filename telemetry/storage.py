"""Readings into the table, under one rule: whoever stores readings of a series holds its row of `iot_latest` first.

A batch begins by moving the latest readings on, in one statement that locks them in order and tells what was newest
before. What is newer than that can't be stored yet and nobody else can store it now: it goes by COPY, straight into the
table. Only the rest, late or equal in the batch, is inserted with ON CONFLICT DO NOTHING and counted.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from struct import Struct
from typing import Any

import psycopg
import structlog
from django.db import IntegrityError, connection, transaction

log = structlog.get_logger(__name__)

# In key order: two batches that meet wait for each other instead of deadlocking. A row is locked even where it is as
# new already and stays; then it isn't returned.
LATEST_SQL = """
INSERT INTO iot_latest AS latest (series_id, recorded_at, value, received_at)
SELECT series_id, '2000-01-01Z'::timestamptz + moment * interval '1 microsecond', value, %b::timestamptz
FROM unnest(%b::int[], %b::int8[], %b::float8[]) AS batch(series_id, moment, value)
ORDER BY series_id
ON CONFLICT (series_id) DO UPDATE SET
    recorded_at = EXCLUDED.recorded_at, value = EXCLUDED.value, received_at = EXCLUDED.received_at,
    previous_at = latest.recorded_at
WHERE latest.recorded_at < EXCLUDED.recorded_at
RETURNING series_id, (extract(epoch FROM previous_at - '2000-01-01Z'::timestamptz) * 1000000)::int8"""

COPY_SQL = "COPY iot_data (series_id, recorded_at, value) FROM STDIN (FORMAT BINARY)"

# Of two readings with one key the first of the batch comes first and stays.
INSERT_SQL = """
INSERT INTO iot_data (series_id, recorded_at, value)
SELECT series_id, '2000-01-01Z'::timestamptz + moment * interval '1 microsecond', value
FROM unnest(%b::int[], %b::int8[], %b::float8[]) WITH ORDINALITY AS batch(series_id, moment, value, place)
ORDER BY series_id, moment, place
ON CONFLICT DO NOTHING"""

CONFLICTS_SQL = """
SELECT count(*)
FROM (
    SELECT series_id, '2000-01-01Z'::timestamptz + moment * interval '1 microsecond' AS recorded_at, value
    FROM unnest(%b::int[], %b::int8[], %b::float8[]) AS batch(series_id, moment, value)
) batch
JOIN iot_data stored USING (series_id, recorded_at)
WHERE stored.value <> batch.value"""

ARRIVAL_SQL = """
INSERT INTO iot_arrivals (received_at, series, window_at)
SELECT %b::timestamptz, array_agg(series_id), array_agg('2000-01-01Z'::timestamptz + place * interval '15 minutes')
FROM unnest(%b::int[], %b::int[]) AS changed(series_id, place)"""

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
WINDOW = timedelta(minutes=15) // TICK
FAR_FUTURE = 2**63 - 1

# PostgreSQL's binary format: a header, per row the number of columns and each with its length before it, a trailer
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
PIECE = 500
pack_row = Struct("!hiiiqid").pack

Row = tuple[int, float]
"""A moment in ticks and the value."""
Rows = list[Row]
Batch = Mapping[int, Rows]
"""Checked readings by series, in the order they were sent."""
Window = tuple[int, int]
"""A series and a quarter of an hour that got readings, counted from 2000."""
moment_of = itemgetter(0)
Cursor = psycopg.Cursor[Any]


def ticks_of(moment: datetime) -> int:
    """Microseconds since 2000, as PostgreSQL keeps a time."""
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch, and the series that have a newer latest reading now."""

    accepted: int
    duplicate: int
    conflict: int
    advanced: list[int]


@contextmanager
def binary_cursor() -> "Iterator[Cursor]":
    """A cursor that sends parameters in binary; Django's own writes all values into the text of the statement."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


def store(batch: Batch, *, at: datetime) -> Stored:
    """Adds what isn't stored yet, moves the latest readings on and notes which windows have changed.

    The caller has opened the transaction. Somebody who wrote readings and not the latest (by hand, or a restore in
    parts) must not stop a gateway for ever: then nothing is taken for new.
    """
    try:
        with transaction.atomic():
            return store_once(batch, at=at, trusting=True)
    except IntegrityError:
        log.exception("latest_reading_behind", series=len(batch))
        return store_once(batch, at=at, trusting=False)


def store_once(batch: Batch, *, at: datetime, trusting: bool) -> Stored:
    for rows in batch.values():
        rows.sort(key=moment_of)
    with binary_cursor() as cursor:
        moved = move_latest(cursor, batch, at=at)
        live, late = parted(batch, moved) if trusting else ({}, batch)
        changed = copy(cursor, live)
        accepted = sum(map(len, live.values()))
        conflict = 0
        if late:
            inserted, conflict = insert(cursor, late)
            accepted += inserted
            if inserted:
                changed += windows(late)
        if changed:
            cursor.execute(ARRIVAL_SQL, [at, *map(list, zip(*dict.fromkeys(changed), strict=True))])
    sent = sum(map(len, batch.values()))
    return Stored(accepted, sent - accepted - conflict, conflict, sorted(moved))


def move_latest(cursor: Cursor, batch: Batch, *, at: datetime) -> dict[int, int | None]:
    """The series that have a newer latest reading now, and what was their newest before: None for the first of all."""
    newest = {series: newest_of(rows) for series, rows in batch.items()}
    arrays = [list(newest), [moment for moment, _ in newest.values()], [value for _, value in newest.values()]]
    return dict(cursor.execute(LATEST_SQL, [at, *arrays]).fetchall())


def newest_of(rows: Rows) -> Row:
    """Of several at the last moment the first: that one is stored."""
    return rows[bisect_left(rows, rows[-1][0], key=moment_of)] if len(rows) > 1 else rows[0]


def parted(batch: Batch, moved: Mapping[int, int | None]) -> tuple[Batch, Batch]:
    """What can't be stored yet, because it is newer than all that was, and the rest: late, or equal moments."""
    live, late = {}, {}
    for series, rows in batch.items():
        previous = moved.get(series, FAR_FUTURE)
        cut = 0 if previous is None else bisect_right(rows, previous, key=moment_of)
        if len(dict(rows)) < len(rows):
            cut = len(rows)
        if cut < len(rows):
            live[series] = rows[cut:] if cut else rows
        if cut:
            late[series] = rows[:cut]
    return live, late


def copy(cursor: Cursor, batch: Batch) -> list[Window]:
    """Stores what can't be stored yet, and answers its windows.

    In key order, so that the index is filled page by page. PostgreSQL stores a piece while we pack the next.
    """
    if not batch:
        return []
    piece = [HEADER]
    with cursor.copy(COPY_SQL) as stream:
        for series, rows in sorted(batch.items()):
            piece += [pack_row(3, 4, series, 8, moment, 8, value) for moment, value in rows]
            if len(piece) >= PIECE:
                stream.write(b"".join(piece))
                piece = []
        stream.write(b"".join([*piece, TRAILER]))
        return windows(batch)


def insert(cursor: Cursor, batch: Batch) -> tuple[int, int]:
    """Stores what isn't stored yet; how many that were, and for how many another value is stored."""
    rows = [(series, *row) for series, rows in batch.items() for row in rows]
    columns = list(map(list, zip(*rows, strict=True)))
    inserted = cursor.execute(INSERT_SQL, columns).rowcount
    if inserted == len(rows):
        return inserted, 0
    (conflict,) = cursor.execute(CONFLICTS_SQL, columns).fetchone() or (0,)
    return inserted, conflict


def windows(batch: Batch) -> list[Window]:
    return [(series, place) for series, rows in batch.items() for place in {moment // WINDOW for moment, _ in rows}]
