"""Between workers and stream processes: two Redis streams.

Readings are a state. Whoever missed some is brought up to date by the latest values, so their stream is short and
packed: 20 bytes a reading, an entry a batch. What a reading is a reading of, the stream process knows by itself.
Alerts and orders are a log. Every entry counts, so theirs is long, and a client resumes at the entry it saw last.

Redis being down costs workers half a second once in five: whatever can't be sent is counted, told by the next sending
that succeeds, and shown at /metrics.
"""

import struct
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import redis
import structlog

from faultreporter.redis import connection

log = structlog.get_logger(__name__)

READINGS, NEWS, FAILURES = "live:readings", "live:news", "live:failures"
READINGS_KEPT = timedelta(minutes=2)
NEWS_KEPT = 10_000
"""Entries; of about 400 bytes each."""
PAUSE_AFTER_FAILURE = 5.0

PACKED = struct.Struct("<iqd")  # series, microseconds since 1970, value
EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

_unsent: Counter[str] = Counter()
_paused_until = 0.0


class Kind(StrEnum):
    """What a stream tells, by the names of its events."""

    READING = "reading"
    ALERT = "alert"
    WORK_ORDER = "work_order"
    ANALYSIS = "analysis"


class Reading(NamedTuple):
    series: int
    ticks: int
    value: float

    @classmethod
    def of(cls, series: int, recorded_at: datetime, value: float) -> "Reading":
        return cls(series, (recorded_at - EPOCH) // TICK, value)


def pack(readings: Iterable[Reading]) -> bytes:
    return b"".join(PACKED.pack(*reading) for reading in readings)


def unpack(packed: bytes) -> list[Reading]:
    return [Reading(*fields) for fields in PACKED.iter_unpack(packed)]


def send_readings(readings: list[Reading]) -> bool:
    """One entry with all of them; whether it could be sent."""
    oldest = int((time.time() - READINGS_KEPT.total_seconds()) * 1000)
    return _send(Kind.READING, READINGS, {"packed": pack(readings)}, minid=oldest)


def send_news(kind: Kind, *, equipment_id: UUID, data: bytes) -> bool:
    """One entry; whether it could be sent."""
    return _send(kind, NEWS, {"kind": kind.value, "equipment_id": str(equipment_id), "data": data}, maxlen=NEWS_KEPT)


def _send(kind: Kind, stream: str, fields: "dict[str, str | bytes]", **trim: int) -> bool:
    global _paused_until  # noqa: PLW0603 - one breaker per process
    if time.monotonic() < _paused_until:
        _unsent[kind.value] += 1
        return False
    pipeline = connection().pipeline(transaction=False)
    pipeline.xadd(stream, fields, approximate=True, **trim)  # type: ignore[arg-type]  # dict is invariant
    for name, count in _unsent.items():
        pipeline.hincrby(FAILURES, name, count)
    try:
        pipeline.execute()
    except redis.RedisError as error:
        _paused_until = time.monotonic() + PAUSE_AFTER_FAILURE
        _unsent[kind.value] += 1
        log.warning("live_unsent", kind=kind.value, error=type(error).__name__)
        return False
    _unsent.clear()
    return True


def failures() -> dict[str, int]:
    """What could not be sent so far, by kind. Raises RedisError."""
    found: dict[bytes, bytes] = connection().hgetall(FAILURES)  # type: ignore[assignment]  # the client isn't async
    return {name.decode(): int(count) for name, count in found.items()}
