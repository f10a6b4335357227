"""What the numbers of a row are made of, in the form that is stored with them: enough to compute and to prove them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self

import orjson
from django.conf import settings

from analytics.models import AssetReliability
from analytics.reliability import DownInterval, Loss, Measurement, Span, loss_of, measure

Inputs = dict[str, Any]
NONE = "-"


class LoggedInterval(NamedTuple):
    """An entry of the status log as far as it was known; `ended_at` None if it wasn't over by then."""

    id: str
    status: str
    exclusion_reason: str
    counts_as_failure: bool
    started_at: datetime
    ended_at: datetime | None

    @property
    def loss(self) -> Loss:
        return loss_of(self.status, self.exclusion_reason)

    def as_down_interval(self) -> DownInterval:
        return DownInterval(self.started_at, self.ended_at, self.loss, self.counts_as_failure, self.id)

    def known_at(self, cut_off: datetime, period: Span) -> Self:
        """As it looked then: an end that came later, or with the next period, isn't one yet."""
        over = self.ended_at is not None and self.ended_at <= cut_off and self.ended_at < period.end
        return self if over else self._replace(ended_at=None)

    def as_line(self) -> str:
        """One line rather than an object: a hundred thousand of them are written every night."""
        ended = self.ended_at.isoformat() if self.ended_at else NONE
        counts = "FAILURE" if self.counts_as_failure else NONE
        reason = self.exclusion_reason or NONE
        return f"{self.id} {self.status} {reason} {counts} {self.started_at.isoformat()} {ended}"

    @classmethod
    def from_line(cls, line: str) -> Self:
        key, status, reason, counts, started, ended = line.split(" ")
        return cls(
            key,
            status,
            "" if reason == NONE else reason,
            counts != NONE,
            datetime.fromisoformat(started),
            None if ended == NONE else datetime.fromisoformat(ended),
        )


class CompletedOrder(NamedTuple):
    """A work order completed in the quarter, and what it cost."""

    id: str
    completed_at: datetime
    cost: Decimal
    currency: str

    def as_line(self) -> str:
        return f"{self.id} {self.completed_at.isoformat()} {self.cost} {self.currency}"

    @classmethod
    def from_line(cls, line: str) -> Self:
        key, completed, cost, currency = line.split(" ")
        return cls(key, datetime.fromisoformat(completed), Decimal(cost), currency)


def make_inputs(
    log: Iterable[LoggedInterval], orders: Iterable[CompletedOrder], *, period: Span, service: Span, as_of: datetime
) -> Inputs:
    """The material of one machine and quarter, cut off at the quarter's end so that later events change nothing."""
    cut_off = min(as_of, period.end)
    return {
        "service": [service.start.isoformat(), service.end.isoformat()],
        "as_of": cut_off.isoformat(),
        "intervals": [
            one.known_at(cut_off, period).as_line()
            for one in log
            if one.started_at <= cut_off
            and one.started_at < period.end
            and (one.ended_at is None or one.ended_at >= period.start)
        ],
        "orders": [
            one.as_line() for one in orders if period.contains(one.completed_at) and one.completed_at <= cut_off
        ],
    }


def input_hash(inputs: Mapping[str, Any]) -> str:
    """SHA-256 of the inputs as canonical JSON, the same before and after they were stored."""
    return hashlib.sha256(orjson.dumps(inputs, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The material and the engine's account of it; `hash_matches` says that nobody has touched it since."""

    as_of: datetime
    input_hash: str
    hash_matches: bool
    intervals: list[LoggedInterval]
    work_orders: list[CompletedOrder]
    numbers: Measurement


def evidence_of(row: AssetReliability) -> Evidence:
    inputs = row.inputs
    return Evidence(
        as_of=datetime.fromisoformat(inputs["as_of"]),
        input_hash=row.input_hash,
        hash_matches=input_hash(inputs) == row.input_hash,
        intervals=[LoggedInterval.from_line(line) for line in inputs["intervals"]],
        work_orders=[CompletedOrder.from_line(line) for line in inputs["orders"]],
        numbers=measurement(inputs),
    )


def measurement(inputs: Mapping[str, Any]) -> Measurement:
    start, end = (datetime.fromisoformat(bound) for bound in inputs["service"])
    log = (LoggedInterval.from_line(line).as_down_interval() for line in inputs["intervals"])
    return measure(log, service=Span(start, end), as_of=datetime.fromisoformat(inputs["as_of"]))


def figures(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Every number of a row, from its inputs alone."""
    numbers = measurement(inputs)
    cost_total, currency = total_cost(CompletedOrder.from_line(line) for line in inputs["orders"])
    return {
        "required_hours": numbers.required_hours,
        "operating_hours": numbers.operating_hours,
        "unplanned_down_hours": numbers.unplanned_down_hours,
        "planned_down_hours": numbers.planned_down_hours,
        "standby_hours": numbers.standby_hours,
        "failure_count": len(numbers.failures),
        "restoration_count": len(numbers.restorations),
        "mtbf_hours": numbers.mtbf_hours,
        "mtbf_lower_90_hours": numbers.mtbf_lower_90_hours,
        "mttr_hours": numbers.mttr_hours,
        "availability": numbers.availability,
        "open_count": len(numbers.open_repairs),
        "open_hours_so_far": numbers.open_hours_so_far,
        "work_order_count": len(inputs["orders"]),
        "cost_total": cost_total,
        "currency": currency,
    }


def total_cost(orders: Iterable[CompletedOrder]) -> tuple[Decimal | None, str]:
    """What the orders cost and in which currency; no sum where they are in several, which nobody can add up."""
    priced = [order for order in orders if order.cost]
    currencies = {order.currency for order in priced}
    if len(currencies) > 1:
        return None, ""
    return sum((order.cost for order in priced), Decimal(0)), next(iter(currencies), settings.CURRENCY)
