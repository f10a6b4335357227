"""What may be spent in a day, looked at before every paid call. A day is one of UTC, like those of prices.

A call whose cost nobody knows counts with an assumed one: while it is in flight, when it was given up (the provider
may well have answered somebody who wasn't there any more), when the provider didn't say what it counted, and when its
model has no price. So what can't be measured can't spend without limit either.
"""

from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.db.models import BigIntegerField, Case, F, Sum, Value, When

from aiassist.errors import BudgetExhausted
from aiassist.models import AnalysisAttempt
from aiassist.pricing import MILLION
from aiassist.providers import registry

PERHAPS_PAID: Final = ("RUNNING", "ANSWERED", "INVALID", "REFUSED", "TIMEOUT", "LOST", "CANCELLED")
"""Calls that may have cost something though no cost is known. Providers don't charge for those that they fail."""


def start_of_day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def spent_micro_usd(*, at: datetime) -> int:
    """What the day's calls cost so far, those in flight included."""
    assumed = Value(micro_usd(settings.AI_ASSUMED_CALL_USD), output_field=BigIntegerField())
    cost = Case(
        When(cost_micro_usd__isnull=False, then=F("cost_micro_usd")),
        When(outcome__in=PERHAPS_PAID, then=assumed),
        default=Value(0),
        output_field=BigIntegerField(),
    )
    today = AnalysisAttempt.objects.filter(started_at__gte=start_of_day(at)).exclude(provider=registry.RULEBOOK)
    return today.aggregate(spent=Sum(cost))["spent"] or 0


def require_room(*, at: datetime) -> None:
    """Raises BudgetExhausted once the day's budget is spent; the call that reaches it may go beyond."""
    if spent_micro_usd(at=at) >= micro_usd(settings.AI_DAILY_BUDGET_USD):
        raise BudgetExhausted("the day's budget of this server is spent")


def micro_usd(usd: float) -> int:
    return round(usd * MILLION)
