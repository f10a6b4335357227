"""Batches are refused for a while before they could drown the machine: a gateway keeps them and sends again.

Nothing waits here. The API has few threads, so only some of them may store readings at the same time; and while the
journal of what is to be rolled up is too long or too old, more readings would only make it longer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from prometheus_client import Counter

from faultreporter.errors import DomainError

LOOKED_AT_EVERY = timedelta(seconds=1)
BUSY_RETRY_AFTER = 1
BACKLOG_RETRY_AFTER = 30
REFUSED = Counter("ingest_refused_total", "Batches of readings refused with 429", ["reason"])

# Numbers are given in order and rolled up in order, so the first and the last say how many there are, without counting.
BACKLOG_SQL = """
SELECT COALESCE(max(id) - min(id) + 1, 0), (SELECT received_at FROM iot_arrivals ORDER BY id LIMIT 1)
FROM iot_arrivals"""


class IngestOverloaded(DomainError):
    """Too many batches at once, or too much waits to be rolled up; the same batch may be sent again later."""

    code = "INGEST_OVERLOADED"
    http_status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, meta={"retry_after": retry_after})
        self.retry_after = retry_after


class Gate:
    """One a process: how many batches are inside, and what the backlog was when it was last looked at."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.inside = 0
        self.looked_at: datetime | None = None
        self.is_behind = False

    @contextmanager
    def batch(self, *, at: datetime) -> Iterator[None]:
        """Around the storing of one batch; raises IngestOverloaded if it may not be stored now."""
        with self.lock:
            busy = self.inside >= settings.INGEST_BATCHES_PER_PROCESS
            self.inside += not busy
        if busy:
            REFUSED.labels("busy").inc()
            raise IngestOverloaded(_("Too many batches at once; send this one again."), retry_after=BUSY_RETRY_AFTER)
        try:
            self.look_at_backlog(at)
            yield
        finally:
            with self.lock:
                self.inside -= 1

    def look_at_backlog(self, at: datetime) -> None:
        if self.looked_at is None or abs(at - self.looked_at) >= LOOKED_AT_EVERY:
            self.looked_at, self.is_behind = at, too_far_behind(at)
        if self.is_behind:
            REFUSED.labels("backlog").inc()
            message = _("Readings arrive faster than they are worked through; send this batch again later.")
            raise IngestOverloaded(message, retry_after=BACKLOG_RETRY_AFTER)


def too_far_behind(at: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(BACKLOG_SQL)
        batches, oldest_at = cursor.fetchone()
    old = oldest_at is not None and at - oldest_at > timedelta(seconds=settings.INGEST_BACKLOG_SECONDS)
    return bool(old or batches > settings.INGEST_BACKLOG_BATCHES)


gate = Gate()
