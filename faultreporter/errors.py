"""The errors a person or a program can be told about.

An error is raised where it is found and never returned. Its class carries a stable `code` that scripts may rely on
and the HTTP status it becomes at the API's edge; its message says what is wrong and what would put it right.
An error that belongs to one app is a subclass defined beside the code that raises it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One field that is wrong: `field` is a path such as `readings[3].value`, empty for the whole body."""

    field: str
    code: str
    message: str


class DomainError(Exception):
    """A refusal with a reason. `meta` holds machine-readable facts, `details` one entry per wrong field."""

    code: ClassVar[str] = "VALIDATION_ERROR"
    http_status: ClassVar[int] = 400

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        meta: dict[str, Any] | None = None,
        details: Sequence[ErrorDetail] = (),
    ) -> None:
        super().__init__(message)
        self.message = str(message)
        self.meta = meta or {}
        self.details = list(details) or ([ErrorDetail(field, self.code.lower(), self.message)] if field else [])


class ValidationFailed(DomainError):
    pass


class InvalidParameter(DomainError):
    code = "INVALID_PARAMETER"


class UnknownField(DomainError):
    code = "UNKNOWN_FIELD"


class MalformedJson(DomainError):
    code = "MALFORMED_JSON"


class PermissionRefused(DomainError):
    code = "PERMISSION_DENIED"
    http_status = 403


class NotFound(DomainError):
    code = "NOT_FOUND"
    http_status = 404


class Duplicate(DomainError):
    """Another living record already has this value; `meta.field` says which field."""

    code = "DUPLICATE"
    http_status = 409

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, field=field, meta={"field": field})


class InvalidTransition(DomainError):
    """The record is in a state from which this move isn't possible."""

    code = "INVALID_TRANSITION"
    http_status = 409

    def __init__(self, message: str, *, source: str, target: str, allowed: Sequence[str]) -> None:
        super().__init__(message, meta={"from": source, "to": target, "allowed": list(allowed)})


class VersionConflict(DomainError):
    code = "VERSION_CONFLICT"
    http_status = 409


class HasChildren(DomainError):
    code = "HAS_CHILDREN"
    http_status = 409


class HasOpenWork(DomainError):
    code = "HAS_OPEN_WORK"
    http_status = 409


class PreconditionFailed(DomainError):
    """If-Match named another version than the stored one; `meta.current` is what is stored.

    `details` names the fields of the body that somebody else has changed meanwhile.
    """

    code = "PRECONDITION_FAILED"
    http_status = 412


class PayloadTooLarge(DomainError):
    code = "PAYLOAD_TOO_LARGE"
    http_status = 413


class RangeTooLarge(DomainError):
    code = "RANGE_TOO_LARGE"
    http_status = 422


class RateLimited(DomainError):
    code = "RATE_LIMITED"
    http_status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, meta={"retry_after": retry_after})
        self.retry_after = retry_after


class ServiceUnavailable(DomainError):
    """Something we depend on is down; the caller should try again after `retry_after` seconds."""

    code = "SERVICE_UNAVAILABLE"
    http_status = 503

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message, meta={"retry_after": retry_after})
        self.retry_after = retry_after
