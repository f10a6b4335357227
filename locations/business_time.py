"""Business hours as pure arithmetic: no database, no clock of its own.

One rule: **an instant is business time if the clock on the site's wall shows business hours then**, on a day that is
no holiday. Everything about daylight saving follows from it. Hours that the clock skips don't exist, hours that it
shows twice count twice, and a day around the clock has 23 or 25 hours when the clocks change. Spans are half-open:
08:00 to 17:00 holds 08:00 and not 17:00.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MINUTES_A_DAY = 24 * 60
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)
# Beyond this a promise is no promise: a calendar that is always shut would be searched for ever.
HORIZON = timedelta(days=3660)

Span = tuple[datetime, datetime]


class NeverOpen(ValueError):
    """So much business time doesn't come within ten years."""


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """A calendar ready for counting. `weekly` has for each weekday, Monday first, the minutes of the day it is open."""

    zone: ZoneInfo
    weekly: tuple[tuple[tuple[int, int], ...], ...]
    holidays: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def around_the_clock(cls, zone: ZoneInfo | None = None) -> Self:
        return cls(zone or ZoneInfo("UTC"), weekly=(((0, MINUTES_A_DAY),),) * 7)

    def is_holiday(self, day: date) -> bool:
        return day in self.holidays or (day.month, day.day) in self.yearly

    def is_open(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        hours = self.weekly[local.weekday()]
        return not self.is_holiday(local.date()) and any(start <= minute < end for start, end in hours)

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        """The business time of [start, end) as UTC spans in their order; neighbours are joined."""
        pending: Span | None = None
        for span in self.pieces(start, end):
            if pending and pending[1] == span[0]:
                pending = (pending[0], span[1])
                continue
            if pending:
                yield pending
            pending = span
        if pending:
            yield pending

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much business time is in [start, end); nothing if that is empty or turned round."""
        return total(self.spans(start, end))

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which `amount` of business time has passed since `start`."""
        return spend(self.pieces(start, start + HORIZON), amount, start=start)

    def pieces(self, start: datetime, end: datetime) -> Iterator[Span]:
        """The same, not joined: one stretch after the other in which the wall clock runs straight, a day at most."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        while start < end:
            stop = min(start + DAY, end)
            if self._offset(start) != self._offset(stop):
                stop = self._change_after(start, stop)
            yield from self._straight(start, stop)
            start = stop

    def _offset(self, at: datetime) -> timedelta:
        return at.astimezone(self.zone).utcoffset() or NOTHING

    def _change_after(self, start: datetime, stop: datetime) -> datetime:
        """The second from which on the wall clock is no longer as far from UTC as at `start`."""
        before, low, high = self._offset(start), 0, -(-(stop - start) // SECOND)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(start + middle * SECOND) == before else (low, middle)
        return min(whole_second(start + high * SECOND), stop)

    def _straight(self, start: datetime, stop: datetime) -> Iterator[Span]:
        offset = self._offset(start)
        first, last = (start + offset).replace(tzinfo=None), (stop + offset).replace(tzinfo=None)
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
        while midnight < last:
            for opens, closes in () if self.is_holiday(midnight.date()) else self.weekly[midnight.weekday()]:
                inside = (
                    max(first, midnight + timedelta(minutes=opens)),
                    min(last, midnight + timedelta(minutes=closes)),
                )
                if inside[0] < inside[1]:
                    yield inside[0].replace(tzinfo=UTC) - offset, inside[1].replace(tzinfo=UTC) - offset
            midnight += DAY

    def as_json(self) -> dict[str, Any]:
        """A copy to keep beside what was promised by it."""
        return {
            "time_zone": self.zone.key,
            "weekly": [[list(hours) for hours in day] for day in self.weekly],
            "holidays": sorted(day.isoformat() for day in self.holidays),
            "yearly": sorted([month, day] for month, day in self.yearly),
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        return cls(
            zone=ZoneInfo(kept["time_zone"]),
            weekly=tuple(tuple((opens, closes) for opens, closes in day) for day in kept["weekly"]),
            holidays=frozenset(date.fromisoformat(day) for day in kept["holidays"]),
            yearly=frozenset((month, day) for month, day in kept["yearly"]),
        )


def whole_second(at: datetime) -> datetime:
    """Clocks change on a whole second, wherever the search for it began."""
    return at.replace(microsecond=0)


def total(spans: Iterator[Span]) -> timedelta:
    return sum((end - start for start, end in spans), NOTHING)


def spend(spans: Iterator[Span], amount: timedelta, *, start: datetime) -> datetime:
    """The first instant by which `amount` of the spans' time has passed; `start` if it is nothing."""
    if amount <= NOTHING:
        return start
    for opens, closes in spans:
        if closes - opens >= amount:
            return opens + amount
        amount -= closes - opens
    raise NeverOpen


def without(spans: Iterator[Span], holes: Sequence[Span]) -> Iterator[Span]:
    """The spans less the holes. Both are in their order; holes may overlap each other."""
    for opens, end in spans:
        start = opens
        for hole_start, hole_end in holes:
            if hole_end <= start or hole_start >= end:
                continue
            if start < hole_start:
                yield start, hole_start
            start = max(start, hole_end)
        if start < end:
            yield start, end
