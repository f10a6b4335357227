from typing import Any

from faultreporter.errors import DomainError


class TooManyStreams(DomainError):
    """This person, or this process, has as many streams open as it may."""

    code = "TOO_MANY_STREAMS"
    http_status = 429

    def __init__(self, message: str, *, retry_after: int, meta: dict[str, Any] | None = None) -> None:
        super().__init__(message, meta={"retry_after": retry_after, **(meta or {})})
        self.retry_after = retry_after


class StreamElsewhere(DomainError):
    """This process answers requests and has no thread to spare for a stream; `meta.stream_url` is where streams are."""

    code = "STREAM_ELSEWHERE"
    http_status = 421
