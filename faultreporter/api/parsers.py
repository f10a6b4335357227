"""JSON as RFC 8259 has it, within limits of size and depth."""

from typing import IO, Any

import orjson
from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser

from faultreporter.api.text import unstorable_path
from faultreporter.errors import MalformedJson, PayloadTooLarge

MAX_DEPTH = 32


def read_limited(stream: IO[bytes], limit: int) -> bytes:
    """The whole body, or PAYLOAD_TOO_LARGE as soon as it is known to exceed `limit` bytes."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise PayloadTooLarge(
            _("The body is larger than %(limit)d bytes; send less at a time.") % {"limit": limit},
            meta={"limit_bytes": limit},
        )
    return body


def measure_depth(value: Any) -> int:
    """How deep a parsed document nests; orjson itself refuses beyond 1024, so recursion is bounded."""
    if isinstance(value, dict):
        return 1 + max(map(measure_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(measure_depth, value), default=0)
    return 0


def parse_json(body: bytes) -> Any:
    """The document in `body`; MALFORMED_JSON says where it breaks, or what in it can't be stored."""
    try:
        document = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise MalformedJson(_("The body is not valid JSON: %(reason)s") % {"reason": error}) from error
    if measure_depth(document) > MAX_DEPTH:
        raise MalformedJson(_("The JSON nests deeper than %(limit)d levels; flatten it.") % {"limit": MAX_DEPTH})
    if (path := unstorable_path(document)) is not None:
        message = _("The text contains a NUL or half of a character pair; send valid Unicode without NUL.")
        raise MalformedJson(message, field=path)
    return document


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = read_limited(stream, settings.MAX_JSON_BYTES)
        return parse_json(body) if body else {}
