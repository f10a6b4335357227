"""Readings on their way in: checked one by one in memory, stored together in a few statements.

However often a batch is sent and however batches interleave, the table ends up the same: the first value stored for a
series and moment stays. Every reading of a batch is counted in exactly one of accepted, duplicate, conflict, rejected.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from django.db import transaction
from django.utils.translation import ngettext
from prometheus_client import Counter, Histogram

from faultreporter.errors import PayloadTooLarge
from faultreporter.outbox import publish
from telemetry.intake.checks import take
from telemetry.intake.directory import Entry, Sender
from telemetry.intake.refusals import MESSAGES, Refused
from telemetry.models import Series
from telemetry.store.storage import Readings, store

MAX_READINGS = 10_000
MAX_ERRORS = 100
FATES = ("accepted", "duplicate", "conflict", "rejected")
COUNTED = Counter("readings_total", "Readings that arrived, by what became of them", ["fate"])
SECONDS = Histogram(
    "ingest_batch_seconds",
    "Time to check and store a batch of readings",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)


@dataclass(frozen=True, slots=True)
class ReadingError:
    """`index` is the reading's place in the batch, from 0."""

    index: int
    code: str
    message: str


@dataclass(slots=True)
class IngestResult:
    """What became of each reading. `errors` holds the first MAX_ERRORS of the rejected; the counts are never capped."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    errors: list[ReadingError] = field(default_factory=list)

    def reject(self, index: int, code: Refused) -> None:
        self.rejected += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(ReadingError(index, code.value, str(MESSAGES[code])))


def ingest(
    readings: Sequence[object],
    *,
    at: datetime,
    allowed: frozenset[uuid.UUID] | None = None,
    gateway: uuid.UUID | None = None,
    version: uuid.UUID | None = None,
    since: datetime | None = None,
) -> IngestResult:
    """Takes what can be taken of `readings`, as parsed from JSON, in one transaction, and says what became of each.

    `at` is the time of arrival. `allowed` are the machines the sender may speak for, None for every machine; `gateway`
    is the key it sends with; `version` is the directory's, if it was read to let the sender in. `since` takes older
    readings than devices may send, for which the caller has made the partitions. Whoever waits for the news of a series
    is woken through the outbox, in the same transaction.
    """
    if len(readings) > MAX_READINGS:
        message = ngettext("At most %(most)d reading at a time.", "At most %(most)d readings at a time.", MAX_READINGS)
        raise PayloadTooLarge(message % {"most": MAX_READINGS}, meta={"max_readings": MAX_READINGS})
    result = IngestResult()
    with SECONDS.time():
        take_and_store(readings, result, at=at, sender=Sender(allowed, gateway, version), since=since)
    for fate in FATES:
        COUNTED.labels(fate).inc(getattr(result, fate))
    return result


def take_and_store(
    readings: Sequence[object], result: IngestResult, *, at: datetime, sender: Sender, since: datetime | None
) -> None:
    taken = take(readings, at=at, sender=sender, refuse=result.reject, since=since)
    if not taken.entries:
        return
    with transaction.atomic(savepoint=False):
        series = series_of(taken.entries)
        stored = store(Readings(np.array(series, np.int32)[taken.entry], taken.moments, taken.values), at=at)
        if stored.advanced:
            if sender.gateway:
                note_gateway(sender.gateway, zip(series, taken.entries, strict=True), stored.advanced)
            publish("telemetry.tasks.readings_arrived", series=stored.advanced)
    result.accepted, result.duplicate, result.conflict = stored.accepted, stored.duplicate, stored.conflict


def note_gateway(gateway: uuid.UUID, lines: Iterable[tuple[int, Entry]], advanced: Iterable[int]) -> None:
    """The newest readings of the advanced series came with this key."""
    name = str(gateway)
    if moved := {series for series, entry in lines if entry.gateway_id != name}.intersection(advanced):
        Series.objects.filter(pk__in=moved).update(gateway=gateway)


def series_of(entries: Sequence[Entry]) -> list[int]:
    """Of each its series; one that has no reading yet is made here."""
    new = {(entry.equipment_id, entry.metric_id) for entry in entries if entry.series_id is None}
    made = Series.objects.make(new) if new else {}
    return [entry.series_id or made[entry.equipment_id, entry.metric_id] for entry in entries]
