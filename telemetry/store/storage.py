"""Readings into the table, under one rule: whoever stores readings of a series holds its row of `iot_latest` first.

A batch begins by moving the latest readings on, in one statement that locks them in order and tells what was newest
before. What is newer than that can't be stored yet and nobody else can store it now: it goes straight into the table,
by COPY if it is much. Only the rest, late or equal in the batch, is inserted with ON CONFLICT DO NOTHING and counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import structlog
from django.db import connection
from numpy.typing import NDArray

from telemetry.store.wire import use_columns

log = structlog.get_logger(__name__)

# Columns that are taken apart in a SELECT list go by row by row; unnest in FROM would first put all rows aside.
#
# In key order: two batches that meet wait for each other instead of deadlocking. A row is locked even where it is as
# new already and stays; then it isn't returned.
LATEST_SQL = """
INSERT INTO iot_latest AS latest (series_id, recorded_at, value, received_at)
SELECT series_id, recorded_at, value, %b::timestamptz
FROM (SELECT unnest(%b) AS series_id, unnest(%b) AS recorded_at, unnest(%b) AS value) AS batch
ORDER BY series_id
ON CONFLICT (series_id) DO UPDATE SET
    recorded_at = EXCLUDED.recorded_at, value = EXCLUDED.value, received_at = EXCLUDED.received_at,
    previous_at = latest.recorded_at
WHERE latest.recorded_at < EXCLUDED.recorded_at
RETURNING series_id, COALESCE(previous_at, '-infinity')"""

COPY_SQL = "COPY iot_data (series_id, recorded_at, value) FROM STDIN (FORMAT BINARY)"
ARRIVAL_SQL = "INSERT INTO iot_arrivals (received_at, series, first_at, last_at) VALUES (%b, %b, %b, %b)"
# With the journal's row, which saves a round trip.
ADD_SQL = f"""
WITH added AS (
    INSERT INTO iot_data (series_id, recorded_at, value) SELECT unnest(%b), unnest(%b), unnest(%b)
) {ARRIVAL_SQL}"""
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

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
WINDOW = timedelta(minutes=15) // TICK
FAR_FUTURE = 2**63 - 1

# PostgreSQL's binary format: a header, per row the number of columns and each with its length before it, a trailer
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ROW = np.dtype([
    ("columns", ">i2"),
    ("series_length", ">i4"), ("series", ">i4"),
    ("moment_length", ">i4"), ("moment", ">i8"),
    ("value_length", ">i4"), ("value", ">f8"),
])  # fmt: skip

Cursor = psycopg.Cursor[Any]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Readings:
    """Checked readings by columns: the series of each, its moment in ticks, and its value."""

    series: NDArray[np.int32]
    moments: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, float]]) -> "Readings":
        series, moments, values = zip(*rows, strict=True)
        return cls(np.array(series, np.int32), np.array(moments, np.int64), np.array(values, np.float64))

    def __len__(self) -> int:
        return len(self.series)

    @property
    def columns(self) -> list[NDArray[Any]]:
        return [self.series, self.moments, self.values]

    def those(self, which: NDArray[Any]) -> "Readings":
        return Readings(self.series[which], self.moments[which], self.values[which])

    def in_order(self) -> "Readings":
        """By series and moment; of equal moments the first stays first."""
        return self.those(np.lexsort((self.moments, self.series)))


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


def store(batch: Readings, *, at: datetime) -> Stored:
    """Adds what isn't stored yet, moves the latest readings on and notes what has changed.

    `batch` comes as it was sent. The caller has opened the transaction. Somebody who wrote readings and not the latest
    (by hand, or a restore in parts) must not stop a gateway for ever: then nothing is taken for new.
    """
    batch = batch.in_order()
    with binary_cursor() as cursor:
        use_columns(cursor)
        cursor.execute("SAVEPOINT readings")  # by hand, and never released: it ends with the transaction
        try:
            return store_once(cursor, batch, at=at, trusting=True)
        except psycopg.IntegrityError:
            log.exception("latest_reading_behind", readings=len(batch))
            cursor.execute("ROLLBACK TO SAVEPOINT readings")
            return store_once(cursor, batch, at=at, trusting=False)


def store_once(cursor: Cursor, batch: Readings, *, at: datetime, trusting: bool) -> Stored:
    firsts = beginnings(batch.series, batch.moments)
    advanced, previous = move_latest(cursor, batch, firsts, at=at)
    late = late_in(batch, firsts, advanced, previous) if trusting else np.ones(len(batch), bool)
    live, inserted, conflict = batch, 0, 0
    if late.any():
        live = batch.those(~late)
        inserted, conflict = insert(cursor, batch.those(late))
    if changed := batch if inserted else live:
        add(cursor, live, journal=[at, *changes(changed)])
    accepted = len(live) + inserted
    return Stored(accepted, len(batch) - accepted - conflict, conflict, advanced.tolist())


def beginnings(*columns: NDArray[Any]) -> Places:
    """Where the rows begin that are alike in these columns."""
    different = np.ones(len(columns[0]), bool)
    different[1:] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        different[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(different)


def move_latest(
    cursor: Cursor, batch: Readings, firsts: Places, *, at: datetime
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The series that have a newer latest reading now, and what was the newest of each before.

    `firsts` are the readings that are the first of their moment: they are the ones that are stored.
    """
    series = batch.series[firsts]
    newest = firsts[np.append(series[1:] != series[:-1], True)]
    columns = batch.those(newest).columns
    rows = cursor.execute(LATEST_SQL, [at, *columns], binary=True, prepare=True).fetchall()
    advanced, previous = np.array(rows, np.int64).reshape(-1, 2).T
    return advanced, previous


