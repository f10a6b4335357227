"""One open stream as the hub sees it: what has happened since it was last written to, never more than fits."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from uuid import UUID

from faultreporter.errors import DomainError
from faultreporter.live import metrics
from faultreporter.live.audience import Audience
from faultreporter.live.bus import Kind

MAX_NEWS = 200
RETRY_MS = 3000

Recheck = Callable[[], Audience]
"""Who this is and what they may see, found out anew; raises a DomainError when the stream is to end."""


def event(name: str, data: bytes, *, position: str = "") -> bytes:
    """One event of the stream; JSON has no line breaks."""
    head = f"id: {position}\nevent: {name}\n" if position else f"event: {name}\n"
    return head.encode() + b"data: " + data + b"\n\n"


def readings_event(fragments: Iterable[bytes], *, snapshot: bool = False) -> bytes:
    said = b'"snapshot":true,' if snapshot else b""
    return event(Kind.READING, b"{" + said + b'"readings":[' + b",".join(fragments) + b"]}")


class Listener:
    """The latest reading of each series and the news in their order, until the stream takes them."""

    __slots__ = (
        "audience", "checked_at", "ended", "news", "readings", "recheck", "resets", "user_id", "wake",
    )  # fmt: skip

    def __init__(self, *, user_id: UUID, audience: Audience, recheck: Recheck) -> None:
        self.user_id = user_id
        self.audience = audience
        self.recheck = recheck
        self.checked_at = 0.0
        self.readings: dict[int, bytes] = {}
        self.news: deque[bytes] = deque()
        self.resets: tuple[str, str] | None = None
        self.ended: DomainError | None = None
        self.wake = asyncio.Event()

    def offer(self, series: int, fragment: bytes) -> None:
        if series in self.readings:
            metrics.SUPERSEDED.inc()
        self.readings[series] = fragment
        self.wake.set()

    def tell(self, news: bytes) -> bool:
        """Whether there was room for it."""
        if len(self.news) >= MAX_NEWS:
            return False
        self.news.append(news)
        self.wake.set()
        return True

    def reset(self, reason: str, *, position: str) -> None:
        """News up to `position` were lost to it: it is told so, and reads the lists anew."""
        self.news.clear()
        self.resets = reason, position
        self.wake.set()

    def end(self, error: DomainError) -> None:
        self.ended = error
        self.wake.set()

    def take(self) -> tuple[list[bytes], dict[int, bytes]]:
        """What has come together, which is no longer kept here."""
        news, self.news = list(self.news), deque()
        readings, self.readings = self.readings, {}
        self.wake.clear()
        return news, readings
