"""Counters such as running hours: how far one has come, whatever it did on the way. Pure, without a database."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Counter:
    """`total` only grows. It begins as what the counter shows, and goes on when that is replaced or starts again at 0.

    A single low value may be a broken reading: the counter was reset only if the next reading is low as well.
    """

    total: float
    last: float
    suspect: float | None = None

    def read(self, value: float) -> "Counter":
        if value >= self.last:
            return Counter(self.total + (value - self.last), value)
        if self.suspect is not None and value >= self.suspect:
            return Counter(self.total + value, value)
        return replace(self, suspect=value)


def next_threshold(due: float, *, interval: float, total: float) -> float:
    """The first multiple of the interval after `due` that hasn't been reached."""
    missed = max(0, int((total - due) // interval))
    return due + (missed + 1) * interval


def forecast(*, due: float, total: float, since_total: float, since: datetime, now: datetime) -> datetime | None:
    """When the counter will be there if it goes on as it did since `since`; None if that can't be said."""
    days = (now - since) / timedelta(days=1)
    grown = total - since_total
    if total >= due:
        return now
    if days < 1 or grown <= 0:
        return None
    wait = (due - total) / (grown / days)
    return now + timedelta(days=wait) if wait < 36_500 else None
