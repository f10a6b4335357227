"""One message: who sent it, and the readings in it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from faultreporter.errors import DomainError, PayloadTooLarge
from telemetry.intake.parsers import MAX_BODY_BYTES, lines_of, parse_document, read_each, read_object, unpack
from telemetry.models import DeadLetter

TOPIC = "fr/v1/+/telemetry"
NAMED = re.compile(r"fr/v1/([A-Za-z0-9][A-Za-z0-9_.-]{0,63})/telemetry")
GZIP = b"\x1f\x8b"

Reason = DeadLetter.Reason


@dataclass(frozen=True, slots=True)
class Message:
    """As it came; `connection` counts the connections, because only on its own can a message be acknowledged."""

    topic: str
    payload: bytes
    arrived_at: datetime
    qos: int = 1
    mid: int = 0
    connection: int = 0


class Unusable(Exception):
    """Nothing in the message can be stored, now or later."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason, self.detail = reason, detail


def device_of(topic: str) -> str:
    if found := NAMED.fullmatch(topic):
        return found[1]
    raise Unusable(Reason.BAD_TOPIC, _("The topic is fr/v1/<device id>/telemetry."))


def readings_of(message: Message) -> list[Any]:
    """Takes what POST /iot-data takes, and a bare reading or a list of them. What has no time was taken on arrival."""
    try:
        readings = read(message.payload)
    except PayloadTooLarge as error:
        raise Unusable(Reason.TOO_LARGE, str(error)) from error
    except DomainError as error:
        raise Unusable(Reason.UNREADABLE, str(error)) from error
    return list(timed(readings, message.arrived_at.isoformat()))


def read(payload: bytes) -> list[Any]:
    if len(payload) > MAX_BODY_BYTES:
        raise PayloadTooLarge(_("At most %(limit)d bytes in a message.") % {"limit": MAX_BODY_BYTES})
    body = unpack(payload) if payload.startswith(GZIP) else payload
    try:
        document = parse_document(body)
    except (ValueError, RecursionError):
        return read_each(lines_of(body))
    if isinstance(document, dict):
        return read_object(body) if "readings" in document else [document]
    return document if isinstance(document, list) else [document]


def timed(readings: Iterable[Any], arrived_at: str) -> Iterable[Any]:
    for reading in readings:
        untimed = isinstance(reading, dict) and reading.get("recorded_at") is None
        yield {**reading, "recorded_at": arrived_at} if untimed else reading
