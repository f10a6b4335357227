"""A batch of readings as it was sent, checked: where each reading belongs and as what it will be stored.

Readings are taken column by column, in a few steps over each, which is several times as fast as one by one. Wrong ones,
and those that share a piece of the batch with a malformed one, are looked at one by one, and what is wrong is said.
"""

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import compress
from math import inf, isfinite
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.intake.directory import NAMES, Entry, Key, Sender, entries_of
from telemetry.intake.refusals import Refusal, Refused
from telemetry.intake.sent import FIELDS, Sent, as_json
from telemetry.store.partitions import earliest_accepted
from telemetry.store.storage import ticks_of
from telemetry.units import SAME

MAX_FUTURE = timedelta(minutes=10)
"""How far a sensor's clock may run ahead."""

SECOND = timedelta(seconds=1)
names_of = attrgetter(*NAMES)
PIECE = 200
"""So many readings stay in the processor's cache while they are gone through column by column."""
# RFC 3339; fromisoformat alone would also take week dates and bare dates
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Taken(NamedTuple):
    """The readings to store by columns, in the order they were sent; `entry` is each one's place in `entries`."""

    entries: Sequence[Entry]
    entry: NDArray[np.intp]
    moments: NDArray[np.int64]
    values: NDArray[np.float64]


class Numbers(dict[Key, int]):
    """A number for each key, in the order in which they are met."""

    def __missing__(self, key: Key) -> int:
        number = self[key] = len(self)
        return number


NONE = -1
UNFIT = Entry(uuid.UUID(int=0), uuid.UUID(int=0), None, None, inf, -inf, None)
"""Stands for what a wrong key comes to: no value fits it."""


class Columns:
    """A batch by columns: the number of each reading's key, or NONE where it isn't taken; its moment; its value."""

    def __init__(self, size: int) -> None:
        self.number = np.full(size, NONE, np.intp)
        self.moments = np.zeros(size, np.int64)
        self.values = np.zeros(size)

    def put(self, place: int | slice, number: Any, moment: Any, value: Any) -> None:
        self.number[place], self.moments[place], self.values[place] = number, moment, value

    def missing(self) -> list[int]:
        """The places of what isn't taken."""
        places: list[int] = np.flatnonzero(self.number == NONE).tolist()
        return places

    def leave_out_unfit(self, entries: Iterable[Entry]) -> None:
        """What is left has a possible value, which is in the metric's unit from now on."""
        *_, lowest, highest, conversions = zip(*entries, strict=True)
        if any(conversions):
            table = np.array([conversion or SAME for conversion in conversions])
            numerators, shifts, denominators = table[self.number].T
            with np.errstate(over="ignore"):
                self.values = (self.values * numerators + shifts) / denominators
        fits = (np.array(lowest)[self.number] <= self.values) & (self.values <= np.array(highest)[self.number])
        self.number[~fits] = NONE

    def taken(self, entries: Sequence[Entry]) -> Taken:
        stays = self.number != NONE
        number = self.number[stays]
        used = np.bincount(number, minlength=len(entries)) > 0
        of_these = list(compress(entries, used.tolist()))
        return Taken(of_these, (np.cumsum(used) - 1)[number], self.moments[stays], self.values[stays])


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
) -> Taken:
    """The readings to store; tells `refuse` of every reading that is left out, in order."""
    clock, numbers = Clock(at, since), Numbers()
    columns = by_columns(readings, numbers, clock)
    for place in columns.missing():
        numbers[key_of(as_json(readings[place]))]  # every key has a number then
    found = entries_of(numbers, sender)
    entries = [UNFIT if isinstance(entry, Refused) else entry for entry in map(found.__getitem__, numbers)]
    if entries:
        columns.leave_out_unfit(entries)
    for place, key, moment, value in one_by_one(readings, columns.missing(), found, clock, refuse):
        columns.put(place, numbers[key], moment, value)
    return columns.taken(entries)


def one_by_one(
    readings: Sequence[Any],
    places: Iterable[int],
    found: Mapping[Key, Entry | Refused],
    clock: Clock,
    refuse: Callable[[int, Refused], None],
) -> Iterator[tuple[int, Key, int, float]]:
    """Place, key, moment and value of those that have nothing wrong with them."""
    for place in places:
        reading = as_json(readings[place])
        key = key_of(reading)
        try:
            _, moment, value = check(reading, found[key], clock)
        except Refusal as refusal:
            refuse(place, refusal.code)
        else:
            yield place, key, moment, value


def key_of(reading: object) -> Key:
    names = tuple(map(reading.get, NAMES)) if type(reading) is dict else ()
    return names if all(name is None or type(name) is str for name in names) else ()


class Unlike(Exception):
    """There is a reading here that can't be taken by columns."""


def by_columns(readings: Sequence[Any], numbers: Numbers, clock: Clock) -> Columns:
    """Without the pieces in which a reading is malformed; whether the names and values are right remains to be seen."""
    columns = Columns(len(readings))
    for start in range(0, len(readings), PIECE):
        piece = slice(start, min(start + PIECE, len(readings)))
        try:
            keys, moments, values = columns_of(readings[piece], clock)
        except (Unlike, Refusal, KeyError, TypeError, OverflowError):
            continue
        columns.put(piece, list(map(numbers.__getitem__, keys)), moments, values)
    return columns


def columns_of(readings: Sequence[Any], clock: Clock) -> tuple[Iterable[Key], list[int], list[float]]:
    """Names, moments and values."""
    if type(readings[0]) is Sent:  # then all are
        moments = [clock[reading.recorded_at] for reading in readings]
        return map(names_of, readings), moments, [reading.value for reading in readings]
    columns = columns_alike(readings) or columns_unlike(readings)
    nothing = [None] * len(readings)
    names = [words(columns.get(name, nothing)) for name in NAMES]
    moments = list(map(clock.__getitem__, columns.get("recorded_at", nothing)))
    return zip(*names, strict=True), moments, finite(columns["value"])


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
