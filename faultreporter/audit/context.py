"""Telling the database on whose behalf it writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Protocol
from uuid import UUID

from django.db import connection, transaction
from structlog.contextvars import get_contextvars


class Principal(Protocol):
    """A person or a device: whatever `request.user` is. Its key is a UUID, or None when nobody is signed in."""

    @property
    def pk(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Acting:
    """What the trigger reads, as text; empty means unknown."""

    actor_id: str = ""
    source: str = ""
    request_id: str = ""
    ip: str = ""


NOBODY = Acting()
_current: ContextVar[Acting] = ContextVar("acting", default=NOBODY)


@contextmanager
def acting(
    *, by: Principal | None, source: str, request_id: str | None = None, ip: str | None = None
) -> Iterator[None]:
    """One transaction in which every audited change is `by` someone.

    `source` is an `AuditLog.Source`. Request id and address default to those of the block around this one, the
    request id then to the one bound for logging. Blocks nest: an inner block is a savepoint, and after it the outer
    one's words count again.
    """
    outer = _current.get()
    inner = Acting(
        actor_id=_actor_id(by),
        source=source,
        request_id=request_id or outer.request_id or str(get_contextvars().get("request_id", "")),
        ip=_address(ip) or outer.ip,
    )
    nested = connection.in_atomic_block
    with transaction.atomic():
        _tell_database(inner)
        token = _current.set(inner)
        try:
            yield
        finally:
            _current.reset(token)
        # At the end of a transaction and on a roll-back PostgreSQL forgets what it was told by itself.
        if nested and not connection.needs_rollback:
            _tell_database(outer)


def _tell_database(words: Acting) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('faultreporter.actor_id', %s, true), set_config('faultreporter.source', %s, true),"
            " set_config('faultreporter.request_id', %s, true), set_config('faultreporter.ip', %s, true)",
            [words.actor_id, words.source, words.request_id, words.ip],
        )


def _actor_id(by: Principal | None) -> str:
    return "" if by is None or by.pk is None else str(UUID(str(by.pk)))


def _address(ip: str | None) -> str:
    """The address without its zone; empty for what isn't one, because the trigger would refuse the whole write."""
    try:
        return str(ip_address((ip or "").partition("%")[0]))
    except ValueError:
        return ""
