"""What a process remembers of names holds only as long as it is true. Real commits: nothing is remembered otherwise."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from rest_framework.test import APIClient

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from telemetry import authentication
from telemetry.intake.directory import Entry, remembered
from telemetry.intake.ingest import IngestResult, ingest
from telemetry.models import DeviceKey, DirectoryVersion, Metric, Series
from telemetry.models.device_keys import ROTATION_GRACE
from telemetry.store.partitions import ensure_partitions
from telemetry.tests.factories import MetricFactory

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SECONDS = iter(range(10_000))


@pytest.fixture(autouse=True)
def directory() -> Iterator[None]:
    """Every test's database was emptied, the one row that migrations make included."""
    ensure_partitions(at=NOW)
    DirectoryVersion.objects.update_or_create(pk=1, defaults={"version": uuid.uuid4()})
    yield
    remembered.forget()
    authentication.remembered.forget()


@pytest.fixture
def metric() -> Metric:
    made: Metric = MetricFactory(code="temperature", unit="Cel", physical_min=-50, physical_max=500)
    return made


@pytest.fixture
def pump() -> Equipment:
    made: Equipment = EquipmentFactory(equipment_code="PUMP-1")
    return made


def send(*, gateway: uuid.UUID | None = None, value: float = 20.0, **names: Any) -> IngestResult:
    reading = {"equipment_code": "PUMP-1", "metric": "temperature", "value": value} | names
    reading["recorded_at"] = (NOW - timedelta(hours=2) + timedelta(seconds=next(SECONDS))).isoformat()
    return ingest([reading], at=NOW, gateway=gateway)


def test_names_are_looked_up_until_their_series_is_there_and_then_no_more(pump: Equipment, metric: Metric) -> None:
    send()
    assert not remembered.memory.entries  # its series was only being made

    send()
    ((key, found),) = remembered.memory.entries.items()
    assert found.equipment_id == pump.pk

    assert isinstance(found.entry, Entry)
    remembered.memory.entries[key] = found._replace(entry=found.entry._replace(highest=1.0))
    assert send(value=20.0).rejected == 1  # by what was remembered, not by what the database says


def test_a_deleted_machine_takes_no_more_readings(pump: Equipment, metric: Metric, mona: User) -> None:
    send()
    send()

    pump.soft_delete(by=mona, at=NOW)

    assert send().errors[0].code == "unknown_equipment"


def test_a_new_limit_of_a_metric_holds_at_once(pump: Equipment, metric: Metric) -> None:
    send()
    send()
    Metric.objects.filter(pk=metric.pk).update(physical_max=15)

    assert send(value=20.0).errors[0].code == "out_of_physical_range"


def test_a_code_that_was_given_to_another_machine_means_that_one(pump: Equipment, metric: Metric, mona: User) -> None:
    send()
    send()
    pump.soft_delete(by=mona, at=NOW)
    other = EquipmentFactory(equipment_code="PUMP-1")

    assert send().accepted == 1
    assert Series.objects.filter(equipment=other).exists()


def test_a_roll_back_leaves_nothing_behind(pump: Equipment, metric: Metric) -> None:
    send()
    send()
    version = remembered.memory.version

    with transaction.atomic():
        Metric.objects.filter(pk=metric.pk).update(physical_max=15)
        assert send(value=20.0).rejected == 1  # seen by who changed it
        transaction.set_rollback(True)

    assert remembered.memory.version == version
    assert send(value=20.0).accepted == 1


def test_who_sends_is_asked_every_time(pump: Equipment, metric: Metric) -> None:
    send()
    send()
    reading = {"equipment_code": "PUMP-1", "metric": "temperature", "value": 1.0}

    refused = ingest([reading], at=NOW, allowed=frozenset({uuid.uuid4()}))

    assert refused.errors[0].code == "forbidden_device"


def test_the_series_remembers_the_gateway_it_came_from_last(pump: Equipment, metric: Metric) -> None:
    one, two = (DeviceKey.issue(name=name, by=None, all_equipment=True)[0] for name in ("one", "two"))
    came_from = []

    for gateway in (one, one, two, two, one):
        send(gateway=gateway.pk)
        came_from.append(Series.objects.get().gateway)

    assert came_from == [one, one, two, two, one]


def test_what_is_wrong_with_a_name_is_not_remembered(metric: Metric) -> None:
    assert send().errors[0].code == "unknown_equipment"

    EquipmentFactory(equipment_code="PUMP-1")

    assert send().accepted == 1


def post(plain: str, *codes: str) -> Any:
    """What a gateway is answered."""
    moments = [(datetime.now(UTC) - timedelta(seconds=next(SECONDS))).isoformat() for _ in codes]
    readings = [
        {"equipment_code": code, "metric": "temperature", "value": 20.0, "recorded_at": moment}
        for code, moment in zip(codes, moments, strict=True)
    ]
    return APIClient().post("/api/v1/iot-data", {"readings": readings}, headers={"X-Device-Key": plain})


@pytest.fixture
def gateway(pump: Equipment, metric: Metric) -> tuple[DeviceKey, str]:
    """A key of the pump that is remembered."""
    ensure_partitions(at=datetime.now(UTC))
    key, plain = DeviceKey.issue(name="Roof", by=None, equipment=[pump])
    for _ in range(2):
        assert post(plain, "PUMP-1").status_code == 200
    assert [device.key for device in authentication.remembered.memory.entries.values()] == [key]
    return key, plain


def test_a_deleted_key_is_refused_at_once(gateway: tuple[DeviceKey, str], mona: User) -> None:
    key, plain = gateway

    key.soft_delete(by=mona, at=datetime.now(UTC))

    assert post(plain, "PUMP-1").status_code == 401


def test_a_rotated_key_is_good_for_its_time_and_no_longer(gateway: tuple[DeviceKey, str]) -> None:
    key, old = gateway
    new = key.rotate(by=None, at=datetime.now(UTC))

    assert [post(plain, "PUMP-1").status_code for plain in (old, new, old, new)] == [200] * 4
    key.rotate(by=None, at=datetime.now(UTC))
    assert [post(plain, "PUMP-1").status_code for plain in (old, new)] == [401, 200]
    with time_machine.travel(datetime.now(UTC) + ROTATION_GRACE + timedelta(minutes=1)):
        assert post(new, "PUMP-1").status_code == 401


def test_the_machines_of_a_key_change_at_once(gateway: tuple[DeviceKey, str], pump: Equipment) -> None:
    key, plain = gateway
    fan: Equipment = EquipmentFactory.create(equipment_code="FAN-1")
    steps = [
        lambda: key.change(by=None, equipment=[pump, fan]),
        lambda: key.change(by=None, equipment=[fan]),
        lambda: key.change(by=None, all_equipment=True),
        lambda: key.change(by=None, all_equipment=False),
    ]

    taken = []
    for step in steps:
        step()
        taken.append(post(plain, "PUMP-1", "FAN-1").json()["data"]["accepted"])

    assert taken == [2, 1, 2, 1]


def test_a_remembered_key_is_noted_as_used_once_a_minute(gateway: tuple[DeviceKey, str]) -> None:
    key, plain = gateway
    key.refresh_from_db()
    first = key.last_used_at
    assert first
    for after in (30, 90, 120):
        with time_machine.travel(first + timedelta(seconds=after), tick=False):
            post(plain)
    key.refresh_from_db()

    assert key.last_used_at == first + timedelta(seconds=90)
