"""Readings on their way in: checked one by one in memory, stored together in a few statements.

However often a batch is sent and however batches interleave, the table ends up the same: the first value stored for a
series and moment stays. Every reading of a batch is counted in exactly one of accepted, duplicate, conflict, rejected.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils.translation import ngettext
from prometheus_client import Counter, Histogram

from faultreporter.errors import PayloadTooLarge
from faultreporter.outbox import publish
from telemetry.intake.checks import Line, take
from telemetry.intake.directory import Entry, Sender
from telemetry.intake.refusals import MESSAGES, Refused
from telemetry.models import Series
from telemetry.store.storage import store

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
    if lines := take(readings, at=at, sender=sender, refuse=result.reject, since=since):
        with transaction.atomic(savepoint=False):
            known = with_series(lines)
            stored = store({series: line.rows for series, line in known.items()}, at=at)
            if stored.advanced:
                if sender.gateway:
                    note_gateway(sender.gateway, {series: known[series].entry for series in stored.advanced})
                publish("telemetry.tasks.readings_arrived", series=stored.advanced)
        result.accepted, result.duplicate, result.conflict = stored.accepted, stored.duplicate, stored.conflict


def note_gateway(gateway: uuid.UUID, entries: Mapping[int, Entry]) -> None:
    """The newest readings of these series came with this key."""
    name = str(gateway)
    if moved := [series for series, entry in entries.items() if entry.gateway_id != name]:
        Series.objects.filter(pk__in=moved).update(gateway=gateway)


def with_series(lines: Iterable[Line]) -> dict[int, Line]:
    """By series; one that has no reading yet is made here."""
    new = [line.entry for line in lines if line.entry.series_id is None]
    made = Series.objects.make({(entry.equipment_id, entry.metric_id) for entry in new}) if new else {}
    return {line.entry.series_id or made[line.entry.equipment_id, line.entry.metric_id]: line for line in lines}
