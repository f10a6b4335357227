"""The transactional outbox: background work is asked for by a row, never by talking to the broker in a request."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.transaction import TransactionManagementError
from django.utils import timezone
from structlog.contextvars import get_contextvars

__all__ = ["publish", "publish_at", "publish_each"]

# By hand: nearly every write of the product asks for something, and the ORM takes longer than the database.
INSERT_SQL = """
INSERT INTO outbox_messages (task, payload, request_id, created_at, available_at, attempts, last_error)
SELECT %s, payload::jsonb, %s, %s, %s, 0, '' FROM unnest(%s::text[]) AS payload"""


def publish(task: str, /, **kwargs: Any) -> None:
    """Ask for `task(**kwargs)` once the current transaction commits; a roll-back takes it back.

    `task` is the full name, as in "aiassist.tasks.analyze". Arguments must be JSON; UUIDs, times and decimals become
    text. Raises TransactionManagementError outside a transaction, where the promise couldn't be kept.
    """
    _insert(task, [kwargs], at=timezone.now())


def publish_each(task: str, arguments: Iterable[dict[str, Any]], /) -> None:
    """Like `publish` for each of the arguments, in one statement."""
    _insert(task, arguments, at=timezone.now())


def publish_at(at: datetime, task: str, /, **kwargs: Any) -> None:
    """Like `publish`, but not before `at`."""
    _insert(task, [kwargs], at=at)


def _insert(task: str, arguments: Iterable[dict[str, Any]], *, at: datetime) -> None:
    if not connection.in_atomic_block:
        raise TransactionManagementError(f"publish({task!r}) needs the transaction whose change it belongs to")
    payloads = [json.dumps(payload, cls=DjangoJSONEncoder) for payload in arguments]
    request_id = str(get_contextvars().get("request_id", ""))
    if payloads:
        with connection.cursor() as cursor:
            cursor.execute(INSERT_SQL, [task, request_id, timezone.now(), at, payloads])
