"""A batch of readings as it was sent, checked: where each reading belongs and as what it will be stored.

A reading with nothing unusual about it is taken in a few steps over plain dictionaries; `check` reads every other one
with care, and says what is wrong with it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from telemetry.directory import NAMES, Channel, Directory, Key, Line, Sender
from telemetry.partitions import earliest_accepted
from telemetry.refusals import Refusal, Refused
from telemetry.storage import Row, ticks_of

MAX_FUTURE = timedelta(minutes=10)
"""How far a sensor's clock may run ahead."""

FIELDS = frozenset({*NAMES, "value", "recorded_at"})
# RFC 3339; fromisoformat alone would also take week dates and bare dates
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Clock(dict[object, int]):
    """When a reading was taken, in ticks, by what it says; each text is read once. None means arrival."""

    def __init__(self, at: datetime, since: datetime | None = None) -> None:
        super().__init__({None: ticks_of(at)})
        self.earliest, self.latest = ticks_of(since or earliest_accepted(at)), ticks_of(at + MAX_FUTURE)

    def __missing__(self, text: object) -> int:
        if not isinstance(text, str) or not TIMESTAMP.fullmatch(text):
            raise Refusal(Refused.BAD_TIMESTAMP)
        try:
            moment = ticks_of(datetime.fromisoformat(text))
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


def check(reading: object, channel: Channel | Refused, clock: Clock) -> tuple[Line, Row]:
    """Raises a Refusal with the first thing that is wrong."""
    if type(reading) is not dict:
        raise Refusal(Refused.WRONG_TYPE)
    if not reading.keys() <= FIELDS:
        raise Refusal(Refused.UNKNOWN_FIELD)
    if isinstance(channel, Refused):
        raise Refusal(channel)
    value = measured(reading.get("value"), channel)
    return channel.line, (clock.read(reading.get("recorded_at")), value)


def keys_of(readings: Sequence[Any]) -> tuple[list[Key], set[Key]]:
    """The key of each reading, and the different ones."""
    get = dict.get
    try:
        keys: list[Key] = [
            (get(one, "equipment_id"), get(one, "equipment_code"), get(one, "metric"), get(one, "unit"))
            for one in readings
        ]
        return keys, set(keys)
    except TypeError:  # something is no object, or has a list or an object where a name belongs
        keys = [key_of(one) for one in readings]
        return keys, set(keys)


def key_of(reading: object) -> Key:
    names = tuple(reading.get(name) for name in NAMES) if type(reading) is dict else ()
    return names if all(name is None or type(name) is str for name in names) else ()


def take(
    readings: Sequence[Any],
    *,
    at: datetime,
    sender: Sender,
    refuse: Callable[[int, Refused], None],
    since: datetime | None = None,
) -> Iterable[Line]:
    """The series with the readings to store; tells `refuse` of every reading that is left out."""
    keys, different = keys_of(readings)
    directory, clock = Directory(different, sender), Clock(at, since)
    channels, plain = directory.channels, plain_channels(directory)
    for index, (key, reading) in enumerate(zip(keys, readings, strict=True)):
        try:
            lowest, highest, fields, append = plain[key]
            value = reading["value"]
            if type(value) is float and lowest <= value <= highest and len(reading) == fields:
                append((clock[reading["recorded_at"]], value))
                continue
        except (KeyError, TypeError, Refusal):
            pass
        try:
            line, row = check(reading, channels[key], clock)
        except Refusal as refusal:
            refuse(index, refusal.code)
        else:
            line.rows.append(row)
    return directory.lines.values()


def plain_channels(directory: Directory) -> dict[Key, tuple[float, float, int, Callable[[Row], None]]]:
    """Of channels without conversion: both bounds, how many fields a reading has that has no others, where it goes."""
    return {
        key: (channel.lowest, channel.highest, 2 + len(key) - key.count(None), channel.line.rows.append)
        for key, channel in directory.channels.items()
        if isinstance(channel, Channel) and channel.convert is None
    }
