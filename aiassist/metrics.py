"""How the assistant did in the last day, asked of the ledger at every scrape: the calls are made by other processes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.db import DatabaseError
from django.db.models import Count, F, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aiassist.breaker import State
from aiassist.health import provider_states
from aiassist.models import AnalysisAttempt
from aiassist.pricing import MILLION
from faultreporter.api.metrics import further

RECENT: Final = timedelta(days=1)


class Assistant(Collector):
    """Left out while the database doesn't answer."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        recent = AnalysisAttempt.objects.filter(started_at__gte=now - RECENT).order_by().values("provider", "outcome")
        took = Sum(F("finished_at") - F("started_at"))
        try:
            rows = list(recent.annotate(count=Count("pk"), took=took, cost=Sum("cost_micro_usd")))
            states = provider_states(at=now)
        except DatabaseError:
            return
        attempts = GaugeMetricFamily("ai_attempts", "Lines of the ledger of 24 hours", labels=["provider", "outcome"])
        seconds = GaugeMetricFamily("ai_attempt_seconds", "What they took together", labels=["provider", "outcome"])
        cost = GaugeMetricFamily("ai_cost_usd", "What they cost, as far as it is known", labels=["provider", "outcome"])
        for row in rows:
            labels = [row["provider"], row["outcome"]]
            attempts.add_metric(labels, row["count"])
            seconds.add_metric(labels, row["took"].total_seconds() if row["took"] else 0)
            cost.add_metric(labels, (row["cost"] or 0) / MILLION)
        words = "0: may be asked, 1: one call may try whether it is well again, 2: isn't asked"
        breaker = GaugeMetricFamily("ai_breaker", words, labels=["provider"])
        for state in states:
            breaker.add_metric([state.name], [State.CLOSED, State.HALF_OPEN, State.OPEN].index(state.breaker))
        yield from (attempts, seconds, cost, breaker)


further.append(Assistant())
