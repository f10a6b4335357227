"""Readings into the table, under one rule: whoever stores readings of a series holds its row of `iot_latest` first.

A batch begins by moving the latest readings on, in one statement that locks them in order and tells what was newest
before. What is newer than that can't be stored yet and nobody else can store it now: it goes straight into the table,
by COPY if it is much. Only the rest, late or equal in the batch, is inserted with ON CONFLICT DO NOTHING and counted.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from struct import Struct
from typing import Any

import psycopg
import structlog
from django.db import connection

from telemetry.store.wire import use_columns

log = structlog.get_logger(__name__)

# In key order: two batches that meet wait for each other instead of deadlocking. A row is locked even where it is as
# new already and stays; then it isn't returned.
LATEST_SQL = """
INSERT INTO iot_latest AS latest (series_id, recorded_at, value, received_at)
SELECT series_id, recorded_at, value, %b::timestamptz
FROM unnest(%b, %b, %b) AS batch(series_id, recorded_at, value)
ORDER BY series_id
ON CONFLICT (series_id) DO UPDATE SET
    recorded_at = EXCLUDED.recorded_at, value = EXCLUDED.value, received_at = EXCLUDED.received_at,
    previous_at = latest.recorded_at
WHERE latest.recorded_at < EXCLUDED.recorded_at
RETURNING series_id, previous_at"""

COPY_SQL = "COPY iot_data (series_id, recorded_at, value) FROM STDIN (FORMAT BINARY)"
ADD_SQL = "INSERT INTO iot_data (series_id, recorded_at, value) SELECT * FROM unnest(%b, %b, %b)"
FEW = 1_500
"""Up to so many rows a statement takes less than COPY, which first makes room for a thousand."""

# Of two readings with one key the first of the batch comes first and stays.
INSERT_SQL = """
INSERT INTO iot_data (series_id, recorded_at, value)
SELECT series_id, recorded_at, value
FROM unnest(%b, %b, %b) WITH ORDINALITY AS batch(series_id, recorded_at, value, place)
ORDER BY series_id, recorded_at, place
ON CONFLICT DO NOTHING"""

CONFLICTS_SQL = """
SELECT count(*)
FROM unnest(%b, %b, %b) AS batch(series_id, recorded_at, value)
JOIN iot_data stored USING (series_id, recorded_at)
WHERE stored.value <> batch.value"""

ARRIVAL_SQL = "INSERT INTO iot_arrivals (received_at, series, first_at, last_at) VALUES (%b, %b, %b, %b)"

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
WINDOW = timedelta(minutes=15) // TICK
FAR_FUTURE = 2**63 - 1

# PostgreSQL's binary format: a header, per row the number of columns and each with its length before it, a trailer
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
PIECE = 1_000
pack_row = Struct("!hiiiqid").pack


@dataclass(slots=True)
class Rows:
    """Checked readings of one series: their moments in ticks, and their values."""

    moments: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.moments)

    def append(self, moment: int, value: float) -> None:
        self.moments.append(moment)
        self.values.append(value)

    def put_in_order(self) -> None:
        """By moment; of equal moments the first stays first."""
        moments, in_order = self.moments, sorted(self.moments)
        if moments != in_order:
            order = sorted(range(len(moments)), key=moments.__getitem__)
            self.moments, self.values = in_order, [self.values[place] for place in order]

    def parted(self, cut: int) -> tuple["Rows", "Rows"]:
        """Those before place `cut` and the rest."""
        return Rows(self.moments[:cut], self.values[:cut]), Rows(self.moments[cut:], self.values[cut:])


Batch = Mapping[int, Rows]
"""Readings by series, in the order they were sent."""
Line = tuple[int, Rows]
Change = tuple[int, int, int]
"""A series, and the first and last moment of one quarter of an hour at which it got readings."""
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
    """Adds what isn't stored yet, moves the latest readings on and notes what has changed.

    The caller has opened the transaction. Somebody who wrote readings and not the latest (by hand, or a restore in
    parts) must not stop a gateway for ever: then nothing is taken for new.
    """
    for rows in batch.values():
        rows.put_in_order()
    with binary_cursor() as cursor:
        use_columns(cursor)
        cursor.execute("SAVEPOINT readings")  # by hand, and never released: it ends with the transaction
        try:
            return store_once(cursor, batch, at=at, trusting=True)
        except psycopg.IntegrityError:
            log.exception("latest_reading_behind", series=len(batch))
            cursor.execute("ROLLBACK TO SAVEPOINT readings")
            return store_once(cursor, batch, at=at, trusting=False)


def store_once(cursor: Cursor, batch: Batch, *, at: datetime, trusting: bool) -> Stored:
    moved = move_latest(cursor, batch, at=at)
    live, late = parted(batch, moved) if trusting else ({}, batch)
    accepted = sum(map(len, live.values()))
    changed = add(cursor, live, rows=accepted)
    conflict = 0
    if late:
        inserted, conflict = insert(cursor, late)
        accepted += inserted
        if inserted:
            changed += changes(late.items())
    if changed:
        series, first, last = zip(*changed, strict=True)
        cursor.execute(ARRIVAL_SQL, [at, array("i", series), array("q", first), array("q", last)], prepare=True)
    sent = sum(map(len, batch.values()))
    return Stored(accepted, sent - accepted - conflict, conflict, sorted(moved))


def move_latest(cursor: Cursor, batch: Batch, *, at: datetime) -> dict[int, int | None]:
    """The series that have a newer latest reading now, and what was their newest before: None for the first of all.

    Of several readings at the last moment the first is stored.
    """
    moments = [rows.moments[-1] for rows in batch.values()]
    values = [rows.values[bisect_left(rows.moments, last)] for rows, last in zip(batch.values(), moments, strict=True)]
    columns = [array("i", batch), array("q", moments), array("d", values)]
    return dict(cursor.execute(LATEST_SQL, [at, *columns], binary=True, prepare=True).fetchall())


def parted(batch: Batch, moved: Mapping[int, int | None]) -> tuple[Batch, Batch]:
    """What can't be stored yet, because it is newer than all that was, and the rest: late, or equal moments."""
    live, late = {}, {}
    for series, rows in batch.items():
        previous = moved.get(series, FAR_FUTURE)
        cut = 0 if previous is None else bisect_right(rows.moments, previous)
        if len(set(rows.moments)) < len(rows):
            cut = len(rows)
        if cut == 0:
            live[series] = rows
        elif cut == len(rows):
            late[series] = rows
        else:
            late[series], live[series] = rows.parted(cut)
    return live, late


