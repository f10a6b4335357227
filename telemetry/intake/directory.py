"""What a batch calls machines, metrics and units, looked up: one statement for all the names in it.

A gateway sends the same names in every batch, so a process remembers what they came to (telemetry.intake.memory).
"""

import re
import uuid
from collections.abc import Collection
from sys import float_info
from typing import Any, NamedTuple

from telemetry.intake.memory import Remembered, current_version
from telemetry.intake.refusals import Refused
from telemetry.store.storage import binary_cursor
from telemetry.units import Conversion, UnitMismatch, conversion

NAMES = ("equipment_id", "equipment_code", "metric", "unit")
# only in the form the API writes
EQUIPMENT_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NOBODY = str(uuid.UUID(int=0))
EQUIPMENT_CODE = re.compile(r"[A-Z0-9-]{1,50}")
METRIC_CODE = re.compile(r"[a-z0-9_]{1,50}")


class Sender(NamedTuple):
    """Who sends: the machines it may speak for, None for every machine, and the device key it sends with, if any.

    `version` is the directory's when it was let in; None if it was not read then.
    """

    allowed: frozenset[uuid.UUID] | None = None
    gateway: uuid.UUID | None = None
    version: uuid.UUID | None = None


Key = tuple[object, ...]
"""How a reading names its channel: its values of NAMES. Empty for what can't name any."""

# Where a reading gives both, id and code must mean the same machine.
LOOK_UP_SQL = """
SELECT named.place, machine.id, metric.id, series.id, series.gateway_id::text,
    metric.unit, metric.physical_min, metric.physical_max
FROM unnest(%b::int[], %b::text[]::uuid[], %b::text[], %b::text[])
    AS named(place, equipment_id, equipment_code, metric)
LEFT JOIN equipment by_code ON by_code.equipment_code = named.equipment_code AND by_code.deleted_at IS NULL
LEFT JOIN equipment machine ON machine.id = COALESCE(named.equipment_id, by_code.id) AND machine.deleted_at IS NULL
    AND (named.equipment_code IS NULL OR machine.id = by_code.id)
LEFT JOIN iot_metrics metric ON metric.code = named.metric AND metric.deleted_at IS NULL
LEFT JOIN iot_series series ON series.equipment_id = machine.id AND series.metric_id = metric.id"""


class Entry(NamedTuple):
    """A machine's metric: its series, which may not exist yet, and the bounds and conversion to the metric's unit."""

    equipment_id: uuid.UUID
    metric_id: uuid.UUID
    series_id: int | None
    gateway_id: str | None
    """As text: whole batches of them are compared, and a UUID compares itself in Python."""
    lowest: float
    highest: float
    convert: Conversion | None


class Found(NamedTuple):
    """What a key came to, whoever sends it: the machine, if it names one, and the entry or what is wrong with it."""

    equipment_id: uuid.UUID | None
    entry: Entry | Refused

    @property
    def lasts(self) -> bool:
        """Whether it stays until the directory changes: a new machine or series doesn't change it."""
        return isinstance(self.entry, Entry) and self.entry.series_id is not None


def entries_of(keys: Collection[Key], sender: Sender) -> dict[Key, Entry | Refused]:
    """What each key came to, or what is wrong with it."""
    version = sender.version or (current_version() if keys else None)
    found = remembered.find(keys, version=version)
    if sender.allowed is None:
        return {key: entry for key, (_, entry) in found.items()}
    return {key: permitted(one, sender.allowed) for key, one in found.items()}


def permitted(found: Found, allowed: Collection[uuid.UUID]) -> Entry | Refused:
    """Whoever may not send for a machine isn't told whether it exists."""
    if found.equipment_id in allowed or found.entry == Refused.WRONG_TYPE:
        return found.entry
    return Refused.FORBIDDEN_DEVICE


def looked_up(keys: Collection[Key]) -> dict[Key, Found]:
    """What can't be a name isn't looked up: PostgreSQL takes no NUL and no half of a character pair."""
    named = [key for key in keys if key and all(name is None or type(name) is str for name in key)]
    names = [
        list(range(len(named))),
        [None if key[0] is None else only(EQUIPMENT_ID, key[0]) or NOBODY for key in named],
        [None if key[1] is None else only(EQUIPMENT_CODE, key[1]) or "" for key in named],
        [only(METRIC_CODE, key[2]) for key in named],
    ]
    with binary_cursor() as cursor:
        rows = cursor.execute(LOOK_UP_SQL, names, binary=True).fetchall() if named else []
    by_key = {named[place]: found(named[place], *columns) for place, *columns in rows}
    return {key: by_key.get(key, Found(None, Refused.WRONG_TYPE)) for key in keys}


def found(
    key: Key, equipment_id: Any, metric_id: Any, series_id: Any, gateway_id: Any,
    unit: str, lowest: float | None, highest: float | None,
) -> Found:  # fmt: skip
    if equipment_id is None:
        return Found(None, Refused.UNKNOWN_EQUIPMENT)
    if metric_id is None:
        return Found(equipment_id, Refused.UNKNOWN_METRIC)
    try:
        convert = None if key[3] is None else conversion(str(key[3]), unit)
    except UnitMismatch:
        return Found(equipment_id, Refused.UNIT_MISMATCH)
    lowest = -float_info.max if lowest is None else lowest
    highest = float_info.max if highest is None else highest
    return Found(equipment_id, Entry(equipment_id, metric_id, series_id, gateway_id, lowest, highest, convert))


def only(pattern: "re.Pattern[str]", name: object) -> str | None:
    return name if isinstance(name, str) and pattern.fullmatch(name) else None


remembered = Remembered(looked_up, lasting=lambda found: found.lasts)
