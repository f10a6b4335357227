"""The arithmetic of alarm limits: from a series' readings, in order, to the moments an alarm begins and ends."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class StoredReading(NamedTuple):
    """A reading as it is stored: `value` in the metric's own unit."""

    recorded_at: datetime
    value: float


class Threshold(NamedTuple):
    """Fires beyond `trigger`, is over at `clear`. With `above`, beyond is greater and clear is at most trigger."""

    above: bool
    trigger: float
    clear: float

    def fires(self, value: float) -> bool:
        return value > self.trigger if self.above else value < self.trigger

    def is_over(self, value: float) -> bool:
        return value <= self.clear if self.above else value >= self.clear


class Crossing(NamedTuple):
    """The reading that began an episode (`firing`) or ended it."""

    reading: StoredReading
    firing: bool


def judge(threshold: Threshold, readings: Iterable[StoredReading], *, firing: bool) -> list[Crossing]:
    """Every change of state the readings bring, oldest first; `firing` is the state before them."""
    crossings = []
    for reading in readings:
        if threshold.is_over(reading.value) if firing else threshold.fires(reading.value):
            firing = not firing
            crossings.append(Crossing(reading, firing))
    return crossings