def add(cursor: Cursor, batch: Batch, *, rows: int) -> list[Change]:
    """Stores so many rows that can't be stored yet, and answers what has changed.

    In key order, so that the index is filled page by page.
    """
    lines = sorted(batch.items(), key=itemgetter(0))
    if rows > FEW:
        return copy(cursor, lines)
    if rows:
        cursor.execute(ADD_SQL, columns_of(lines), prepare=True)
    return changes(lines)


def columns_of(lines: Iterable[Line]) -> "list[array[Any]]":
    """Series, moments and values. An array takes one long list faster than many short ones."""
    series: list[int] = []
    moments: list[int] = []
    values: list[float] = []
    for one, rows in lines:
        series += [one] * len(rows)
        moments += rows.moments
        values += rows.values
    return [array("i", series), array("q", moments), array("d", values)]


def copy(cursor: Cursor, lines: Iterable[Line]) -> list[Change]:
    """PostgreSQL stores a piece while we pack the next."""
    piece = [HEADER]
    with cursor.copy(COPY_SQL) as stream:
        for series, rows in lines:
            piece += [
                pack_row(3, 4, series, 8, moment, 8, value)
                for moment, value in zip(rows.moments, rows.values, strict=False)
            ]
            if len(piece) >= PIECE:
                stream.write(b"".join(piece))
                piece = []
        stream.write(b"".join([*piece, TRAILER]))
        return changes(lines)


def insert(cursor: Cursor, batch: Batch) -> tuple[int, int]:
    """Stores what isn't stored yet; how many that were, and for how many another value is stored."""
    columns = columns_of(batch.items())
    inserted = cursor.execute(INSERT_SQL, columns).rowcount
    if inserted == len(columns[0]):
        return inserted, 0
    (conflict,) = cursor.execute(CONFLICTS_SQL, columns).fetchone() or (0,)
    return inserted, conflict


def changes(lines: Iterable[Line]) -> list[Change]:
    """By quarters of an hour; the readings of a series mostly lie within one."""
    found = []
    for series, rows in lines:
        first, last = rows.moments[0], rows.moments[-1]
        if first // WINDOW == last // WINDOW:
            found.append((series, first, last))
        else:
            found += [(series, *ends) for ends in quarters(rows.moments)]
    return found


def quarters(moments: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of these moments, which are in order, in each quarter of an hour that has some."""
    start = 0
    while start < len(moments):
        end = bisect_left(moments, (moments[start] // WINDOW + 1) * WINDOW, start)
        yield moments[start], moments[end - 1]
        start = end
