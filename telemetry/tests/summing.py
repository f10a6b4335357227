"""Readings and what they come to, summed up the plain way."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import pytest

from telemetry.store.storage import Readings, store, ticks_of

Stored = tuple[int, datetime, float]


class Sums(NamedTuple):
    """`sum` compares within rounding: adding up in another order gives other last digits."""

    n: int
    sum: object
    min: float
    max: float
    last: float
    last_at: datetime


def sums(readings: Iterable[Stored]) -> Sums:
    ordered = sorted(readings, key=lambda reading: reading[1])
    values = [value for _, _, value in ordered]
    tolerance = 1e-12 * math.fsum(map(abs, values)) + 1e-300
    total = pytest.approx(math.fsum(values), rel=0, abs=tolerance)
    return Sums(len(values), total, min(values), max(values), ordered[-1][2], ordered[-1][1])


def keep(readings: Sequence[Stored], *, at: datetime) -> None:
    """As ingest stores a batch that has been checked."""
    store(Readings.of((series, ticks_of(recorded_at), value) for series, recorded_at, value in readings), at=at)
