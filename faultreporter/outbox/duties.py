"""What a relay looks after beside its messages. It lives apart from the workers, so it notices when those don't."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread

import structlog
from django.db import connection

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to look after every so often. It must be safe to run in several relays at once."""

    name: str
    every: timedelta
    do: Callable[[], None]


registered: list[Duty] = []


def register(duty: Duty) -> None:
    """Apps call this in AppConfig.ready()."""
    registered.append(duty)


class Duties:
    """Runs each in a thread of its own: a mail server that doesn't answer must not hold up the messages."""

    def __init__(self, duties: Iterable[Duty] = ()) -> None:
        self._last = dict.fromkeys(duties, float("-inf"))
        self._running: dict[Duty, Thread] = {}

    def run_due(self) -> None:
        for duty, last in self._last.items():
            running = self._running.get(duty)
            if time.monotonic() - last >= duty.every.total_seconds() and not (running and running.is_alive()):
                self._last[duty] = time.monotonic()
                self._running[duty] = Thread(target=perform, args=[duty], name=duty.name, daemon=True)
                self._running[duty].start()


def perform(duty: Duty) -> None:
    try:
        duty.do()
    except Exception:  # a duty that fails is told and tried again; the relay lives on
        log.exception("a duty of the relay failed", duty=duty.name)
    finally:
        connection.close()
