"""What balancers, supervisors and scrapers are told."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from faultreporter.api.models import Heartbeat
from faultreporter.api.tasks import heartbeat

pytestmark = pytest.mark.django_db


def test_it_works(client: Client) -> None:
    assert client.get("/health").json() == {"status": "healthy", "version": settings.VERSION}
    assert client.get("/health/live").status_code == 200


def test_ready_once_database_migrations_and_broker_are(client: Client) -> None:
    heartbeat()

    answer = client.get("/health/ready")

    assert answer.status_code == 200
    checks = answer.json()["checks"]
    assert [checks[name] for name in ("database", "migrations", "broker", "beat")] == ["ok"] * 4


def test_a_silent_beat_is_told_and_the_web_stays_ready(client: Client) -> None:
    Heartbeat.objects.create(name="beat", at=timezone.now() - timedelta(minutes=5))

    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json()["checks"]["beat"].startswith("last seen 300")


def test_metrics_count_requests_by_route(client: Client) -> None:
    client.get("/health")

    text = client.get("/metrics").content.decode()

    assert 'http_requests_total{method="GET",route="health",status="200"}' in text
    assert "outbox_pending 0.0" in text


def test_metrics_are_not_for_strangers(client: Client, settings: Any) -> None:
    behind_a_proxy = client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    settings.METRICS_TOKEN = "secret"
    without = client.get("/metrics")
    with_token = client.get("/metrics", headers={"Authorization": "Bearer secret"})

    assert (behind_a_proxy.status_code, without.status_code, with_token.status_code) == (403, 403, 200)


def test_documentation_pages_load_nothing_from_elsewhere(client: Client) -> None:
    for page in ("/docs", "/redoc"):
        answer = client.get(page)
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "https://" not in text
        assert "script-src" not in answer["Content-Security-Policy"]  # default-src 'self' holds for scripts
