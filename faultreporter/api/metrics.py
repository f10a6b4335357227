"""Prometheus metrics of this process group."""

import os
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils import timezone
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from faultreporter.outbox.models import OutboxMessage

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "http_request_seconds",
    "Time to answer a request",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0),
)


def may_scrape(request: HttpRequest) -> bool:
    """A scraper with the token, or one on this machine that no proxy stands in front of."""
    if settings.METRICS_TOKEN:
        return request.headers.get("Authorization", "") == f"Bearer {settings.METRICS_TOKEN}"
    local = request.META.get("REMOTE_ADDR", "") in {"127.0.0.1", "::1"}
    return local and "HTTP_X_FORWARDED_FOR" not in request.META


class Backlog(Collector):
    """How much work waits in the outbox; asked of the database at every scrape, left out while it doesn't answer."""

    def collect(self) -> Iterator[Metric]:
        try:
            count, age = OutboxMessage.objects.backlog(timezone.now())
        except DatabaseError:
            return
        yield GaugeMetricFamily("outbox_pending", "Messages not yet given to the broker", count)
        yield GaugeMetricFamily("outbox_oldest_seconds", "How long the oldest has waited", age.total_seconds())


further: list[Collector] = [Backlog()]
"""What is asked anew at every scrape. Apps add theirs in AppConfig.ready()."""


def metrics(request: HttpRequest) -> HttpResponse:
    if not may_scrape(request):
        return HttpResponseForbidden("Metrics are for scrapers on this machine or with METRICS_TOKEN.\n")
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    asked = CollectorRegistry()
    for collector in further:
        asked.register(collector)
    return HttpResponse(generate_latest(registry) + generate_latest(asked), content_type=CONTENT_TYPE_LATEST)
