"""The interval engine: from a machine's down intervals to its reliability numbers. Pure functions, no database.

Times are aware datetimes and intervals half-open, [start, end). Hours are elapsed hours, so a quarter with a change of
the clocks is an hour shorter or longer. Definitions follow the SMRP Best Practices: 3.5.1 mean time between failures,
3.5.2 mean time to repair or replace. Every instant of the observed window is exactly one of, the worst first:
unplanned down, planned down, standby (not required), operating; as the status shown on the machine is.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
STILL_OPEN = datetime.max.replace(tzinfo=UTC)

# With no failure in T operating hours, MTBF is at least T / −ln(1 − 0.9) with 90 % confidence (one-sided, exponential).
LOWER_90_DIVISOR = -math.log(0.1)


class Loss(StrEnum):
    """What a down interval takes from the machine's time."""

    UNPLANNED = "UNPLANNED"
    PLANNED = "PLANNED"
    STANDBY = "STANDBY"
    NOTHING = "NOTHING"


LOSS_OF_STATUS = {"ERROR": Loss.UNPLANNED, "MAINTENANCE": Loss.PLANNED, "OFFLINE": Loss.STANDBY}

# Why an interval is no failure. A machine without mains or water was not required to run (EN 13306: external disabled
# state); one that was never really down, or whose failure stands under another interval, lost nothing here.
LOSS_OF_EXCLUSION = {
    "EXTERNAL_SUPPLY": Loss.STANDBY,
    "FALSE_ALARM": Loss.NOTHING,
    "CANCELLED": Loss.NOTHING,
    "DUPLICATE": Loss.NOTHING,
}


