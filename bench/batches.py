"""Batches of readings, and how long storing them takes in process: as fast as PostgreSQL can, and as ingest does it."""

import gc
import itertools
import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from django.db import connection, transaction

METRICS = ("temperature", "vibration", "pressure", "current", "rpm")
UNITS = dict(zip(METRICS, ("Cel", "mm/s", "bar", "A", "{rpm}"), strict=True))
WARM_UP = 2


def in_two_forms(rows: list[dict[str, Any]]) -> None:
    for row in rows[::2]:
        row["unit"] = UNITS[row["metric"]]


def with_one_impossible(rows: list[dict[str, Any]]) -> None:
    rows[len(rows) // 2]["value"] = 1e9


def with_one_of_no_metric(rows: list[dict[str, Any]]) -> None:
    rows[len(rows) // 2]["metric"] = "nonsense"


SPOILT = {
    "two forms": in_two_forms,
    "one impossible": with_one_impossible,
    "one of no metric": with_one_of_no_metric,
}


@dataclass(frozen=True)
class Shape:
    """So many readings of so many series in a batch; `late` ones are no newer than what is stored.

    All are alike and right, unless they are `spoilt` in one of the ways of SPOILT.
    """

    readings: int
    series: int
    late: bool = False
    spoilt: str = ""

    def __str__(self) -> str:
        return ", ".join(
            [f"{self.readings:,} of {self.series:,} series", *["late"] * self.late, *filter(None, [self.spoilt])]
        )


@dataclass
class Figures:
    """Of one way to store a batch, round by round."""

    readings: int
    seconds: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)

    def forget(self) -> None:
        for figures in (self.seconds, self.client, self.database):
            figures.clear()

    @property
    def rate(self) -> float:
        return self.readings / statistics.median(self.seconds)

    def per_thousand(self, spent: list[float]) -> float:
        """Milliseconds for 1,000 readings."""
        return statistics.median(spent) / self.readings * 1_000_000

    def __str__(self) -> str:
        rates = [self.readings / one / 1000 for one in self.seconds]
        return (
            f"{self.rate / 1000:7.1f} {min(rates):7.1f}–{max(rates):<7.1f} "
            f"{self.per_thousand(self.client):8.2f} {self.per_thousand(self.database):8.2f}"
        )


def on_processor(pid: int) -> float:
    """Seconds, to the nanosecond; of one process, without those it has started."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


class Fleet:
    """Machines with five sensors each, read four times a second. All fleets share a clock: no key is sent twice."""

    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
    quarters = itertools.count()

    def __init__(self, machines: list[str]) -> None:
        self.machines = machines
        self.rng = random.Random(7)

    def batch(self, shape: Shape) -> list[dict[str, Any]]:
        rows = []
        for _ in range(shape.readings // shape.series):
            at = self.start + timedelta(milliseconds=250 * next(self.quarters) + 125 * shape.late)
            text = (at - timedelta(days=20) * shape.late).isoformat().replace("+00:00", "Z")
            rows += [
                {"equipment_id": pk, "metric": metric, "value": round(self.rng.uniform(1, 90), 3), "recorded_at": text}
                for pk in self.machines[: shape.series // len(METRICS)] for metric in METRICS
            ]  # fmt: skip
        if shape.spoilt:
            SPOILT[shape.spoilt](rows)
        return rows


def timed(figures: Figures, work: Callable[[], None], database: int) -> None:
    before = on_processor(os.getpid()), on_processor(database), time.perf_counter()
    work()
    after = on_processor(os.getpid()), on_processor(database), time.perf_counter()
    client, server, seconds = (late - early for early, late in zip(before, after, strict=True))
    figures.client.append(client)
    figures.database.append(server)
    figures.seconds.append(seconds)


class Limit:
    """COPY into iot_data for series that ingest doesn't know."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], int] = {}

    def packed(self, batch: list[dict[str, Any]]) -> bytes:
        from telemetry.store.storage import Readings, packed, ticks_of  # noqa: PLC0415 - Django must be set up

        rows = (
            (
                self.lines.setdefault((one["equipment_id"], one["metric"]), 1_000_000_000 + len(self.lines)),
                ticks_of(datetime.fromisoformat(one["recorded_at"])),
                one["value"],
            )
            for one in batch
        )
        return packed(Readings.of(rows).in_order())

    def store(self, rows: bytes) -> None:
        from telemetry.store.storage import COPY_SQL, binary_cursor  # noqa: PLC0415

        with transaction.atomic(), binary_cursor() as cursor, cursor.copy(COPY_SQL) as stream:
            stream.write(rows)


def in_process(fleet: Fleet, shapes: tuple[Shape, ...], *, rounds: int) -> dict[Shape, tuple[Figures, Figures]]:
    """For each shape the limit and ours, which begins with a batch just parsed, as in a request."""
    from telemetry.intake.ingest import ingest  # noqa: PLC0415

    limit, database = Limit(), backend()
    found = {shape: (Figures(shape.readings), Figures(shape.readings)) for shape in shapes}

    def store(batch: list[dict[str, Any]]) -> None:
        with transaction.atomic():
            result = ingest(batch, at=datetime.now(UTC))
        if result.accepted < len(batch) - 1:
            raise SystemExit(f"Not all was stored; the first error: {result.errors[:1]}")

    for number in range(rounds + WARM_UP):
        for shape, (raw, ours) in found.items():
            rows, body = limit.packed(fleet.batch(shape)), orjson.dumps(fleet.batch(shape))
            gc.collect()
            timed(raw, lambda rows=rows: limit.store(rows), database)
            batch = orjson.loads(body)
            timed(ours, lambda batch=batch: store(batch), database)
            if number < WARM_UP:  # connections, plans and the first readings of all series
                raw.forget()
                ours.forget()
    return found
