"""A batch of readings as it was sent, checked: where each reading belongs and as what it will be stored.

Readings are taken column by column, in a few steps over each, which is several times as fast as one by one. Those that
share a piece of the batch, or a name, with a wrong one are looked at one by one, and what is wrong with it is said.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from math import isfinite
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any

from telemetry.intake.directory import NAMES, Entry, Key, Sender, entries_of
from telemetry.intake.refusals import Refusal, Refused
from telemetry.intake.sent import FIELDS, Sent, as_json
from telemetry.store.partitions import earliest_accepted
from telemetry.store.storage import Rows, ticks_of

MAX_FUTURE = timedelta(minutes=10)
"""How far a sensor's clock may run ahead."""

SECOND = timedelta(seconds=1)
names_of = attrgetter(*NAMES)
PIECE = 200
"""So many readings stay in the processor's cache while they are gone through column by column."""
# RFC 3339; fromisoformat alone would also take week dates and bare dates
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(slots=True)
class Group(Rows):
    """Readings that call their channel alike, as they were sent, with their places in the batch."""

    places: list[int] = field(default_factory=list)

    def fits(self, entry: Entry) -> bool:
        """Whether all values are possible, which are in the metric's unit from now on."""
        if entry.convert:
            self.values = list(map(entry.convert, self.values))
        return entry.lowest <= min(self.values) <= max(self.values) <= entry.highest

    def joined(self, other: "Group") -> "Group":
        """In the order in which they were sent."""
        parts = [zip(one.places, one.moments, one.values, strict=True) for one in (self, other)]
        places, moments, values = map(list, zip(*sorted(chain(*parts)), strict=True))
        return Group(moments, values, places)


@dataclass(slots=True)
class Line:
    """A series and the readings of the batch that are taken for it, as they were sent."""

    entry: Entry
    rows: Group


def leap_second(text: str) -> datetime:
    """23:59:60 in UTC, of which our clocks know nothing, is the second after it; no other time is one."""
    try:
        after = datetime.fromisoformat(f"{text[:17]}59{text[19:]}").astimezone(UTC) + SECOND
    except (ValueError, OverflowError):
        raise Refusal(Refused.BAD_TIMESTAMP) from None
    if text[17:19] != "60" or (after.hour, after.minute) != (0, 0):
        raise Refusal(Refused.BAD_TIMESTAMP)
    return after


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
            moment = ticks_of(leap_second(text.upper()))
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
    """The series with the readings to store; tells `refuse` of every reading that is left out, in order."""
    clock = Clock(at, since)
    groups, aside = grouped(readings, clock)
    entries = entries_of({*groups, *(key_of(as_json(readings[place])) for place in aside)}, sender)
    lines: dict[object, Line] = {}
    for key, group in groups.items():
        entry = entries[key]
        if isinstance(entry, Refused) or not group.fits(entry):
            aside += group.places
        else:
            put(lines, entry, group)
    for line in one_by_one(readings, sorted(aside), entries, clock, refuse):
        put(lines, line.entry, line.rows)
    return lines.values()


def put(lines: dict[object, Line], entry: Entry, group: Group) -> None:
    """A series may have several names in a batch."""
    line = lines.get(entry.place)
    if line is None:
        lines[entry.place] = Line(entry, group)
    else:
        line.rows = line.rows.joined(group)


def one_by_one(
    readings: Sequence[Any],
    places: Iterable[int],
    entries: Mapping[Key, Entry | Refused],
    clock: Clock,
    refuse: Callable[[int, Refused], None],
) -> Collection[Line]:
    """By series, whatever their readings call it."""
    lines: dict[object, Line] = {}
    for place in places:
        reading = as_json(readings[place])
        try:
            entry, moment, value = check(reading, entries[key_of(reading)], clock)
        except Refusal as refusal:
            refuse(place, refusal.code)
        else:
            line = lines.get(entry.place) or lines.setdefault(entry.place, Line(entry, Group()))
            line.rows.append(moment, value)
            line.rows.places.append(place)
    return lines.values()


def key_of(reading: object) -> Key:
    names = tuple(map(reading.get, NAMES)) if type(reading) is dict else ()
    return names if all(name is None or type(name) is str for name in names) else ()


class Unlike(Exception):
    """There is a reading here that can't be taken by columns."""


def grouped(readings: Sequence[Any], clock: Clock) -> tuple[dict[Key, Group], list[int]]:
    """The readings by what they call their channel, and the places of those that are to be looked at one by one."""
    groups: dict[Key, Group] = defaultdict(Group)
    aside: list[int] = []
    for start in range(0, len(readings), PIECE):
        piece = readings[start : start + PIECE]
        places = range(start, start + len(piece))
        try:
            columns = columns_of(piece, clock)
        except (Unlike, Refusal, KeyError, TypeError, OverflowError):
            aside += places
            continue
        for place, key, moment, value in zip(places, *columns, strict=False):
            group = groups[key]
            group.places.append(place)
            group.moments.append(moment)
            group.values.append(value)
    return groups, aside


def columns_of(readings: Sequence[Any], clock: Clock) -> tuple[Iterable[Key], list[int], list[float]]:
    """Names, moments and values."""
    if type(readings[0]) is Sent:  # then all are
        moments = [clock[reading.recorded_at] for reading in readings]
        return map(names_of, readings), moments, [reading.value for reading in readings]
    columns = columns_alike(readings) or columns_unlike(readings)
    names = [words(columns[name]) if name in columns else repeat(None) for name in NAMES]
    moments = list(map(clock.__getitem__, columns.get("recorded_at") or repeat(None, len(readings))))
    return zip(*names, strict=False), moments, finite(columns["value"])


def columns_alike(readings: Sequence[Any]) -> dict[str, list[Any]] | None:
    """None unless all have the fields of the first."""
    fields = readings[0].keys() if type(readings[0]) is dict else set()
    if fields <= FIELDS and set(map(len, readings)) == {len(fields)}:
        try:
            return {name: list(map(itemgetter(name), readings)) for name in fields}
        except KeyError:
            pass
    return None


def columns_unlike(readings: Sequence[Any]) -> dict[str, list[Any]]:
    """A field that a reading leaves out is None, as it is to `check`."""
    fields: set[str] = set().union(*readings)
    if not fields <= FIELDS or set(map(type, readings)) != {dict}:
        raise Unlike
    return {name: [reading.get(name) for reading in readings] for name in fields}


def words(names: list[Any]) -> list[str | None]:
    if not set(map(type, set(names))) <= {str, NoneType}:
        raise Unlike
    return names


def finite(values: list[Any]) -> list[float]:
    types = set(map(type, values))
    if not types <= {float, int}:
        raise Unlike
    numbers = list(map(float, values)) if int in types else values
    if not isfinite(sum(numbers)):
        raise Unlike
    return numbers
