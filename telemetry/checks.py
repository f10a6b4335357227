"""A batch of readings as it was sent, checked: where each reading belongs and as what it will be stored.

A batch whose readings are all of one form, as a gateway's are, and right is taken column by column, in a few steps over
each. Any other batch is taken reading by reading, and what is wrong with a reading is said.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from math import isfinite
from operator import itemgetter
from typing import Any

from telemetry.directory import NAMES, Entry, Key, Sender, entries_of
from telemetry.partitions import earliest_accepted
from telemetry.refusals import Refusal, Refused
from telemetry.storage import Rows, ticks_of

MAX_FUTURE = timedelta(minutes=10)
"""How far a sensor's clock may run ahead."""

FIELDS = frozenset({*NAMES, "value", "recorded_at"})
PIECE = 200
"""So many readings stay in the processor's cache while they are gone through column by column."""
# RFC 3339; fromisoformat alone would also take week dates and bare dates
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(slots=True)
class Line:
    """A series and the readings of the batch that are taken for it, as they were sent."""

    entry: Entry
    rows: Rows


class Clock(dict[object, int]):
    """When a reading was taken, in ticks, by what it says; each text is read once. None means arrival."""

    def __init__(self, at: datetime, since: datetime | None = None) -> None:
        super().__init__({None: ticks_of(at)})
        self.earliest, self.latest = ticks_of(since or earliest_accepted(at)), ticks_of(at + MAX_FUTURE)

    def __missing__(self, text: object) -> int:
        if not isinstance(text, str) or not TIMESTAMP.fullmatch(text):
            raise Refusal(Refused.BAD_TIMESTAMP)
        try:
            moment = ticks_of(datetime.fromisoformat(text.upper()))  # it knows Z, not z
        except ValueError:
            raise Refusal(Refused.BAD_TIMESTAMP) from None
        if moment > self.latest:
            raise Refusal(Refused.FUTURE_TIMESTAMP)
        if moment < self.earliest:
            raise Refusal(Refused.TOO_OLD)
        self[text] = moment
        return moment

    def read(self, text: object) -> int:
        try:
            return self[text]
        except TypeError:  # a list or an object
            raise Refusal(Refused.BAD_TIMESTAMP) from None


def measured(value: object, entry: Entry) -> float:
    """The value in the metric's unit."""
    if type(value) is not float:
        if type(value) is not int:  # a bool is no number here
            raise Refusal(Refused.WRONG_TYPE)
        try:
            value = float(value)
        except OverflowError:
            raise Refusal(Refused.NOT_FINITE) from None
    if entry.convert and isfinite(value):
        value = entry.convert(value)
    if not isfinite(value):
        raise Refusal(Refused.NOT_FINITE)
    if not entry.lowest <= value <= entry.highest:
        raise Refusal(Refused.OUT_OF_PHYSICAL_RANGE)
    return value


def check(reading: object, entry: Entry | Refused, clock: Clock) -> tuple[Entry, int, float]:
    """Where a reading belongs, its moment and its value; raises a Refusal with the first thing that is wrong."""
    if type(reading) is not dict:
        raise Refusal(Refused.WRONG_TYPE)
    if not reading.keys() <= FIELDS:
        raise Refusal(Refused.UNKNOWN_FIELD)
    if isinstance(entry, Refused):
        raise Refusal(entry)
    value = measured(reading.get("value"), entry)
    return entry, clock.read(reading.get("recorded_at")), value


def take(
    readings: Sequence[Any],
    *,
    at: datetime,
    sender: Sender,
    refuse: Callable[[int, Refused], None],
    since: datetime | None = None,
) -> Collection[Line]:
    """The series with the readings to store; tells `refuse` of every reading that is left out."""
    clock = Clock(at, since)
    lines = take_columns(readings, sender, clock)
    return take_each(readings, sender, clock, refuse) if lines is None else lines


def take_each(
    readings: Sequence[Any], sender: Sender, clock: Clock, refuse: Callable[[int, Refused], None]
) -> Collection[Line]:
    keys = list(map(key_of, readings))
    entries = entries_of(set(keys), sender)
    lines: dict[object, Line] = {}
    for index, (key, reading) in enumerate(zip(keys, readings, strict=True)):
        try:
            entry, moment, value = check(reading, entries[key], clock)
        except Refusal as refusal:
            refuse(index, refusal.code)
        else:
            line = lines.get(entry.place) or lines.setdefault(entry.place, Line(entry, Rows()))
            line.rows.append(moment, value)
    return lines.values()


def key_of(reading: object) -> Key:
    names = tuple(map(reading.get, NAMES)) if type(reading) is dict else ()
    return names if all(name is None or type(name) is str for name in names) else ()


def take_columns(readings: Sequence[Any], sender: Sender, clock: Clock) -> Collection[Line] | None:
    """None for a batch that has to be looked at reading by reading."""
    try:
        groups = grouped(readings, clock)
    except (Unlike, Refusal, KeyError, TypeError, OverflowError):
        return None
    lines: dict[object, Line] = {}
    for key, entry in entries_of(groups, sender).items():
        if isinstance(entry, Refused) or entry.place in lines:  # two names of one series: their readings would mix
            return None
        rows = groups[key]
        if entry.convert:
            rows.values = list(map(entry.convert, rows.values))
        if not entry.lowest <= min(rows.values) <= max(rows.values) <= entry.highest:
            return None
        lines[entry.place] = Line(entry, rows)
    return lines.values()


class Unlike(Exception):
    """The readings of a batch are not all of one form."""


def grouped(readings: Sequence[Any], clock: Clock) -> dict[Key, Rows]:
    """The readings by what they call their channel."""
    fields = readings[0].keys() if readings and type(readings[0]) is dict else set()
    if not fields <= FIELDS:
        raise Unlike
    groups: dict[Key, Rows] = defaultdict(Rows)
    for start in range(0, len(readings), PIECE):
        piece = readings[start : start + PIECE]
        columns = columns_of(piece, fields)
        keys = zip(*(columns.get(name) or repeat(None) for name in NAMES), strict=False)
        moments = map(clock.__getitem__, columns.get("recorded_at") or repeat(None, len(piece)))
        for key, moment, value in zip(keys, moments, finite(columns["value"]), strict=False):
            rows = groups[key]
            rows.moments.append(moment)
            rows.values.append(value)
    return groups


def columns_of(readings: Sequence[Any], fields: Collection[str]) -> dict[str, list[Any]]:
    if set(map(len, readings)) != {len(fields)}:
        raise Unlike
    return {name: list(map(itemgetter(name), readings)) for name in fields}


def finite(values: list[Any]) -> list[float]:
    types = set(map(type, values))
    if not types <= {float, int}:
        raise Unlike
    numbers = list(map(float, values)) if int in types else values
    if not isfinite(sum(numbers)):
        raise Unlike
    return numbers
