"""What the assistant cost, from the ledger."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate

from aiassist.models import AnalysisAttempt

CALLED = ~Q(outcome__in=(AnalysisAttempt.Outcome.SKIPPED, AnalysisAttempt.Outcome.REUSED))


@dataclass(frozen=True, slots=True)
class DayOfModel:
    """One model's calls that began on a day in UTC. `cost_micro_usd` is the sum over those with a known cost.

    Reused answers cost nothing and are no calls; of a skipped provider only the reason is in the ledger.
    """

    day: date
    provider: str
    model_name: str
    calls: int
    reused: int
    calls_without_cost: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_micro_usd: int | None


def costs_by_day(*, start: datetime, end: datetime, **of: str) -> list[DayOfModel]:
    """By day, provider and model, the latest day first. `of` may name a provider and a model. One query."""
    rows: Any = AnalysisAttempt.objects.filter(started_at__gte=start, started_at__lt=end, **of)
    counted = (
        rows.exclude(outcome=AnalysisAttempt.Outcome.SKIPPED)
        .order_by()
        .values(day=TruncDate("started_at"))
        .values(
            "day",
            "provider",
            "model_name",
            calls=Count("pk", filter=CALLED),
            reused=Count("pk", filter=Q(outcome=AnalysisAttempt.Outcome.REUSED)),
            calls_without_cost=Count("pk", filter=CALLED & Q(cost_micro_usd=None)),
            input_tokens=Sum("input_tokens", default=0),
            cached_tokens=Sum("cached_tokens", default=0),
            output_tokens=Sum("output_tokens", default=0),
            cost_micro_usd=Sum("cost_micro_usd"),
        )
        .order_by("-day", "provider", "model_name")
    )
    return [DayOfModel(**row) for row in counted]
