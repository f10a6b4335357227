"""What surrounds every request: its id, one line in the log, its metrics, and the envelope for errors outside DRF."""

import re
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from faultreporter.api.exceptions import error_body
from faultreporter.api.metrics import REQUESTS, SECONDS
from faultreporter.api.renderers import timestamp, to_json
from faultreporter.db import uuid7

log = structlog.get_logger("request")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
QUIET = ("/health", "/metrics", "/static/")

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def route_of(request: HttpRequest) -> str:
    """The pattern of the address, not the address: ids would make a metric per record."""
    return request.resolver_match.route if request.resolver_match else "unmatched"


class RequestContextMiddleware:
    """Gives the request its id (the caller's, if it is a sane one) and says what became of it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid7().hex
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            self.account_for(request, response, time.perf_counter() - started)
        response["X-Request-ID"] = request_id
        return response

    @staticmethod
    def account_for(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
        route, method = route_of(request), request.method or ""
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        SECONDS.labels(method, route).observe(seconds)
        if not request.path.startswith(QUIET):
            log.info(
                "request", method=method, path=request.path, status=response.status_code, ms=round(seconds * 1000, 1)
            )


class ApiErrorMiddleware:
    """Errors raised outside DRF (no such address, broken upload, a crash) still come in the envelope under /api/."""

    CODES = {
        400: "VALIDATION_ERROR",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        405: "METHOD_NOT_ALLOWED",
        413: "PAYLOAD_TOO_LARGE",
        500: "INTERNAL_ERROR",
    }

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path.startswith("/api/") and response.status_code >= 400 and not self.is_ours(response):
            return self.enveloped(response.status_code)
        return response

    @staticmethod
    def is_ours(response: HttpResponseBase) -> bool:
        return response.headers.get("Content-Type", "").startswith(("application/json", "application/problem+json"))

    def enveloped(self, status: int) -> HttpResponse:
        messages = {
            400: _("The request is malformed; check the address, the headers and the body."),
            403: _("This is not allowed."),
            404: _("There is nothing at this address."),
            405: _("This address does not take this method."),
            413: _("The body is too large; send less at a time."),
        }
        unexpected = _("Something went wrong on our side. It is logged under the request id; try again.")
        code = self.CODES.get(status, "INTERNAL_ERROR")
        error = error_body(code=code, message=messages.get(status, unexpected), status=status)
        body = {"success": False, "error": error, "timestamp": timestamp()}
        return HttpResponse(to_json(body), status=status, content_type="application/json")
