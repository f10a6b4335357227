"""How far roll-ups and detectors are behind the readings, asked of the database at every scrape."""

from collections.abc import Iterator
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from faultreporter.api.health import register_check
from faultreporter.api.metrics import further
from telemetry.aggregation.rollups import backlog
from telemetry.detection import insights
from telemetry.models import Insight, RuleState
from telemetry.store.partitions import count_caught


class RollupLag(Collector):
    """Queries stay exact however long it grows; they only get slower."""

    def collect(self) -> Iterator[Metric]:
        try:
            batches, oldest_at = backlog()
        except DatabaseError:
            return
        seconds = (timezone.now() - oldest_at).total_seconds() if oldest_at else 0
        yield GaugeMetricFamily("rollup_pending_batches", "Batches of readings not yet rolled up", batches)
        yield GaugeMetricFamily("rollup_lag_seconds", "How long the oldest of them has waited", max(seconds, 0))


class InsightLag(Collector):
    """How far detectors are behind the readings, and what is unusual now."""

    def collect(self) -> Iterator[Metric]:
        try:
            states, oldest_at = insights.backlog()
            open_insights = Insight.objects.open().count()
        except DatabaseError:
            return
        seconds = (timezone.now() - oldest_at).total_seconds() if oldest_at else 0
        yield GaugeMetricFamily("insights_pending_series", "Series with readings no detector has judged", states)
        yield GaugeMetricFamily("insights_lag_seconds", "How long the oldest of them has waited", max(seconds, 0))
        yield GaugeMetricFamily("insights_open", "Insights that are still going on", open_insights)


class Uncovered(Collector):
    """Readings and roll-ups that no month covers: more than none means that months weren't made in time."""

    def collect(self) -> Iterator[Metric]:
        try:
            caught = count_caught()
        except DatabaseError:
            return
        words = "Rows in default partitions, counted up to 10,000 a table"
        yield GaugeMetricFamily("readings_in_default_partition", words, caught)


class FailingRules(Collector):
    """Where rules can't be judged (telemetry.rules.failures): no alarm begins or ends there."""

    def collect(self) -> Iterator[Metric]:
        try:
            states, since = failing()
        except DatabaseError:
            return
        seconds = (timezone.now() - since).total_seconds() if since else 0
        yield GaugeMetricFamily("rules_failing_series", "Series on which a rule can't be judged", states)
        yield GaugeMetricFamily("rules_failing_seconds", "For how long, the longest of them", max(seconds, 0))


def failing() -> tuple[int, datetime | None]:
    """On how many series rules can't be judged, and since when the first of them."""
    found = RuleState.objects.failing().aggregate(count=Count("*"), since=Min("failing_since"))
    return found["count"], found["since"]


def rules_are_judged() -> str:
    """For /health/ready."""
    states, since = failing()
    return f"degraded: not judged on {states} series, the first since {since:%Y-%m-%d %H:%M} UTC" if since else "ok"


def months_are_made() -> str:
    """For /health/ready."""
    caught = count_caught()
    return f"{caught} rows in default partitions: run manage.py ensure_partitions" if caught else "ok"


register_check("readings", months_are_made)
register_check("rules", rules_are_judged)
further.extend([RollupLag(), InsightLag(), Uncovered(), FailingRules()])
