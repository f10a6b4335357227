"""Readings by hand: what a person read off a dial goes through the same ingest as what gateways send.

Before that it is asked whether it can be right (telemetry.hand_readings.plausibility), and afterwards it is noted who
took it, all in one transaction. A phone may send the same reading as often as it likes: the value that is stored for a
moment stays.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from faultreporter.accounts.models import User
from faultreporter.errors import DomainError, ErrorDetail
from telemetry.hand_readings.doubts import ImplausibleReading, doubt_about
from telemetry.intake.checks import Clock, check, key_of
from telemetry.intake.directory import Entry, Sender, entries_of
from telemetry.intake.ingest import ingest
from telemetry.intake.refusals import MESSAGES, Refusal, Refused
from telemetry.models import HandReading, LatestReading, Quality, Reading, Series
from telemetry.store.history import Line, line_of
from telemetry.store.storage import EPOCH, TICK
from telemetry.units import quantity

MAX_ROUND = 100
"""Readings of one round."""


class Outcome(StrEnum):
    """What became of a reading."""

    CREATED = "CREATED"
    KNOWN = "KNOWN"
    CONFLICT = "CONFLICT"
    REFUSED = "REFUSED"


# Which field of the body a refusal is about.
FIELDS = {
    Refused.UNKNOWN_EQUIPMENT: "equipment_id",
    Refused.UNKNOWN_METRIC: "metric",
    Refused.UNIT_MISMATCH: "unit",
    Refused.BAD_TIMESTAMP: "recorded_at",
    Refused.FUTURE_TIMESTAMP: "recorded_at",
    Refused.TOO_OLD: "recorded_at",
}


class ReadingRefused(DomainError):
    """It can't be a reading: its unit, its time, a value beyond what is physically possible."""

    code = "READING_REFUSED"
    http_status = 422

    def __init__(self, refused: Refused) -> None:
        message = str(MESSAGES[refused])
        super().__init__(message, details=[ErrorDetail(FIELDS.get(refused, "value"), refused.value, message)])


class ReadingConflict(DomainError):
    """Another value is stored for this moment, and stays; `meta.stored_value` says which."""

    code = "READING_CONFLICT"
    http_status = 409

    def __init__(self, stored: Line) -> None:
        message = _("%(stored)s is stored for this moment, and stays. If you have read anew, send the moment of that.")
        meta = {"stored_value": stored.value, "unit": stored.unit, "recorded_at": stored.recorded_at}
        super().__init__(message % {"stored": quantity(stored.value, stored.unit)}, field="value", meta=meta)


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed. Without `unit` it is in the metric's; `recorded_at` is RFC 3339 as ingest takes it."""

    equipment_id: uuid.UUID
    metric: str
    value: float
    unit: str | None = None
    recorded_at: str | None = None
    note: str = ""
    confirm: bool = False

    def as_sent(self, at: datetime) -> dict[str, object]:
        """The reading as ingest takes it. A moment that isn't named is now, and fixed here once."""
        sent = {"equipment_id": str(self.equipment_id), "metric": self.metric, "value": self.value}
        return {**sent, "unit": self.unit, "recorded_at": self.recorded_at or at.isoformat()}


class Checked(NamedTuple):
    """Where a reading belongs, its moment, and its value in the metric's unit."""

    entry: Entry
    moment: datetime
    value: float

    @property
    def order(self) -> tuple[Any, ...]:
        """As ingest locks: by series, new ones last. A dial's readings come in the order of time."""
        entry = self.entry
        return entry.series_id is None, entry.series_id, str(entry.equipment_id), str(entry.metric_id), self.moment


@dataclass(frozen=True, slots=True)
class Entered:
    """The reading as it is stored now. `record` says who took it; None where a gateway sent just this value."""

    outcome: Outcome
    line: Line
    record: HandReading | None


def enter(typed: Typed, *, by: User, at: datetime) -> Entered:
    """Stores a reading that somebody has typed, or finds it stored already.

    Raises ReadingRefused, ReadingConflict or ImplausibleReading. Whether `by` sees the machine, the caller has asked.
    """
    return keep(typed, checked(typed, at=at), by=by, at=at)


def enter_round(round_: Mapping[int, Typed], *, by: User, at: datetime) -> dict[int, Entered | DomainError]:
    """Many readings, each for itself: one that is refused keeps out no other. Answers under the same numbers."""
    outcomes: dict[int, Entered | DomainError] = {}
    known: dict[int, Checked] = {}
    for number, typed in round_.items():
        try:
            known[number] = checked(typed, at=at)
        except ReadingRefused as refused:
            outcomes[number] = refused
    for number in sorted(known, key=lambda number: known[number].order):
        try:
            outcomes[number] = keep(round_[number], known[number], by=by, at=at)
        except (ReadingRefused, ReadingConflict, ImplausibleReading) as refused:
            outcomes[number] = refused
    return outcomes


def checked(typed: Typed, *, at: datetime) -> Checked:
    """The very checks of ingest, made beforehand: whoever typed it is told which field is wrong."""
    reading = typed.as_sent(at)
    key = key_of(reading)
    try:
        entry, ticks, value = check(reading, entries_of({key}, Sender())[key], Clock(at))
    except Refusal as refusal:
        raise ReadingRefused(refusal.code) from None
    return Checked(entry, EPOCH + ticks * TICK, value)


def keep(typed: Typed, known: Checked, *, by: User, at: datetime) -> Entered:
    entry, moment, value = known
    with transaction.atomic():
        series = held(entry)
        doubt = doubt_about(series, value, at=moment) if series else None
        if series and doubt and not typed.confirm:
            raise ImplausibleReading(value, doubt, series)
        result = ingest([typed.as_sent(at)], at=at)
        if result.rejected:  # what it names was deleted or changed a moment ago
            raise ReadingRefused(Refused(result.errors[0].code))
        series = series or started(entry)
        if result.conflict:
            raise ReadingConflict(stored_at(series, moment))
        record = None
        if result.accepted:
            record = HandReading.objects.create(
                series=series, recorded_at=moment, value=value, note=typed.note, is_confirmed=bool(doubt), by=by
            )
    if record:
        return Entered(Outcome.CREATED, line_of(series, moment, value, Quality.GOOD), record)
    line = stored_at(series, moment)
    return Entered(Outcome.KNOWN, line, record_of(line))


def record_of(line: Line) -> HandReading | None:
    rows = HandReading.objects.select_related("by", "series__equipment", "series__metric")
    return rows.filter(series=line.series_id, recorded_at=line.recorded_at).first()


def held(entry: Entry) -> Series | None:
    """The series, whose readings stand still from now on: whoever stores one holds this row first.

    None if it has no reading yet; then nothing can be said about the next.
    """
    rows = LatestReading.objects.select_related("series__metric", "series__equipment")
    its = rows.filter(series__equipment=entry.equipment_id, series__metric=entry.metric_id)
    latest = its.select_for_update(of=("self",)).first()
    return latest.series if latest else None


def started(entry: Entry) -> Series:
    """The series that this reading has begun, unless somebody had stated before how it is read."""
    rows = Series.objects.select_related("metric", "equipment")
    series = rows.get(equipment=entry.equipment_id, metric=entry.metric_id)
    if entry.series_id is None:
        series.change(read_by_hand=True)
    return series


def stored_at(series: Series, moment: datetime) -> Line:
    stored = Reading.objects.get(series=series, recorded_at=moment)
    return line_of(series, moment, stored.value, stored.quality)
