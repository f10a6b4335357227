"""`Prefer: wait=N` (RFC 7240): hold the answer back until the analysis is done, without holding up the house.

The API runs on few threads, so at most one of a process waits at a time; whoever comes meanwhile gets the 202 at once.
"""

import re
import threading
import time
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from aiassist.models import Analysis

LONGEST_WAIT: Final = 25.0
FIRST_LOOK: Final = 0.04
LONGEST_PAUSE: Final = 0.5
WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)

seat = threading.BoundedSemaphore(1)


def preferred_wait(header: str) -> float:
    """The seconds a caller is ready to wait, at most LONGEST_WAIT; 0 for who said nothing sensible."""
    match = WAIT.search(header)
    return min(float(match[1]), LONGEST_WAIT) if match else 0.0


def finished_within(analysis_id: UUID, seconds: float) -> bool:
    """Whether the analysis is finished before the time is up. False at once if another thread waits already."""
    if seconds <= 0 or not seat.acquire(blocking=False):
        return False
    rows = Analysis.objects.filter(pk=analysis_id)
    try:
        rows.unfinished().update(awaited_until=timezone.now() + timedelta(seconds=seconds))
        if looked_until(analysis_id, time.monotonic() + seconds):
            return True
        # From here on a worker tells whoever asked; what one finished just before is still an answer to this request.
        rows.unfinished().update(awaited_until=None)
        return rows.finished().exists()
    finally:
        seat.release()


def looked_until(analysis_id: UUID, end: float) -> bool:
    pause = FIRST_LOOK
    while not Analysis.objects.filter(pk=analysis_id).finished().exists():
        left = end - time.monotonic()
        if left <= 0:
            return False
        give_connection_back()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return True


def give_connection_back() -> None:
    """While nothing is asked, others may have this thread's place in the pool."""
    if not connection.in_atomic_block:
        connection.close()
