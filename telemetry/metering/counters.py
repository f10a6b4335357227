"""From what a meter's dial showed to what was used, bucket by bucket. Pure, without a database.

All values of one call are in one unit; amounts come out in the same unit. The rules, in the order they are asked:

1. Between two neighbouring readings the difference was used, if it isn't negative and not faster than the meter can be.
2. At an exchange of the meter the person who wrote down both dials is believed: up to it the old dial ran to its final
   reading, from it the new one runs from its initial reading.
3. If leaving out one single reading makes the dial run on as it should, that reading was bad and is left out.
4. A dial that was in the last tenth of its range and is in the first tenth now has rolled over.
5. A dial that shows at most a tenth of what it showed began again at zero: what it shows was used since. That is an
   estimate: what was used between the last reading and the reset is lost. (Prometheus' increase() reads every fall this
   way; a meter that falls to half of its reading would then have "used" that half within minutes.)
6. Any other step says nothing: nothing is counted and its time isn't covered.

The newest reading counts only once another confirms it, if it doesn't run on from the one before.

A step that spans an edge between buckets is shared in proportion to time, and the shares are called estimated.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from math import inf
from typing import NamedTuple
from zoneinfo import ZoneInfo

UTC_ZONE = ZoneInfo("UTC")
HOUR = timedelta(hours=1)
NOTHING = timedelta(0)
NEAR_ZERO = 0.1
LAST_TENTH = 0.9


class Dial(NamedTuple):
    """What the counter showed at a moment.

    `smooth`: readings between the one before and this one were left out, all of them rising and none further apart
    than the stated gap, so that the whole span counts as covered.
    """

    at: datetime
    value: float
    smooth: bool = False


class Exchange(NamedTuple):
    """A meter was replaced: what the old one showed last and the new one first. From `at` on, the new one is read."""

    at: datetime
    final: float
    initial: float


@dataclass(frozen=True, slots=True)
class Register:
    """What is known about a dial.

    `rolls_over_at` is the value at which it begins again at zero: 100,000,000 with eight digits, 2**32 with 32 bits.
    `max_per_hour` is what it can count in an hour at most. `max_gap` is how far apart readings may be that cover the
    time between them.
    """

    max_gap: timedelta
    rolls_over_at: float | None = None
    max_per_hour: float = inf

    def allows(self, amount: float, span: timedelta) -> bool:
        return amount >= 0 and (self.max_per_hour == inf or amount <= self.max_per_hour * (span / HOUR))

    def follows(self, before: Dial, after: Dial) -> bool:
        return self.allows(after.value - before.value, after.at - before.at)


class Kind(StrEnum):
    COUNTED = "COUNTED"
    ROLLED_OVER = "ROLLED_OVER"
    RESET = "RESET"
    UNKNOWN = "UNKNOWN"


class Step(NamedTuple):
    """What was used between two readings that count."""

    start: datetime
    end: datetime
    amount: float
    kind: Kind
    covered: bool

    @property
    def span(self) -> timedelta:
        return self.end - self.start


@dataclass(slots=True)
class Use:
    """What was used from `start` to `end`. `amount` is None where no reading says anything; that isn't zero.

    `estimated` is the part of it that was shared out over an edge or counted after a reset. `coverage` is the share of
    the time that lies between readings no further apart than the stated gap, 0 to 1.
    """

    start: datetime
    end: datetime
    amount: float | None = None
    estimated: float = 0.0
    covered: timedelta = NOTHING

    @property
    def coverage(self) -> float:
        return self.covered / (self.end - self.start)

    @property
    def estimated_share(self) -> float:
        return self.estimated / self.amount if self.amount else 0.0


def uses(
    dials: Sequence[Dial], edges: Sequence[datetime], register: Register, exchanges: Sequence[Exchange] = ()
) -> list[Use]:
    """What was used between each edge and the next. `dials` and `edges` ascend; readings outside help at the ends."""
    found = [Use(start, end) for start, end in pairwise(edges)]
    for step in steps_of(dials, register, exchanges):
        first = max(bisect_right(edges, step.start) - 1, 0)
        for place in range(first, bisect_left(edges, step.end, hi=len(found))):
            share_out(step, found[place])
    return found


def share_out(step: Step, use: Use) -> None:
    """Adds what of the step falls between the edges of `use`."""
    inside = min(step.end, use.end) - max(step.start, use.start)
    if inside <= NOTHING:
        return
    if step.covered:
        use.covered += inside
    if step.kind is Kind.UNKNOWN:
        return
    whole = inside == step.span
    amount = step.amount if whole else step.amount * (inside / step.span)
    use.amount = (use.amount or 0.0) + amount
    if not whole or step.kind is Kind.RESET:
        use.estimated += amount


def steps_of(dials: Sequence[Dial], register: Register, exchanges: Sequence[Exchange] = ()) -> Iterator[Step]:
    """The steps between the readings that count, in the order of time; an exchange takes no time."""
    rest, opened = list(dials), None
    for exchange in sorted(exchanges):
        cut = bisect_right(rest, exchange.at - timedelta.resolution, key=lambda dial: dial.at)
        own = rest[:cut]
        if opened or own:  # nothing was read before: the exchange says nothing about a use
            yield from steps_of_one([*opened_by(opened), *own, Dial(exchange.at, exchange.final)], register)
        rest, opened = rest[cut:], Dial(exchange.at, exchange.initial)
    if rest:
        yield from steps_of_one([*opened_by(opened), replace_smooth(rest[0], opened), *rest[1:]], register)


def opened_by(dial: Dial | None) -> list[Dial]:
    return [dial] if dial else []


def replace_smooth(dial: Dial, opened: Dial | None) -> Dial:
    """The first reading of a new meter isn't joined to the old one's."""
    return dial._replace(smooth=False) if opened else dial


@dataclass(frozen=True, slots=True)
class Kept:
    """A reading that counts, and how the dial came to it from the one kept before."""

    dial: Dial
    amount: float = 0.0
    kind: Kind = Kind.COUNTED
    covered: bool = False


def steps_of_one(dials: Sequence[Dial], register: Register) -> Iterator[Step]:
    """The steps of one meter that wasn't replaced meanwhile."""
    kept = [Kept(dials[0])]
    for place in range(1, len(dials)):
        dial, last = dials[place], kept[-1].dial
        following = dials[place + 1] if place + 1 < len(dials) else None
        if register.follows(last, dial):
            joined = dial.smooth and last is dials[place - 1]
            kept.append(counted(last, dial, register, joined=joined))
        elif following is None or register.follows(last, following):
            continue  # a single bad reading, or one that the next has still to confirm
        elif len(kept) > 1 and kept[-1].kind is Kind.COUNTED and register.follows(kept[-2].dial, dial):
            kept[-1] = counted(kept[-2].dial, dial, register)  # the one before was the bad one
        else:
            kept.append(replace(begun_again(last, dial, register), dial=dial))
    for before, after in pairwise(kept):
        yield Step(before.dial.at, after.dial.at, after.amount, after.kind, after.covered)


