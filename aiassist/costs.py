"""What the assistant cost, from the ledger."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import BigIntegerField, Case, Count, F, Q, Sum, Value, When
from django.db.models.functions import TruncDate

from aiassist.budget import micro_usd, spent_micro_usd, start_of_day
from aiassist.models import AnalysisAttempt
from aiassist.providers import registry

COST = Case(
    When(provider=registry.RULEBOOK, then=Value(0)), default=F("cost_micro_usd"), output_field=BigIntegerField()
)
"""The rule book is ours and costs nothing."""
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
            calls_without_cost=Count("pk", filter=CALLED & Q(cost_micro_usd=None) & ~Q(provider=registry.RULEBOOK)),
            input_tokens=Sum("input_tokens", default=0),
            cached_tokens=Sum("cached_tokens", default=0),
            output_tokens=Sum("output_tokens", default=0),
            cost_micro_usd=Sum(COST),
        )
        .order_by("-day", "provider", "model_name")
    )
    return [DayOfModel(**row) for row in counted]


@dataclass(frozen=True, slots=True)
class Budget:
    """Today's, in micro-USD. A call whose cost nobody knows counts with an assumed one."""

    budget_micro_usd: int
    spent_micro_usd: int
    resets_at: datetime

    @property
    def left_micro_usd(self) -> int:
        return max(0, self.budget_micro_usd - self.spent_micro_usd)


def budget_today(*, at: datetime) -> Budget:
    resets_at = start_of_day(at) + timedelta(days=1)
    return Budget(micro_usd(settings.AI_DAILY_BUDGET_USD), spent_micro_usd(at=at), resets_at)
