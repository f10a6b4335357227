"""Whether what a person typed can be right: what a dial or a gauge may show at a moment. Pure, without a database.

Typing errors are a digit too many, a digit too few, two that changed places. So a value is doubted when it is outside
of these limits, and taken all the same if the person says that it is right:

- A counter lies between the readings before and after it, for it only grows, and moves no faster than the meter can
  count. An exchange that was recorded between two readings begins a new dial; one that rolls over may begin again.
- A gauge lies within three times its usual spread beyond what it usually shows. Usual is what lies between the 1st
  percentile of its hours' lowest values and the 99th of their highest; the spread is the distance of the two, but at
  least a tenth of the larger. A gauge that has shown only zeros says nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from math import inf, isfinite
from typing import NamedTuple

from telemetry.metering.counters import HOUR, Dial, Exchange, Kind, Register, begun_again

SPREADS_BEYOND = 3
LEAST_SPREAD = 0.1
ROUNDING = 1e-9
"""A value that was converted from another unit may be off by its last digits."""


class Limits(NamedTuple):
    """What isn't doubted, both included."""

    low: float = -inf
    high: float = inf

    def allow(self, value: float) -> bool:
        slack = ROUNDING * max((abs(edge) for edge in self if isfinite(edge)), default=0.0)
        return self.low - slack <= value <= self.high + slack


def gauge_limits(usual_low: float, usual_high: float) -> Limits:
    """`usual_low` and `usual_high` are the percentiles."""
    spread = max(usual_high - usual_low, LEAST_SPREAD * max(abs(usual_low), abs(usual_high)))
    if not spread:
        return Limits()
    return Limits(usual_low - SPREADS_BEYOND * spread, usual_high + SPREADS_BEYOND * spread)


class Neighbours(NamedTuple):
    """The readings beside a moment, as one dial showed them: None where there is none."""

    before: Dial | None = None
    after: Dial | None = None


def on_one_dial(beside: Neighbours, exchanges: Sequence[Exchange], at: datetime) -> Neighbours:
    """In the place of a reading beyond an exchange: what the dial that was read at that moment showed then."""
    before, after = beside
    for exchange in sorted(exchanges):
        if exchange.at <= at and (before is None or before.at < exchange.at):
            before = Dial(exchange.at, exchange.initial)
        if exchange.at > at and (after is None or exchange.at <= after.at):
            after = Dial(exchange.at, exchange.final)
    return Neighbours(before, after)


def counter_limits(dial: Dial, beside: Neighbours, register: Register) -> Limits:
    """What the dial may show, by what it showed before and after. A neighbour it rolled over from sets no limit.

    Where the two contradict each other only the one before counts.
    """
    before, after = beside
    since, until = Limits(), Limits()
    if before and not rolled_over(before, dial, register):
        since = Limits(before.value, before.value + most_between(before, dial, register))
    if after and not rolled_over(dial, after, register):
        until = Limits(after.value - most_between(dial, after, register), after.value)
    both = Limits(max(since.low, until.low), min(since.high, until.high))
    return both if both.low <= both.high else since


def most_between(first: Dial, second: Dial, register: Register) -> float:
    """What the meter can count from one moment to the other."""
    return inf if register.max_per_hour == inf else register.max_per_hour * ((second.at - first.at) / HOUR)


def rolled_over(first: Dial, second: Dial, register: Register) -> bool:
    return second.value < first.value and begun_again(first, second, register).kind is Kind.ROLLED_OVER
