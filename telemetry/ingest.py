"""Readings on their way in: resolved and checked one by one in memory, stored together in a few statements.

However often a batch is sent and however batches interleave, the table ends up the same: the first value stored for a
series and moment stays. Every reading of a batch is counted in exactly one of accepted, duplicate, conflict, rejected.
"""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf, isfinite
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from equipment.models import Equipment
from faultreporter.errors import PayloadTooLarge
from faultreporter.outbox import publish
from telemetry.models import Metric, Series
from telemetry.models.catalogue import EquipmentAndMetric
from telemetry.storage import Batch, store
from telemetry.units import Conversion, UnitMismatch, conversion

MAX_READINGS = 10_000
MAX_ERRORS = 100
MAX_AGE = timedelta(days=366)
MAX_FUTURE = timedelta(minutes=10)
"""How far a sensor's clock may run ahead."""

FIELDS = frozenset({"equipment_id", "equipment_code", "metric", "value", "unit", "recorded_at"})
EQUIPMENT_CODE = re.compile(r"[A-Z0-9-]{1,50}")
# RFC 3339; fromisoformat alone would also take week dates and bare dates
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Refused(StrEnum):
    """Why a reading wasn't taken; scripts rely on the codes."""

    UNKNOWN_EQUIPMENT = "unknown_equipment"
    FORBIDDEN_DEVICE = "forbidden_device"
    UNKNOWN_METRIC = "unknown_metric"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    UNIT_MISMATCH = "unit_mismatch"
    NOT_FINITE = "not_finite"
    OUT_OF_PHYSICAL_RANGE = "out_of_physical_range"
    BAD_TIMESTAMP = "bad_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    TOO_OLD = "too_old"


MESSAGES: dict[Refused, Promise] = {
    Refused.UNKNOWN_EQUIPMENT: _("There is no such equipment; name it by equipment_id or equipment_code."),
    Refused.FORBIDDEN_DEVICE: _("This device key may not send readings of this equipment."),
    Refused.UNKNOWN_METRIC: _("There is no such metric; GET /iot-metrics lists them."),
    Refused.UNKNOWN_FIELD: _("The reading has a field that readings don't have."),
    Refused.WRONG_TYPE: _("A reading is an object, its value a number, everything else in it text."),
    Refused.UNIT_MISMATCH: _("The unit is no UCUM code that converts to the metric's unit."),
    Refused.NOT_FINITE: _("The value is not a finite number."),
    Refused.OUT_OF_PHYSICAL_RANGE: _("The value is outside what is physically possible for the metric."),
    Refused.BAD_TIMESTAMP: _("recorded_at is no RFC 3339 time with an offset, such as 2026-03-01T12:00:00Z."),
    Refused.FUTURE_TIMESTAMP: _("recorded_at is in the future; check the device's clock."),
    Refused.TOO_OLD: _("recorded_at is too long ago."),
}


class Refusal(Exception):
    def __init__(self, code: Refused) -> None:
        self.code = code


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


@dataclass(slots=True)
class Channel:
    """What equipment, metric and unit of a reading come to: the same for all readings that name them alike."""

    equipment_id: uuid.UUID
    metric_id: uuid.UUID
    lowest: float
    highest: float
    convert: Conversion | None
    series_id: int = 0


class Directory:
    """The machines, metrics and series a batch speaks of, each fetched with one query."""

    def __init__(self, readings: Sequence[object], *, allowed: frozenset[uuid.UUID] | None) -> None:
        self.allowed = allowed
        self.metrics = {metric.code: metric for metric in Metric.objects.living()}
        ids = {text: pk for text in names(readings, "equipment_id") if (pk := as_uuid(text))}
        codes = {code for code in names(readings, "equipment_code") if EQUIPMENT_CODE.fullmatch(code)}
        found = Equipment.objects.living().filter(Q(pk__in=ids.values()) | Q(equipment_code__in=codes))
        self.by_code = {code: pk for pk, code in found.values_list("pk", "equipment_code")}
        known = set(self.by_code.values())
        self.by_id = {text: pk for text, pk in ids.items() if pk in known}
        self.channels: dict[tuple[object, ...], Channel | Refused] = {}

    def channel(self, reading: Mapping[str, object]) -> Channel:
        key = (reading.get("equipment_id"), reading.get("equipment_code"), reading.get("metric"), reading.get("unit"))
        try:
            found = self.channels.get(key)
        except TypeError:  # a list or an object where a name belongs
            raise Refusal(Refused.WRONG_TYPE) from None
        if found is None:
            found = self.channels[key] = self.resolve(*key)
        if isinstance(found, Refused):
            raise Refusal(found)
        return found

    def resolve(self, equipment_id: object, code: object, metric: object, unit: object) -> Channel | Refused:
        if not all(name is None or isinstance(name, str) for name in (equipment_id, code, metric, unit)):
            return Refused.WRONG_TYPE
        pk = self.find_equipment(equipment_id, code)
        # Whoever may not send for a machine isn't told whether it exists.
        if self.allowed is not None and pk not in self.allowed:
            return Refused.FORBIDDEN_DEVICE
        if pk is None:
            return Refused.UNKNOWN_EQUIPMENT
        known = self.metrics.get(str(metric))
        if known is None:
            return Refused.UNKNOWN_METRIC
        return open_channel(pk, known, unit)

    def find_equipment(self, equipment_id: object, code: object) -> uuid.UUID | None:
        """Where both are given, both must mean the same machine."""
        found = set()
        if equipment_id is not None:
            found.add(self.by_id.get(str(equipment_id)))
        if code is not None:
            found.add(self.by_code.get(str(code)))
        return found.pop() if len(found) == 1 else None


