"""The relay: carries committed outbox messages to the broker, in order, and never loses one.

A message is marked as published in the transaction that holds its lock, after the broker took it. A crash in between
sends it again, with the same task id. While the broker is down the rows stay as they are.
"""

import time
from collections.abc import Callable, Iterable
from datetime import datetime

import psycopg
import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from psycopg_pool import PoolTimeout

from faultreporter.outbox import heartbeat
from faultreporter.outbox.broker import UNREACHABLE, UNSENDABLE, send
from faultreporter.outbox.duties import Duties, Duty
from faultreporter.outbox.models import OutboxMessage

log = structlog.get_logger(__name__)

BATCH = 100
POLL_SECONDS = 1.0  # finds what a lost notification, or `available_at`, made due
LONGEST_PAUSE = 5.0
HEARTBEAT_SECONDS = 5.0
DATABASE_DOWN = (OperationalError, InterfaceError, psycopg.OperationalError, PoolTimeout)

Send = Callable[[OutboxMessage], None]


def relay_batch(*, at: datetime, send: Send = send, limit: int = BATCH) -> int:
    """Send what is due at `at` and say how many were. Several relays share the work: each takes rows nobody holds.

    Raises one of `UNREACHABLE` when the broker doesn't take a message; those it took before stay published.
    """
    unreachable: Exception | None = None
    with transaction.atomic():
        taken = OutboxMessage.objects.due(at).order_by("id").select_for_update(skip_locked=True)[:limit]
        sent: list[int] = []
        for message in taken:
            try:
                send(message)
            except UNREACHABLE as error:
                unreachable = error
                break
            except UNSENDABLE as error:
                message.postpone(at=at, error=error)
                log.exception("outbox message can't be sent", message=message.pk, task=message.task)
            else:
                sent.append(message.pk)
        OutboxMessage.objects.mark_published(sent, at=at)
    if unreachable:
        raise unreachable
    return len(sent)


class Relay:
    """The endless loop around `relay_batch`: woken by NOTIFY, patient with a database or a broker that is away."""

    def __init__(self, *, send: Send = send, duties: Iterable[Duty] = ()) -> None:
        self._send = send
        self._duties = Duties(duties)
        self._stopping = False
        self._failures = 0
        self._heard_on: object = None
        self._last_heartbeat = 0.0

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        while not self._stopping:
            try:
                self._listen()
                self._duties.run_due()  # first: a broker that is away ends the round
                self._drain()
                self._failures = 0
                self._heartbeat()
                self._wait_for_news()
            except DATABASE_DOWN as error:
                connection.close()
                self._pause("database", error)
            except UNREACHABLE as error:
                self._pause("broker", error)
        connection.close()

    def _listen(self) -> None:
        """LISTEN belongs to a connection: say it again on every new one."""
        connection.ensure_connection()
        if self._heard_on is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute("LISTEN outbox")
            self._heard_on = connection.connection

    def _drain(self) -> None:
        while not self._stopping and relay_batch(at=timezone.now(), send=self._send):
            self._heartbeat()

    def _wait_for_news(self) -> None:
        for _news in connection.connection.notifies(timeout=POLL_SECONDS, stop_after=1):
            pass

    def _pause(self, what: str, error: Exception) -> None:
        self._failures += 1
        seconds = min(LONGEST_PAUSE, 0.25 * 2 ** min(self._failures, 10))
        log.warning("relay waits", down=what, error=type(error).__name__, retry_in=seconds)
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(0.1)

    def _heartbeat(self) -> None:
        if time.monotonic() - self._last_heartbeat < HEARTBEAT_SECONDS:
            return
        self._last_heartbeat = time.monotonic()
        heartbeat.beat(at=timezone.now())
