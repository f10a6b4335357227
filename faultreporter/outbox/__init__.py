"""The transactional outbox: background work is asked for by a row, never by talking to the broker in a request."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps as installed  # `apps` is a module of this package
from django.db import connection
from django.db.transaction import TransactionManagementError
from django.utils import timezone
from structlog.contextvars import get_contextvars

if TYPE_CHECKING:
    from faultreporter.outbox.models import OutboxMessage

__all__ = ["publish", "publish_at", "publish_each"]


def publish(task: str, /, **kwargs: Any) -> "OutboxMessage":
    """Ask for `task(**kwargs)` once the current transaction commits; a roll-back takes it back.

    `task` is the full name, as in "aiassist.tasks.analyze". Arguments must be JSON; UUIDs, times and decimals become
    text. Raises TransactionManagementError outside a transaction, where the promise couldn't be kept.
    """
    return publish_at(timezone.now(), task, **kwargs)


def publish_each(task: str, arguments: Iterable[dict[str, Any]], /) -> None:
    """Like `publish` for each of the arguments, in one statement."""
    _demand_transaction(task)
    message_model = installed.get_model("outbox", "OutboxMessage")
    request_id = str(get_contextvars().get("request_id", ""))
    message_model.objects.bulk_create(
        message_model(task=task, payload=payload, request_id=request_id) for payload in arguments
    )


def publish_at(at: datetime, task: str, /, **kwargs: Any) -> "OutboxMessage":
    """Like `publish`, but not before `at`."""
    _demand_transaction(task)
    # This package is imported while Django loads the apps, before there are models.
    message_model = installed.get_model("outbox", "OutboxMessage")
    request_id = str(get_contextvars().get("request_id", ""))
    return message_model.objects.create(task=task, payload=kwargs, request_id=request_id, available_at=at)


def _demand_transaction(task: str) -> None:
    if not connection.in_atomic_block:
        raise TransactionManagementError(f"publish({task!r}) needs the transaction whose change it belongs to")
