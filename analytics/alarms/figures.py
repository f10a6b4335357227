"""What alarms come to, after ANSI/ISA-18.2, IEC 62682 and EEMUA 191. Plain values in, plain values out.

An alarm *begins* when its alert is raised, and again when the condition comes back while the alert is still open. What
each figure means stands in docs/alarm-performance.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from analytics.reliability import local_midnight

FEW: Final = 20
"""A share or a median of fewer cases than this says little."""
FLOOD_WINDOW: Final = timedelta(minutes=10)
FLOOD_OVER: Final = 10
"""More begins than this within ten minutes are a flood (ISA-18.2 table of metrics, EEMUA 191)."""
CHATTER_WITHIN: Final = timedelta(hours=1)
CHATTER_BEGINS: Final = 3
FLEETING_WITHIN: Final = timedelta(minutes=10)
STANDING_AFTER: Final = timedelta(hours=24)
ACTORS: Final = 10
DAY: Final = timedelta(days=1)

# What the standards recommend.
ACCEPTABLE_PER_DAY: Final = 150
MANAGEABLE_PER_DAY: Final = 300
FLOOD_SHARE: Final = 0.01
ACTORS_SHARE: Final = 0.05
STANDING_AT_MOST: Final = 5
SEVERITY_SHARES: Final = {"LOW": 0.80, "MEDIUM": 0.15, "HIGH": 0.05, "CRITICAL": 0.01}
"""About; with four priorities the highest is to be less than 1 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`; nothing of nothing is no share."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def is_few(self) -> bool:
        return self.of < FEW


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 90th percentile in seconds of `count` durations; None without any."""

    count: int
    median_s: float | None
    p90_s: float | None

    @property
    def is_few(self) -> bool:
        return self.count < FEW


@dataclass(frozen=True, slots=True)
class Load:
    """What was counted of some alarms. Names as the statement has them; seconds are None where nothing was timed."""

    begins: int = 0
    alerts: int = 0
    in_storm: int = 0
    of_rules: int = 0
    alarms: int = 0
    recovered: int = 0
    fleeting: int = 0
    longest_fleeting_s: float | None = None
    chattering: int = 0
    chattering_alarms: int = 0
    chatter_gap_s: float | None = None
    judged: int = 0
    answered: int = 0
    unanswered: int = 0
    answer_median_s: float | None = None
    answer_p90_s: float | None = None
    resolved: int = 0
    false_alarms: int = 0
    resolve_median_s: float | None = None
    resolve_p90_s: float | None = None
    last_at: datetime | None = None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """From the statement's row, which may have further columns."""
        known = {field.name: row[field.name] for field in fields(cls)}
        last_at = known["last_at"]
        return cls(**known | {"last_at": last_at and datetime.fromisoformat(last_at).astimezone(UTC)})

    @property
    def self_cleared(self) -> Share:
        return Share(self.recovered, self.of_rules)

    @property
    def fleeting_share(self) -> Share:
        return Share(self.fleeting, self.of_rules)

    @property
    def chattering_share(self) -> Share:
        return Share(self.chattering, self.begins)

    @property
    def false_share(self) -> Share:
        return Share(self.false_alarms, self.resolved)

    @property
    def answered_share(self) -> Share:
        return Share(self.answered, self.judged)

    @property
    def to_acknowledge(self) -> Spread:
        return Spread(self.answered, self.answer_median_s, self.answer_p90_s)

    @property
    def to_resolve(self) -> Spread:
        return Spread(self.resolved, self.resolve_median_s, self.resolve_p90_s)


NOTHING: Final = Load()


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of a time zone, `first` and `last` included; `at` is now."""

    first: date
    last: date
    zone: ZoneInfo
    at: datetime

    @property
    def start(self) -> datetime:
        return local_midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        return local_midnight(self.last + DAY, self.zone)

    @property
    def known_until(self) -> datetime:
        """The end of the period, or now while it lasts; never before the start."""
        return max(self.start, min(self.end, self.at))

    @property
    def elapsed_days(self) -> float:
        """Of 24 hours."""
        return (self.known_until - self.start) / DAY

    @property
    def windows(self) -> int:
        """Windows of ten minutes that have begun. A day of any zone has a whole number of them."""
        return -((self.start - self.known_until) // FLOOD_WINDOW)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def before(self) -> "Period":
        """As many days, just before these."""
        length = self.last - self.first + DAY
        return Period(self.first - length, self.last - length, self.zone, self.at)

    def per_day(self, count: int) -> float | None:
        """None before it has begun."""
        return count / self.elapsed_days if self.elapsed_days else None


@dataclass(frozen=True, slots=True)
class DayLoad:
    """A day's begins, by severity; severities without one are 0."""

    day: date
    severities: Mapping[str, int]

    @property
    def begins(self) -> int:
        return sum(self.severities.values())


def by_day(days: Iterable[date], counted: Iterable[tuple[str, str, int]], severities: Sequence[str]) -> list[DayLoad]:
    """Each of the days, also those on which nothing began. `counted` are day, severity and number."""
    found = {(day, severity): number for day, severity, number in counted}
    return [DayLoad(day, {one: found.get((day.isoformat(), one), 0) for one in severities}) for day in days]


def pareto(counts: Sequence[int], total: int) -> list[tuple[Share, Share]]:
    """For each, the most frequent first: its share of the load, and that of it and those before it."""
    return [(Share(one, total), Share(so_far, total)) for one, so_far in zip(counts, accumulate(counts), strict=True)]
