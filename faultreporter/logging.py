"""Logs: one JSON object a line in production, readable lines on a developer's screen, never a secret."""

import logging
import logging.config
import re
from typing import Any

import structlog

SECRET_NAME = re.compile(r"password|secret|token|api_?key|authorization|cookie|digest", re.IGNORECASE)
SECRET_VALUE = re.compile(r"\b(fr[td]_)[A-Za-z0-9_-]{8,}|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+")


def hide_secrets(_logger: Any, _name: str, event: Any) -> Any:
    """Values under telling names go, and tokens inside longer texts too."""
    for key, value in event.items():
        if SECRET_NAME.search(key):
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = SECRET_VALUE.sub(lambda found: f"{found[1] or ''}***", value)
    return event


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
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
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