def open_channel(equipment_id: uuid.UUID, metric: Metric, unit: object) -> Channel | Refused:
    try:
        convert = None if unit is None else conversion(str(unit), metric.unit)
    except UnitMismatch:
        return Refused.UNIT_MISMATCH
    lowest = -inf if metric.physical_min is None else metric.physical_min
    highest = inf if metric.physical_max is None else metric.physical_max
    return Channel(equipment_id, metric.pk, lowest, highest, convert)


def as_uuid(text: str) -> uuid.UUID | None:
    """Only in the form the API writes; the class itself takes many more."""
    try:
        return uuid.UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def names(readings: Iterable[object], field: str) -> set[str]:
    return {name for reading in readings if type(reading) is dict and type(name := reading.get(field)) is str}


class Clock:
    """When a reading was taken, within what is believable at this moment."""

    def __init__(self, at: datetime) -> None:
        self.at, self.earliest, self.latest = at, at - MAX_AGE, at + MAX_FUTURE

    def read(self, text: object) -> datetime:
        if text is None:
            return self.at
        if not isinstance(text, str) or not TIMESTAMP.fullmatch(text):
            raise Refusal(Refused.BAD_TIMESTAMP)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Refusal(Refused.BAD_TIMESTAMP) from None
        if moment > self.latest:
            raise Refusal(Refused.FUTURE_TIMESTAMP)
        if moment < self.earliest:
            raise Refusal(Refused.TOO_OLD)
        return moment


def measured(value: object, channel: Channel) -> float:
    """The value in the metric's unit."""
    if type(value) is not float:
        if type(value) is not int:  # a bool is no number here
            raise Refusal(Refused.WRONG_TYPE)
        try:
            value = float(value)
        except OverflowError:
            raise Refusal(Refused.NOT_FINITE) from None
    if channel.convert and isfinite(value):
        value = channel.convert(value)
    if not isfinite(value):
        raise Refusal(Refused.NOT_FINITE)
    if not channel.lowest <= value <= channel.highest:
        raise Refusal(Refused.OUT_OF_PHYSICAL_RANGE)
    return value


class Checked(NamedTuple):
    channel: Channel
    recorded_at: datetime
    value: float


def check(reading: object, directory: Directory, clock: Clock) -> Checked:
    """The reading as it will be stored, or a Refusal with the first thing that is wrong with it."""
    if type(reading) is not dict:
        raise Refusal(Refused.WRONG_TYPE)
    if not reading.keys() <= FIELDS:
        raise Refusal(Refused.UNKNOWN_FIELD)
    channel = directory.channel(reading)
    value = measured(reading.get("value"), channel)
    return Checked(channel, clock.read(reading.get("recorded_at")), value)


def as_batch(checked: Sequence[Checked], series: Mapping[EquipmentAndMetric, Series]) -> Batch:
    for channel in {id(one.channel): one.channel for one in checked}.values():
        channel.series_id = series[channel.equipment_id, channel.metric_id].pk
    return Batch(
        [channel.series_id for channel, _, _ in checked],
        [recorded_at for _, recorded_at, _ in checked],
        [value for _, _, value in checked],
    )


def ingest(
    readings: Sequence[object],
    *,
    at: datetime,
    allowed: frozenset[uuid.UUID] | None = None,
    gateway: uuid.UUID | None = None,
) -> IngestResult:
    """Takes what can be taken of `readings`, as parsed from JSON, in one transaction, and says what became of each.

    `at` is the time of arrival. `allowed` are the machines the sender may speak for, None for every machine; `gateway`
    is the key it sends with. Whoever waits for the news of a series is woken through the outbox, in the same
    transaction.
    """
    if len(readings) > MAX_READINGS:
        message = ngettext("At most %(most)d reading at a time.", "At most %(most)d readings at a time.", MAX_READINGS)
        raise PayloadTooLarge(message % {"most": MAX_READINGS}, meta={"max_readings": MAX_READINGS})
    result = IngestResult()
    directory, clock = Directory(readings, allowed=allowed), Clock(at)
    checked = []
    for index, reading in enumerate(readings):
        try:
            checked.append(check(reading, directory, clock))
        except Refusal as refusal:
            result.reject(index, refusal.code)
    if checked:
        with transaction.atomic():
            series = Series.objects.of({(channel.equipment_id, channel.metric_id) for channel, _, _ in checked})
            stored = store(as_batch(checked, series), at=at)
            if stored.advanced:
                if gateway:
                    Series.objects.came_through(gateway, series.values(), advanced=stored.advanced)
                publish("telemetry.tasks.readings_arrived", series=stored.advanced)
        result.accepted, result.duplicate, result.conflict = stored.accepted, stored.duplicate, stored.conflict
    return result
