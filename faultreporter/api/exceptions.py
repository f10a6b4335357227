"""From whatever was raised to the error envelope."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import structlog
from django.apps import apps
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, models
from django.http import Http404
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf
from rest_framework.response import Response

from faultreporter.errors import (
    DomainError,
    Duplicate,
    ErrorDetail,
    PayloadTooLarge,
    ServiceUnavailable,
    ValidationFailed,
)

CODES: dict[type[drf.APIException], str] = {
    drf.ParseError: "MALFORMED_JSON",
    drf.NotAuthenticated: "UNAUTHENTICATED",
    drf.AuthenticationFailed: "TOKEN_INVALID",
    drf.PermissionDenied: "PERMISSION_DENIED",
    drf.NotFound: "NOT_FOUND",
    drf.MethodNotAllowed: "METHOD_NOT_ALLOWED",
    drf.NotAcceptable: "NOT_ACCEPTABLE",
    drf.UnsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE",
    drf.Throttled: "RATE_LIMITED",
}


def error_body(
    *,
    code: str,
    message: str,
    status: int,
    details: list[ErrorDetail] | None = None,
    meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "code": code,
        "message": str(message),
        "status": status,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        "details": [{"field": d.field, "code": d.code, "message": str(d.message)} for d in details or []],
        "meta": meta or {},
    }


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None for the unexpected: it goes up, is logged, and becomes a 500 with an id."""
    known = translate(error)
    if isinstance(known, DomainError):
        return domain_response(known)
    if isinstance(known, drf.APIException):
        return framework_response(known)
    return None


def translate(error: Exception) -> Exception:
    """The database's and Django's own errors as ours."""
    if isinstance(error, Http404):
        return drf.NotFound(_("There is nothing at this address, or it is out of your sight."))
    if isinstance(error, PermissionDenied):
        return drf.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return PayloadTooLarge(_("The body is too large; send less at a time."))
    if isinstance(error, ModelValidationError):
        return drf.ValidationError(getattr(error, "message_dict", None) or error.messages)
    if isinstance(error, IntegrityError):
        return from_integrity_error(error)
    if isinstance(error, DataError):
        return ValidationFailed(_("A value is out of the range that can be stored."))
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return ServiceUnavailable(_("The database does not answer; nothing was changed. Try again shortly."))
    return error


def from_integrity_error(error: IntegrityError) -> Exception:
    cause = error.__cause__
    name = getattr(getattr(cause, "diag", None), "constraint_name", None) or ""
    if isinstance(cause, psycopg.errors.UniqueViolation | psycopg.errors.ExclusionViolation):
        field = duplicate_field(name, getattr(cause.diag, "message_detail", None) or "")
        return Duplicate(_("Another record already has this %(field)s.") % {"field": field}, field=field)
    if isinstance(cause, psycopg.errors.ForeignKeyViolation):
        return ValidationFailed(_("A record that is referred to does not exist or is still in use."))
    if isinstance(cause, psycopg.errors.CheckViolation):
        constraint = find_constraint(name)
        message = constraint.violation_error_message if constraint else ""
        return ValidationFailed(str(message or _("The values contradict each other.")), meta={"constraint": name})
    return error


def find_constraint(name: str) -> models.BaseConstraint | None:
    return next((c for model in apps.get_models() for c in model._meta.constraints if c.name == name), None)


def duplicate_field(constraint_name: str, detail: str) -> str:
    """The last column of the constraint, which by our naming is the field that a person typed."""
    key = re.match(r"Key \((?:lower\()?([a-z_, ]+)", detail)
    return key[1].split(",")[-1].strip() if key else constraint_name


def domain_response(error: DomainError) -> Response:
    body = error_body(
        code=error.code, message=error.message, status=error.http_status, details=error.details, meta=error.meta
    )
    response = Response(body, status=error.http_status, exception=True)
    if (retry_after := getattr(error, "retry_after", None)) is not None:
        response["Retry-After"] = str(retry_after)
    if (challenge := getattr(error, "auth_header", None)) is not None:
        response["WWW-Authenticate"] = challenge
    return response


def framework_response(error: drf.APIException) -> Response:
    if isinstance(error, drf.ValidationError):
        return domain_response(from_field_errors(error.detail))
    code = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), "INTERNAL_ERROR")
    message = str(error.detail) if isinstance(error.detail, str) else _("The request was refused.")
    response = Response(
        error_body(code=code, message=message, status=error.status_code), status=error.status_code, exception=True
    )
    if challenge := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    return response


def from_field_errors(detail: Any) -> ValidationFailed:
    details = list(flatten(detail))
    named = details[0] if details else ErrorDetail("", "invalid", _("The request is not valid."))
    message = f"{named.field}: {named.message}" if named.field else named.message
    error = ValidationFailed(message, details=details)
    if details and all(item.code == "unknown_field" for item in details):
        error.code = "UNKNOWN_FIELD"  # type: ignore[misc]
    return error


def joined(path: str, key: str | int) -> str:
    """DRF keys the items of a list by number, the fields of an object by name."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def flatten(detail: Any, path: str = "") -> Iterator[ErrorDetail]:
    """DRF's nested errors as a flat list with paths such as `readings[3].value`."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            yield from flatten(inner, path if key == "non_field_errors" else joined(path, key))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from flatten(inner, f"{path}[{index}]" if nested else path)
    else:
        yield ErrorDetail(path, str(getattr(detail, "code", "invalid")), str(detail))
