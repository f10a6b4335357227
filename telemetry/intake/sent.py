"""A reading as gateways send it.

A batch of nothing but objects with our fields and types, as nearly all are, is read straight into `Sent`, which takes
less memory and time than dictionaries. Any other is read as it comes, so that each of its readings is judged by itself.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

__all__ = ["FIELDS", "Sent", "as_json", "well_formed", "well_formed_lines"]


class Sent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Its texts may still be anything; its value is finite. What is left out is None."""

    metric: str
    value: float
    equipment_id: str | None = None
    equipment_code: str | None = None
    unit: str | None = None
    recorded_at: str | None = None


class SentBatch(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    readings: list[Sent]


FIELDS = frozenset(Sent.__struct_fields__)
decoder = msgspec.json.Decoder(SentBatch)
line_decoder = msgspec.json.Decoder(Sent)


def well_formed(body: bytes) -> list[Sent] | None:
    """None if the body is anything but a batch of such readings."""
    try:
        return decoder.decode(body).readings
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def well_formed_lines(lines: Iterable[bytes]) -> list[Sent] | None:
    """None if any line is anything but such a reading. Each by itself: msgspec's own lines may hold several."""
    try:
        return list(map(line_decoder.decode, lines))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def as_json(reading: object) -> Any:
    """The reading as the parser of any JSON gives it."""
    return msgspec.structs.asdict(reading) if type(reading) is Sent else reading
