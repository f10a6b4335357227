"""What a batch calls machines, metrics and units, looked up: one statement for all the names in it."""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from sys import float_info
from typing import Any, NamedTuple

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
SELECT named.place, machine.id, metric.id, metric.unit, metric.physical_min, metric.physical_max,
    series.id, series.gateway_id IS NOT DISTINCT FROM %b::uuid
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
    rows: Rows = field(default_factory=list)


@dataclass(slots=True)
class Channel:
    """What equipment, metric and unit of a reading come to: the same for all readings that name them alike."""

    line: Line
    lowest: float
    highest: float
    convert: Conversion | None


class Directory:
    """`channels` has every key of the batch, with its channel or what is wrong with it; `lines` the series."""

    def __init__(self, keys: Collection[Key], sender: Sender) -> None:
        self.allowed = sender.allowed
        self.lines: dict[tuple[uuid.UUID, uuid.UUID], Line] = {}
        self.channels: dict[Key, Channel | Refused] = dict.fromkeys(keys, Refused.WRONG_TYPE)
        named = [key for key in keys if key and all(name is None or type(name) is str for name in key)]
        for place, *found in look_up(named, sender.gateway):
            self.channels[named[place]] = self.resolve(named[place], *found)

    def resolve(
        self,
        key: Key,
        equipment_id: uuid.UUID | None,
        metric_id: uuid.UUID | None,
        metric_unit: str,
        lowest: float | None,
        highest: float | None,
        series_id: int | None,
        same_gateway: bool,
    ) -> Channel | Refused:
        # Whoever may not send for a machine isn't told whether it exists.
        if self.allowed is not None and equipment_id not in self.allowed:
            return Refused.FORBIDDEN_DEVICE
        if equipment_id is None:
            return Refused.UNKNOWN_EQUIPMENT
        if metric_id is None:
            return Refused.UNKNOWN_METRIC
        try:
            convert = None if key[3] is None else conversion(str(key[3]), metric_unit)
        except UnitMismatch:
            return Refused.UNIT_MISMATCH
        line = self.lines.get((equipment_id, metric_id))
        if line is None:
            line = self.lines[equipment_id, metric_id] = Line(equipment_id, metric_id, series_id, same_gateway)
        return Channel(
            line, -float_info.max if lowest is None else lowest, float_info.max if highest is None else highest, convert
        )


def look_up(keys: list[Key], gateway: uuid.UUID | None) -> list[tuple[Any, ...]]:
    """What can't be a name isn't looked up: PostgreSQL takes no NUL and no half of a character pair."""
    if not keys:
        return []
    names = [
        list(range(len(keys))),
        [None if key[0] is None else only(EQUIPMENT_ID, key[0]) or NOBODY for key in keys],
        [None if key[1] is None else only(EQUIPMENT_CODE, key[1]) or "" for key in keys],
        [only(METRIC_CODE, key[2]) for key in keys],
    ]
    with binary_cursor() as cursor:
        return cursor.execute(LOOK_UP_SQL, [gateway, *names], binary=True).fetchall()


def only(pattern: "re.Pattern[str]", name: object) -> str | None:
    return name if isinstance(name, str) and pattern.fullmatch(name) else None
