"""A stream as it is written to one client: text/event-stream."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from django.http import StreamingHttpResponse

from faultreporter.api.renderers import timestamp, to_json
from faultreporter.errors import DomainError
from faultreporter.live import metrics
from faultreporter.live.bus import Kind
from faultreporter.live.hub import DATABASE_DOWN, Hub, hub
from faultreporter.live.listener import RETRY_MS, Listener, event, readings_event
from faultreporter.live.position import Position

PING_EVERY = 15.0
FLUSH_EVERY = 0.25
LOCATED_WITHIN = 2.0
READINGS_PER_EVENT = 500
NEWS_PER_CHUNK = 100
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


class EventStream(StreamingHttpResponse):
    """The answer that goes on until the client leaves, its right ends, or the process does."""

    def __init__(self, listener: Listener, *, resume: str) -> None:
        super().__init__(content_type="text/event-stream", headers=HEADERS)
        self.is_async = True
        self.listener, self.resume = listener, resume

    def __aiter__(self) -> AsyncIterator[bytes]:
        return events(hub(), self.listener, resume=self.resume)


async def events(source: Hub, listener: Listener, *, resume: str) -> AsyncIterator[bytes]:
    """First where it begins and what it missed, then what happens."""
    if not source.tasks:
        source.start()
    await located(source)
    try:
        source.join(listener)
    except DomainError as error:
        yield farewell(error)
        return
    try:
        async for chunk in opening(source, listener, source.position, resume=resume):
            yield chunk
        async for chunk in happening(listener):
            yield chunk
    finally:
        source.leave(listener)


async def opening(source: Hub, listener: Listener, joined_at: Position | None, *, resume: str) -> AsyncIterator[bytes]:
    """To somebody who comes back the news since, or that they can't be had; then the latest readings."""
    missed: list[bytes] | None = []
    if resume:
        try:
            missed = await source.missed(listener, since=Position.parse(resume), until=joined_at)
        except (ValueError, *DATABASE_DOWN):
            missed = None
    here = str(joined_at or "")
    yield f"retry: {RETRY_MS}\n".encode() + ping(position=resume if missed else here)
    if missed is None:
        yield reset("UNKNOWN_POSITION", position=here)
    for part in batched(missed or [], NEWS_PER_CHUNK):
        metrics.EVENTS.labels("news").inc(len(part))
        yield b"".join(part)
    if Kind.READING in listener.audience.kinds:
        async for chunk in snapshot(source, listener):
            yield chunk


def batched(items: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    return [items[number : number + size] for number in range(0, len(items), size)]


async def located(source: Hub) -> None:
    """While Redis is away a stream begins all the same, with the latest readings."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOCATED_WITHIN):
            await source.located.wait()


async def snapshot(source: Hub, listener: Listener) -> AsyncIterator[bytes]:
    try:
        latest = await source.latest(listener)
    except DATABASE_DOWN:
        return  # what arrives from now on is shown; nothing older can be
    for part in batched(latest, READINGS_PER_EVENT) or [()]:
        metrics.READINGS.inc(len(part))
        yield readings_event(part, snapshot=True)


async def happening(listener: Listener) -> AsyncIterator[bytes]:
    """At most a few times a second, so that a busy machine costs a screen no more than a quiet one."""
    pinged = time.monotonic()
    while True:
        try:
            # Not wait_for: until Python 3.12 it loses the cancellation that comes together with what it waits for.
            async with asyncio.timeout(max(0.0, pinged + PING_EVERY - time.monotonic())):
                await listener.wake.wait()
        except TimeoutError:
            pinged = time.monotonic()
            yield ping()
            continue
        if chunk := taken(listener):
            yield chunk
        if listener.ended:
            yield farewell(listener.ended)
            return
        await asyncio.sleep(FLUSH_EVERY)


def taken(listener: Listener) -> bytes:
    resets, listener.resets = listener.resets, None
    news, readings = listener.take()
    metrics.EVENTS.labels("news").inc(len(news))
    chunks = [reset(*resets)] if resets else []
    chunks += news
    if readings:
        metrics.EVENTS.labels(Kind.READING.value).inc()
        metrics.READINGS.inc(len(readings))
        chunks.append(readings_event(readings.values()))
    return b"".join(chunks)


def ping(*, position: str = "") -> bytes:
    return event("ping", to_json({"at": timestamp()}), position=position)


def reset(reason: str, position: str) -> bytes:
    metrics.EVENTS.labels("reset").inc()
    return event("reset", to_json({"reason": reason}), position=position)


def farewell(error: DomainError) -> bytes:
    """Why it ends, in the words of the API's errors."""
    metrics.ENDED.labels(error.code).inc()
    said = {"code": error.code, "message": error.message, "meta": error.meta}
    return event("end", to_json(said))