def late_in(
    batch: Readings, firsts: Places, advanced: NDArray[np.int64], previous: NDArray[np.int64]
) -> NDArray[np.bool]:
    """Which may be stored already. What is newer than all that was can't be, unless moments of the series are equal."""
    starts = beginnings(batch.series)
    newest = np.full(len(starts), FAR_FUTURE)
    newest[np.searchsorted(batch.series[starts], advanced)] = previous
    late: NDArray[np.bool] = batch.moments <= np.repeat(newest, np.diff(starts, append=len(batch)))
    if len(firsts) < len(batch):
        late |= np.isin(batch.series, np.delete(batch.series, firsts))
    return late


def add(cursor: Cursor, batch: Readings, *, journal: Sequence[Any]) -> None:
    """Stores what can't be stored yet, in key order so that the index is filled page by page, and the journal's row."""
    if 0 < len(batch) <= FEW:
        cursor.execute(ADD_SQL, [*batch.columns, *journal], prepare=True)
        return
    if len(batch):
        with cursor.copy(COPY_SQL) as stream:
            stream.write(packed(batch))
    cursor.execute(ARRIVAL_SQL, journal, prepare=True)


def packed(batch: Readings) -> bytes:
    """As COPY takes it."""
    rows = np.empty(len(batch), ROW)
    rows["columns"] = len(batch.columns)
    for name, column in zip(("series", "moment", "value"), batch.columns, strict=True):
        rows[f"{name}_length"], rows[name] = column.itemsize, column
    return HEADER + rows.tobytes() + TRAILER


def insert(cursor: Cursor, batch: Readings) -> tuple[int, int]:
    """Stores what isn't stored yet; how many that were, and for how many another value is stored."""
    inserted = cursor.execute(INSERT_SQL, batch.columns).rowcount
    if inserted == len(batch):
        return inserted, 0
    (conflict,) = cursor.execute(CONFLICTS_SQL, batch.columns).fetchone() or (0,)
    return inserted, conflict


def changes(batch: Readings) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """By series and quarter of an hour: the series, and the first and the last moment at which it got readings."""
    starts = beginnings(batch.series, batch.moments // WINDOW)
    lasts = np.append(starts[1:], len(batch)) - 1
    return batch.series[starts], batch.moments[starts], batch.moments[lasts]