def loss_of(status: str, exclusion_reason: str) -> Loss:
    """What an entry of the status log takes; an ERROR that turns out to have been planned is planned down time."""
    if exclusion_reason == "PLANNED" and status == "ERROR":
        return Loss.PLANNED
    return LOSS_OF_EXCLUSION.get(exclusion_reason, LOSS_OF_STATUS[status])


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time, [start, end)."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return max(self.end - self.start, timedelta())

    @property
    def hours(self) -> float:
        return self.length / HOUR

    def contains(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class DownInterval:
    """One entry of a machine's status log; `end` None while it lasts."""

    start: datetime
    end: datetime | None
    loss: Loss
    counts_as_failure: bool = True
    key: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """Unplanned down time without a gap: overlapping and touching intervals, merged once.

    `end` is STILL_OPEN while it lasts, `keys` names the intervals it was merged from.
    """

    start: datetime
    end: datetime
    counts_as_failure: bool
    keys: tuple[str, ...]

    @property
    def ended_at(self) -> datetime | None:
        return None if self.end == STILL_OPEN else self.end

    @property
    def hours(self) -> float | None:
        """Its full length; None while it lasts."""
        return None if self.ended_at is None else (self.end - self.start) / HOUR


@dataclass(frozen=True)
class Measurement:
    """What a status log comes to in one period: the figures, and the stretches and episodes behind each of them."""

    window: Span
    unplanned: list[Span]
    planned: list[Span]
    standby: list[Span]
    failures: list[Episode]
    restorations: list[Episode]
    open_repairs: list[Episode]

    @cached_property
    def unplanned_down(self) -> timedelta:
        return total(self.unplanned)

    @cached_property
    def required(self) -> timedelta:
        """The window without standby."""
        return self.window.length - total(self.standby)

    @cached_property
    def operating(self) -> timedelta:
        """Required and not down, planned or unplanned."""
        return self.required - self.unplanned_down - total(self.planned)

    @property
    def unplanned_down_hours(self) -> float:
        return self.unplanned_down / HOUR

    @property
    def planned_down_hours(self) -> float:
        return total(self.planned) / HOUR

    @property
    def standby_hours(self) -> float:
        return total(self.standby) / HOUR

    @property
    def required_hours(self) -> float:
        return self.required / HOUR

    @property
    def operating_hours(self) -> float:
        return self.operating / HOUR

    @property
    def mtbf_hours(self) -> float | None:
        """Operating hours per failure (SMRP 3.5.1); None without a failure, never infinite."""
        return self.operating_hours / len(self.failures) if self.failures else None

    @property
    def mtbf_lower_90_hours(self) -> float | None:
        """Without a failure: the one-sided 90 % lower bound T / −ln(0.1) of MTBF after T operating hours."""
        return None if self.failures or not self.operating else self.operating_hours / LOWER_90_DIVISOR

    @property
    def mttr_hours(self) -> float | None:
        """Mean full length of the restorations completed in the period (SMRP 3.5.2); None without one."""
        lengths = [episode.end - episode.start for episode in self.restorations]
        return sum(lengths, timedelta()) / HOUR / len(lengths) if lengths else None

    @property
    def availability(self) -> float | None:
        """1 − unplanned down / required time, 0 to 1; None where nothing was required."""
        return 1 - self.unplanned_down / self.required if self.required else None

    @property
    def open_hours_so_far(self) -> float:
        """Hours the open repairs have lasted until the end of the window, each from its own start."""
        return sum((self.window.end - episode.start for episode in self.open_repairs), timedelta()) / HOUR


def quarter_span(year: int, quarter: int, zone: ZoneInfo) -> Span:
    """The quarter from local midnight to local midnight, in UTC."""
    first, following = date(year, 3 * quarter - 2, 1), date(year + quarter // 4, 3 * quarter % 12 + 1, 1)
    return Span(local_midnight(first, zone), local_midnight(following, zone))


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def quarter_of(moment: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Year and quarter a moment falls in at the site."""
    local = moment.astimezone(zone)
    return local.year, (local.month + 2) // 3


def quarter_before(year: int, quarter: int) -> tuple[int, int]:
    return (year, quarter - 1) if quarter > 1 else (year - 1, 4)


def quarter_after(year: int, quarter: int) -> tuple[int, int]:
    return (year, quarter + 1) if quarter < 4 else (year + 1, 1)


def union(spans: Iterable[Span]) -> list[Span]:
    """Sorted, disjoint spans that cover the same instants; empty ones vanish, touching ones become one."""
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def clip(spans: Iterable[Span], window: Span) -> list[Span]:
    """What of the spans lies in the window."""
    inside = (Span(max(span.start, window.start), min(span.end, window.end)) for span in spans)
    return [span for span in inside if span.start < span.end]


def subtract(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What of the spans no hole covers. Both sorted and disjoint, as `union` leaves them."""
    ends = [hole.end for hole in holes]
    return [piece for span in spans for piece in _pieces(span, holes, bisect_right(ends, span.start))]


def _pieces(span: Span, holes: Sequence[Span], first: int) -> Iterator[Span]:
    start = span.start
    for hole in holes[first:]:
        if hole.start >= span.end:
            break
        if start < hole.start:
            yield Span(start, hole.start)
        start = hole.end
    if start < span.end:
        yield Span(start, span.end)


def total(spans: Iterable[Span]) -> timedelta:
    return sum((span.length for span in spans), timedelta())


def episodes(intervals: Iterable[DownInterval]) -> list[Episode]:
    """The unplanned intervals, merged where they overlap or touch; counted as a failure if any of them counts.

    One that ended in the moment it began stays: it happened, though it took no time.
    """
    merged: list[Episode] = []
    unplanned = (interval for interval in intervals if interval.loss is Loss.UNPLANNED)
    for interval in sorted(unplanned, key=lambda one: (one.start, one.end or STILL_OPEN, one.key)):
        end = interval.end or STILL_OPEN
        if merged and interval.start <= merged[-1].end:
            last = merged[-1]
            counts = last.counts_as_failure or interval.counts_as_failure
            merged[-1] = Episode(last.start, max(last.end, end), counts, (*last.keys, interval.key))
        else:
            merged.append(Episode(interval.start, end, interval.counts_as_failure, (interval.key,)))
    return merged


def in_service(period: Span, *, since: datetime | None = None, retired: datetime | None = None) -> Span:
    """The part of the period the machine was in service; empty (of length 0) when it wasn't."""
    start = max(period.start, since or period.start)
    return Span(start, max(start, min(period.end, retired or period.end)))


def measure(intervals: Iterable[DownInterval], *, service: Span, as_of: datetime) -> Measurement:
    """The numbers of one machine in the part of a period it was in service, as known at `as_of`.

    `intervals` are whole, not clipped to the period: a repair is counted in its full length in the period in which
    it is completed, and a failure in the period in which it starts. What happens after `as_of` isn't known yet, and
    a repair still going on at the end of the window is an open one, also when it has ended since.
    """
    known = [interval for interval in intervals if interval.start <= as_of]
    window = Span(service.start, max(service.start, min(service.end, as_of)))
    logged: dict[Loss, list[Span]] = {loss: [] for loss in Loss}
    for one in known:
        logged[one.loss].append(Span(one.start, one.end or STILL_OPEN))
    unplanned, planned, standby = (
        clip(union(logged[loss]), window) for loss in (Loss.UNPLANNED, Loss.PLANNED, Loss.STANDBY)
    )
    repairs = [one for one in episodes(known) if one.end >= window.start and one.start < service.end]
    if not window.length:
        repairs = []
    restored = [one for one in repairs if service.contains(one.end) and one.end <= as_of]
    return Measurement(
        window=window,
        unplanned=unplanned,
        planned=subtract(planned, unplanned),
        standby=subtract(standby, union([*unplanned, *planned])),
        failures=[one for one in repairs if one.counts_as_failure and service.contains(one.start)],
        restorations=restored,
        open_repairs=[one for one in repairs if one not in restored],
    )