def counted(last: Dial, dial: Dial, register: Register, *, joined: bool = False) -> Kept:
    covered = joined or dial.at - last.at <= register.max_gap
    return Kept(dial, dial.value - last.value, Kind.COUNTED, covered)


def begun_again(last: Dial, dial: Dial, register: Register) -> Kept:
    """Rolled over, reset, or nothing that can be told."""
    span, size = dial.at - last.at, register.rolls_over_at
    covered = span <= register.max_gap
    if size and last.value >= LAST_TENTH * size and dial.value <= (1 - LAST_TENTH) * size:
        wrapped = size - last.value + dial.value
        if register.allows(wrapped, span):
            return Kept(dial, wrapped, Kind.ROLLED_OVER, covered)
    if 0 <= dial.value <= NEAR_ZERO * last.value and register.allows(dial.value, span):
        return Kept(dial, dial.value, Kind.RESET, covered)
    return Kept(dial, 0.0, Kind.UNKNOWN, covered=False)


class Bucket(StrEnum):
    """How long a bucket is: an hour, a day or a month of a time zone."""

    HOUR = "1h"
    DAY = "1d"
    MONTH = "1mo"


def edges_of(since: datetime, until: datetime, bucket: Bucket, zone: ZoneInfo) -> Iterator[datetime]:
    """The edges of all buckets from `since` to `until`; the first and the last bucket are cut there. In UTC.

    A day has 23 or 25 hours when the clocks change.
    """
    edge = since
    while edge < until:
        yield edge.astimezone(UTC_ZONE)
        edge = next_edge(edge, bucket, zone)
    if since < until:
        yield until.astimezone(UTC_ZONE)


def next_edge(at: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    """The first edge after a moment."""
    local = at.astimezone(zone)
    if bucket is Bucket.HOUR:
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return (at.astimezone(UTC_ZONE) - into) + HOUR
    if bucket is Bucket.DAY:
        return midnight(local.date() + timedelta(days=1), zone)
    in_next_month = local.date().replace(day=1) + timedelta(days=32)
    return midnight(in_next_month.replace(day=1), zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC_ZONE)
