"""Prometheus metrics of this process group."""

import os

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils import timezone
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

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


def background() -> bytes:
    """How much work waits in the outbox; asked of the database at every scrape."""
    registry = CollectorRegistry()
    count, age = OutboxMessage.objects.backlog(timezone.now())
    Gauge("outbox_pending", "Messages not yet given to the broker", registry=registry).set(count)
    Gauge("outbox_oldest_seconds", "How long the oldest has waited", registry=registry).set(age.total_seconds())
    return generate_latest(registry)


def metrics(request: HttpRequest) -> HttpResponse:
    if not may_scrape(request):
        return HttpResponseForbidden("Metrics are for scrapers on this machine or with METRICS_TOKEN.\n")
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry) + background(), content_type=CONTENT_TYPE_LATEST)
