"""A flood is answered with 429, and nothing waits."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from telemetry.intake import pressure
from telemetry.models import Arrival, Reading
from telemetry.tests.factories import MetricFactory, issue_key

pytestmark = pytest.mark.django_db
URL = "/api/v1/iot-data"
Api = Callable[[User | None], APIClient]
BATCH = {"readings": [{"equipment_code": "CH-1", "metric": "temperature", "value": 21.5}]}


@pytest.fixture(autouse=True)
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[pressure.Gate]:
    fresh = pressure.Gate()
    monkeypatch.setattr("telemetry.viewsets.readings.gate", fresh)
    yield fresh
    assert fresh.inside == 0


@pytest.fixture
def headers() -> dict[str, str]:
    MetricFactory()
    EquipmentFactory(equipment_code="CH-1")
    return {"X-Device-Key": issue_key()[1]}


def test_too_many_batches_at_once(gate: pressure.Gate, api: Api, headers: Any, settings: Any) -> None:
    settings.INGEST_BATCHES_PER_PROCESS = 1

    with gate.batch(at=timezone.now()):
        response = api(None).post(URL, BATCH, headers=headers)

    assert_error(response, 429, "INGEST_OVERLOADED")
    assert (response["Retry-After"], Reading.objects.count()) == ("1", 0)
    assert api(None).post(URL, BATCH, headers=headers).status_code == 200


@pytest.mark.parametrize("limit", ["INGEST_BACKLOG_SECONDS", "INGEST_BACKLOG_BATCHES"])
def test_a_backlog_beyond_its_limit(api: Api, headers: Any, settings: Any, limit: str) -> None:
    setattr(settings, limit, 1)
    old = timezone.now() - timedelta(seconds=5)
    Arrival.objects.bulk_create(Arrival(received_at=old, series=[], first_at=[], last_at=[]) for _ in range(2))

    response = api(None).post(URL, BATCH, headers=headers)

    assert_error(response, 429, "INGEST_OVERLOADED")
    assert response["Retry-After"] == "30"


def test_a_night_without_a_worker_costs_no_readings(api: Api, headers: Any) -> None:
    """A hundred gateways with a batch every ten seconds, for twelve hours."""
    evening = timezone.now() - timedelta(hours=12)
    Arrival.objects.bulk_create(
        Arrival(id=n, received_at=evening, series=[], first_at=[], last_at=[]) for n in (1, 432_000)
    )

    assert api(None).post(URL, BATCH, headers=headers).status_code == 200


def test_the_backlog_is_looked_at_once_a_second(gate: pressure.Gate, settings: Any) -> None:
    settings.INGEST_BACKLOG_SECONDS = 1
    now = timezone.now()
    Arrival.objects.create(received_at=now - timedelta(seconds=5), series=[], first_at=[], last_at=[])
    with pytest.raises(pressure.IngestOverloaded), gate.batch(at=now):
        pass
    Arrival.objects.all().delete()

    with pytest.raises(pressure.IngestOverloaded), gate.batch(at=now + timedelta(milliseconds=500)):
        pass
    with gate.batch(at=now + timedelta(seconds=2)):
        pass
