"""What a batch calls machines, metrics and units, looked up: one statement for all the names in it.

A gateway sends the same names in every batch, so a process remembers what they came to (telemetry.memory).
"""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from sys import float_info
from typing import Any, NamedTuple

from telemetry.memory import Remembered
from telemetry.refusals import Refused
from telemetry.storage import Rows, binary_cursor
from telemetry.units import Conversion, UnitMismatch, conversion

NAMES = ("equipment_id", "equipment_code", "metric", "unit")
# only in the form the API writes
EQUIPMENT_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NOBODY = str(uuid.UUID(int=0))
EQUIPMENT_CODE = re.compile(r"[A-Z0-9-]{1,50}")
METRIC_CODE = re.compile(r"[a-z0-9_]{1,50}")


class Sender(NamedTuple):
    """Who sends: the machines it may speak for, None for every machine, and the device key it sends with, if any."""

    allowed: frozenset[uuid.UUID] | None = None
    gateway: uuid.UUID | None = None


Key = tuple[object, ...]
"""How a reading names its channel: its values of NAMES. Empty for what can't name any."""

# Where a reading gives both, id and code must mean the same machine.
LOOK_UP_SQL = """
SELECT named.place, machine.id, metric.id, series.id, series.gateway_id,
    metric.unit, metric.physical_min, metric.physical_max
FROM unnest(%b::int[], %b::text[]::uuid[], %b::text[], %b::text[])
    AS named(place, equipment_id, equipment_code, metric)
LEFT JOIN equipment by_code ON by_code.equipment_code = named.equipment_code AND by_code.deleted_at IS NULL
LEFT JOIN equipment machine ON machine.id = COALESCE(named.equipment_id, by_code.id) AND machine.deleted_at IS NULL
    AND (named.equipment_code IS NULL OR machine.id = by_code.id)
LEFT JOIN iot_metrics metric ON metric.code = named.metric AND metric.deleted_at IS NULL
LEFT JOIN iot_series series ON series.equipment_id = machine.id AND series.metric_id = metric.id"""


@dataclass(slots=True)
class Line:
    """A series, which may not exist yet, and the readings of the batch that are taken for it, as they were sent."""

    equipment_id: uuid.UUID
    metric_id: uuid.UUID
    series_id: int | None
    same_gateway: bool
    rows: Rows = field(default_factory=Rows)


@dataclass(slots=True)
class Channel:
    """What equipment, metric and unit of a reading come to: the same for all readings that name them alike."""

    line: Line
    lowest: float
    highest: float
    convert: Conversion | None


class Entry(NamedTuple):
    """What a key came to. `refused` is what is wrong with it, whoever sends it."""

    equipment_id: uuid.UUID | None
    metric_id: uuid.UUID | None
    series_id: int | None
    gateway_id: uuid.UUID | None
    lowest: float
    highest: float
    convert: Conversion | None
    refused: Refused | None

    @classmethod
    def of(
        cls, key: Key, equipment_id: Any, metric_id: Any, series_id: Any, gateway_id: Any,
        metric_unit: str, lowest: float | None, highest: float | None,
    ) -> "Entry":  # fmt: skip
        convert, refused = None, None
        if equipment_id is None:
            refused = Refused.UNKNOWN_EQUIPMENT
        elif metric_id is None:
            refused = Refused.UNKNOWN_METRIC
        elif key[3] is not None:
            try:
                convert = conversion(str(key[3]), metric_unit)
            except UnitMismatch:
                refused = Refused.UNIT_MISMATCH
        return cls(
            equipment_id, metric_id, series_id, gateway_id,
            -float_info.max if lowest is None else lowest, float_info.max if highest is None else highest,
            convert, refused,
        )  # fmt: skip


class Directory:
    """`channels` has every key of the batch, with its channel or what is wrong with it; `lines` the series."""

    def __init__(self, keys: Collection[Key], sender: Sender) -> None:
        self.sender = sender
        self.lines: dict[object, Line] = {}
        self.channels: dict[Key, Channel | Refused] = dict.fromkeys(keys, Refused.WRONG_TYPE)
        named = [key for key in keys if key and all(name is None or type(name) is str for name in key)]
        if named:
            for key, entry in remembered.find(named).items():
                self.channels[key] = self.channel(entry)

    def channel(self, entry: Entry) -> Channel | Refused:
        equipment_id, metric_id, series_id, gateway_id, lowest, highest, convert, refused = entry
        # Whoever may not send for a machine isn't told whether it exists.
        if self.sender.allowed is not None and equipment_id not in self.sender.allowed:
            return Refused.FORBIDDEN_DEVICE
        if refused or equipment_id is None or metric_id is None:
            return refused or Refused.UNKNOWN_EQUIPMENT
        place = series_id or (equipment_id, metric_id)
        line = self.lines.get(place)
        if line is None:
            line = self.lines[place] = Line(equipment_id, metric_id, series_id, gateway_id == self.sender.gateway)
        return Channel(line, lowest, highest, convert)


def looked_up(keys: Collection[Key]) -> dict[Key, Entry]:
    """What can't be a name isn't looked up: PostgreSQL takes no NUL and no half of a character pair."""
    keys = list(keys)
    names = [
        list(range(len(keys))),
        [None if key[0] is None else only(EQUIPMENT_ID, key[0]) or NOBODY for key in keys],
        [None if key[1] is None else only(EQUIPMENT_CODE, key[1]) or "" for key in keys],
        [only(METRIC_CODE, key[2]) for key in keys],
    ]
    with binary_cursor() as cursor:
        rows = cursor.execute(LOOK_UP_SQL, names, binary=True).fetchall()
    return {keys[place]: Entry.of(keys[place], *columns) for place, *columns in rows}


def only(pattern: "re.Pattern[str]", name: object) -> str | None:
    return name if isinstance(name, str) and pattern.fullmatch(name) else None


# Only what stays until the version changes: a name that came to a series.
remembered = Remembered(looked_up, lasting=lambda entry: bool(entry.series_id and not entry.refused))
