"""One envelope for every answer: `{"success", "data", "message", "timestamp"}`, or `{"success", "error", …}`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_NAIVE_UTC
PROBLEM_JSON = "application/problem+json"


def as_json(value: Any) -> Any:
    """What orjson can't write by itself: lazy translations, exact decimals."""
    if isinstance(value, Promise | Decimal):
        return str(value)
    if isinstance(value, dict):
        return dict(value)
    if hasattr(value, "__iter__"):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def to_json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=as_json, option=OPTIONS)
    except orjson.JSONEncodeError:
        return orjson.dumps(in_range(value), default=as_json, option=OPTIONS)


def in_range(value: Any) -> Any:
    """Whole numbers of more than 64 bits as floats: somebody's metadata held 1e30, and PostgreSQL wrote it out."""
    if isinstance(value, dict):
        return {key: in_range(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [in_range(item) for item in value]
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_problem(error: dict[str, Any]) -> dict[str, Any]:
    """An error as RFC 9457 has it."""
    extra = {key: error[key] for key in ("code", "request_id", "details", "meta")}
    return {
        "type": "about:blank",
        "title": error["code"],
        "status": error["status"],
        "detail": error["message"],
        **extra,
    }


class EnvelopeRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        context = renderer_context or {}
        response = context["response"]
        if response.status_code in (204, 304):
            return b""
        if response.status_code >= 400:
            return self.render_error(data, context)
        body: dict[str, Any] = {"success": True, "data": data}
        message = getattr(response, "message", None)
        if (pagination := getattr(response, "pagination", None)) is not None:
            body |= {"pagination": pagination} | ({"message": message} if message else {})
        else:
            body["message"] = message
        body["timestamp"] = timestamp()
        return to_json(body)

    def render_error(self, error: dict[str, Any], context: dict[str, Any]) -> bytes:
        request: Request | None = context.get("request")
        if request is not None and PROBLEM_JSON in request.META.get("HTTP_ACCEPT", ""):
            context["response"]["Content-Type"] = PROBLEM_JSON
            return to_json(as_problem(error))
        return to_json({"success": False, "error": error, "timestamp": timestamp()})


class JsonNegotiation(BaseContentNegotiation):
    """JSON for whoever accepts JSON; everybody else learns with 406 that there is nothing else."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        wanted = request.content_type or "application/octet-stream"
        return next((parser for parser in parsers if media_type_matches(parser.media_type, wanted)), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        accepted = [part.split(";")[0].strip() for part in request.META.get("HTTP_ACCEPT", "*/*").split(",")]
        for renderer in renderers:
            if any(
                a in (renderer.media_type, PROBLEM_JSON, "*/*", "") or a == f"{renderer.media_type.split('/')[0]}/*"
                for a in accepted
            ):
                return renderer, renderer.media_type
        raise NotAcceptable(available_renderers=renderers)
