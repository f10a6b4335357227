"""Between the thread that talks to the broker and the one that stores: bounded, so that memory doesn't grow."""

import time
from collections import deque
from threading import Condition

from telemetry.mqtt.messages import Message


class Inbox:
    """Messages that wait to be stored. Full, it makes the broker wait: the thread that reads from it waits here."""

    LINGER_SECONDS, QUIET_SECONDS = 0.2, 0.01

    def __init__(self, *, most_bytes: int = 16_000_000) -> None:
        self.most_bytes = most_bytes
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._closed = False

    def put(self, message: Message) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < self.most_bytes or self._closed)
            self._waiting.append(message)
            self._bytes += len(message.payload)
            if len(self._waiting) == 1:
                self._changed.notify_all()

    def take(self, *, most: int, most_bytes: int, patience: float) -> list[Message]:
        """What waits, after at most `patience` seconds; while more is coming in, up to LINGER_SECONDS longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, patience)
        self._linger(most)
        taken: list[Message] = []
        with self._changed:
            size = 0
            while self._waiting and len(taken) < most and size < most_bytes:
                taken.append(self._waiting.popleft())
                size += len(taken[-1].payload)
            self._bytes -= size
            self._changed.notify_all()
        return taken

    def _linger(self, most: int) -> None:
        until = time.monotonic() + self.LINGER_SECONDS
        before = 0
        while before < len(self._waiting) < most and not self._closed and time.monotonic() < until:
            before = len(self._waiting)
            time.sleep(self.QUIET_SECONDS)

    def forget(self) -> None:
        """What the broker is about to deliver again."""
        with self._changed:
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody waits any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
