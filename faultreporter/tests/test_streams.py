"""The stream process itself: granian, Redis and PostgreSQL as in production, clients over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.outbox.testing import deliver
from faultreporter.tests.streams import Client, StreamProcess, stream_process, token_of
from telemetry.ingest import ingest
from telemetry.tests.factories import MetricFactory

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis")]


@pytest.fixture
def streams(clean_redis: Any) -> Iterator[StreamProcess]:
    with stream_process(STREAM_RECHECK_SECONDS="1", STREAMS_PER_USER="3") as running:
        yield running


@pytest.fixture
def pump() -> Any:
    MetricFactory()
    return EquipmentFactory()


def measure(machine: Any, *values: float) -> None:
    for value in values:
        ingest([{"equipment_id": str(machine.pk), "metric": "temperature", "value": value}], at=timezone.now())
        deliver()


def report(machine: Any, by: User, title: str = "It rattles") -> Alert:
    alert = AlertFactory(equipment=machine, title=title, reported_by=by)
    deliver()
    return alert


def values_of(client: Client) -> list[float]:
    return [reading["value"] for reading in client.next("reading").data["readings"]]


def test_it_works(streams: StreamProcess, pump: Any, tess: User) -> None:
    measure(pump, 20.0)
    client = streams.open(token_of(tess), equipment_id=str(pump.pk))

    assert client.answer.headers["Content-Type"] == "text/event-stream"
    assert client.answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert client.next("ping", "reading").name == "ping"
    snapshot = client.next("reading")
    assert snapshot.data["snapshot"] is True
    assert [one["value"] for one in snapshot.data["readings"]] == [20.0]
    measure(pump, 21.5)
    (reading,) = client.next("reading").data["readings"]
    assert (reading["metric"], reading["value"], reading["unit"]) == ("temperature", 21.5, "Cel")
    alert = report(pump, tess)
    event = client.next("alert")
    assert event.data["id"] == str(alert.pk)
    assert event.data["equipment"]["code"] == pump.equipment_code
    assert event.position
