"""Logs: one JSON object a line in production, readable lines on a developer's screen, never a secret."""

import logging
import logging.config
import re
from typing import Any

import structlog

SECRET_NAME = re.compile(
    r"password|secret|token|(?:api|device|private)[_-]?key|authorization|cookie|digest", re.IGNORECASE
)
SECRET_VALUES = (
    re.compile(r"\b(fr[td]_)[A-Za-z0-9_-]{8,}"),  # our own tokens and device keys
    re.compile(r"\b(eyJ)[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+"),  # sign-ins: JSON Web Tokens
    re.compile(r"\b(sk-|xai-|AIza)[A-Za-z0-9_-]{16,}"),  # the AI providers' keys
    re.compile(r"(://[^:/?#\s@]*:)[^/?#\s@]+(?=@)"),  # the password in a URL
)

HTTP_CLIENTS = ("openai", "google_genai", "httpx", "httpx2", "httpcore", "httpcore2")
"""Whose lower levels repeat what was sent: photographs, people's words, and a mistyped key with its header."""


def hide_secrets(_logger: Any, _name: str, event: Any) -> Any:
    """Values under telling names go, and tokens inside longer texts too, however deep they lie."""
    return without_secrets(event)


def without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        for pattern in SECRET_VALUES:
            value = pattern.sub(r"\1***", value)
    elif isinstance(value, dict):
        return {
            key: "***" if isinstance(key, str) and SECRET_NAME.search(key) else without_secrets(inner)
            for key, inner in value.items()
        }
    elif type(value) in {list, tuple, set, frozenset}:
        return [without_secrets(inner) for inner in value]
    return value


def configure(options: dict[str, Any]) -> None:
    """Route structlog and the standard library's logging through one chain to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    renderer = structlog.processors.JSONRenderer() if options["json"] else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,  # first: what nobody will read isn't worked on
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(options["level"])
    logging.getLogger("django.request").setLevel(logging.ERROR)
    logging.getLogger("django.security.DisallowedHost").setLevel(logging.CRITICAL)  # strangers would fill the log
    logging.getLogger("axes").setLevel(logging.WARNING)
    for client in HTTP_CLIENTS:
        logging.getLogger(client).setLevel(logging.WARNING)
