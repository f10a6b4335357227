"""The intervals and orders behind each number of a row, out of the inputs it was computed from."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from analytics.models import AssetReliability
from analytics.reliability import Loss, Measurement, loss_of
from analytics.rollup import input_hash, measurement


@dataclass(frozen=True, slots=True)
class LoggedInterval:
    """An entry of the status log as it was taken into account; `ended_at` None if it wasn't over by `as_of`."""

    id: UUID
    status: str
    exclusion_reason: str
    counts_as_failure: bool
    started_at: datetime
    ended_at: datetime | None

    @property
    def loss(self) -> Loss:
        return loss_of(self.status, self.exclusion_reason)


@dataclass(frozen=True, slots=True)
class CompletedOrder:
    id: UUID
    completed_at: datetime
    cost: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Evidence:
    as_of: datetime
    input_hash: str
    hash_matches: bool
    intervals: list[LoggedInterval]
    work_orders: list[CompletedOrder]
    numbers: Measurement


def evidence_of(row: AssetReliability) -> Evidence:
    """What the row's numbers were made of; `hash_matches` says that nobody has touched it since."""
    moment, inputs = datetime.fromisoformat, row.inputs
    return Evidence(
        as_of=moment(inputs["as_of"]),
        input_hash=row.input_hash,
        hash_matches=input_hash(inputs) == row.input_hash,
        intervals=[
            LoggedInterval(UUID(key), status, reason, counts, moment(start), moment(end) if end else None)
            for key, status, reason, counts, start, end in inputs["intervals"]
        ],
        work_orders=[
            CompletedOrder(UUID(key), moment(done), Decimal(cost), currency)
            for key, done, cost, currency in inputs["orders"]
        ],
        numbers=measurement(inputs),
    )
