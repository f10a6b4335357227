"""Batches of readings on the wire: a JSON object or one reading a line, plain or gzip.

A gateway that sends NaN, 1e400 or half a character pair for one sensor loses that reading, not the batch: what our
strict parser refuses is read again by Python's, which knows such things, and each reading is judged by itself.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from django.utils.translation import gettext as _
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from faultreporter.api.parsers import read_limited
from faultreporter.errors import MalformedJson, PayloadTooLarge, UnknownField, ValidationFailed
from telemetry.intake.ingest import MAX_READINGS
from telemetry.intake.sent import well_formed, well_formed_lines

MAX_BODY_BYTES = 8_000_000
"""Of the body as sent and of what it unpacks to; 10,000 readings are about 1.6 MB."""


def parse_document(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text.decode(), parse_int=float)  # an int of ten thousand digits is infinite, not slow


def unpack(body: bytes) -> bytes:
    """What was gzipped, up to MAX_BODY_BYTES: a few kilobytes can unpack to gigabytes."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise MalformedJson(_("The body is not gzip, though Content-Encoding says so.")) from error
    if len(unpacked) > MAX_BODY_BYTES:
        message = _("The body unpacks to more than %(limit)d bytes; send less at a time.") % {"limit": MAX_BODY_BYTES}
        raise PayloadTooLarge(message, meta={"limit_bytes": MAX_BODY_BYTES})
    if not unpacker.eof or unpacker.unused_data:
        raise MalformedJson(_("The gzip body is cut off or followed by something else."))
    return unpacked


def read_body(stream: Any, request: Any) -> bytes:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    body = read_limited(stream, MAX_BODY_BYTES)
    if encoding in {"gzip", "x-gzip"}:
        return unpack(body)
    if encoding not in {"identity", ""}:
        raise UnsupportedMediaType(encoding, detail=_("Content-Encoding may be gzip or nothing."))
    return body


def read_object(body: bytes) -> list[Any]:
    document = parse_document(body)
    if not isinstance(document, dict):
        raise ValidationFailed(_("Send an object with the list “readings”."), field="readings")
    if unknown := [name for name in document if name != "readings"]:
        raise UnknownField(
            _("There is no such field beside “readings”."), field=unknown[0][:100].encode("ascii", "replace").decode()
        )
    readings = document.get("readings")
    if not isinstance(readings, list):
        raise ValidationFailed(_("“readings” must be a list."), field="readings")
    return readings


def read_document(body: bytes) -> Sequence[Any]:
    sent = well_formed(body)
    return read_object(body) if sent is None else sent


def lines_of(body: bytes) -> list[bytes]:
    return [line for line in body.splitlines() if line.strip()]


def read_lines(body: bytes) -> Sequence[Any]:
    lines = lines_of(body)
    sent = well_formed_lines(lines) if len(lines) <= MAX_READINGS else None
    return read_each(lines) if sent is None else sent


def read_each(lines: list[bytes]) -> list[Any]:
    if len(lines) > MAX_READINGS:
        return lines  # ingest refuses them unread
    readings = []
    for number, line in enumerate(lines, start=1):
        try:
            readings.append(parse_document(line))
        except (ValueError, RecursionError) as error:
            raise MalformedJson(_("Line %(number)d is not valid JSON.") % {"number": number}) from error
    return readings


class ReadingsParser(BaseParser):
    """The list of readings in a body, each as it came."""

    read: Callable[[bytes], Sequence[Any]]

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = read_body(stream, parser_context["request"])
        try:
            return type(self).read(body)
        except (ValueError, RecursionError) as error:
            raise MalformedJson(_("The body is not valid JSON in UTF-8.")) from error


class JSONReadingsParser(ReadingsParser):
    media_type = "application/json"
    read = staticmethod(read_document)


class NDJSONReadingsParser(ReadingsParser):
    media_type = "application/x-ndjson"
    read = staticmethod(read_lines)
