from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory, SiteMembershipFactory
from telemetry.intake.ingest import ingest
from telemetry.models import Series
from telemetry.tests.factories import MetricFactory, SeriesFactory, issue_key

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERIES = "/api/v1/iot-series"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def measured(*minutes_ago: float, **fields: Any) -> Series:
    """A series with readings that many minutes ago; the value is the number of minutes."""
    series: Series = SeriesFactory(**fields)
    readings = [
        {
            "equipment_id": str(series.equipment_id),
            "metric": series.metric.code,
            "value": minutes,
            "recorded_at": (NOW - timedelta(minutes=minutes)).isoformat(),
        }
        for minutes in minutes_ago
    ]
    ingest(readings, at=NOW)
    return series


def found(client: APIClient, query: dict[str, Any]) -> list[int]:
    return [row["id"] for row in client.get(SERIES, query).json()["data"]]


def test_a_series_tells_its_latest_reading_and_its_pace(api: Api, mona: User, rita: User) -> None:
    series = measured(1, 6, 11, 51)
    assert api(mona).put(f"{SERIES}/{series.pk}", {"expected_interval_s": 300}).status_code == 200

    data = api(rita).get(f"{SERIES}/{series.pk}").json()["data"]

    assert (data["expected_interval_s"], data["measured_interval_s"], data["is_stale"]) == (300, 300.0, False)
    assert data["latest"] == {
        "value": 1.0,
        "recorded_at": "2026-03-01T11:59:00Z",
        "received_at": "2026-03-01T12:00:00Z",
        "quality": "GOOD",
    }
    assert (data["gateway_id"], data["gateway_name"]) == (None, None)
    assert (data["metric"], data["kind"], data["unit"]) == ("temperature", "GAUGE", "Cel")
    assert AuditLog.objects.filter(entity_type="iot_series", action="UPDATE", actor_id=mona.pk).count() == 1


def test_a_series_is_stale_after_three_intervals(api: Api, rita: User) -> None:
    fresh = measured(15, expected_interval_s=300)
    stale = measured(15.1, expected_interval_s=300)
    unknown = measured(10_000)
    unheard: Series = SeriesFactory(expected_interval_s=300)

    assert found(api(rita), {"is_stale": "true", "ordering": "id"}) == [stale.pk, unheard.pk]
    assert found(api(rita), {"is_stale": "false"}) == [fresh.pk]
    assert found(api(rita), {"silent_since": "2026-03-01T11:44:59Z", "ordering": "id"}) == [
        stale.pk,
        unknown.pk,
        unheard.pk,
    ]


def test_series_are_found_by_place_machine_metric_and_words(api: Api, rita: User) -> None:
    site = LocationFactory()
    machine = EquipmentFactory(location=LocationFactory(kind="BUILDING", parent=site), equipment_name="Pump five")
    series = measured(1, equipment=machine, metric=MetricFactory(code="energy", unit="kW.h", kind="COUNTER"))
    measured(1)

    queries = (
        {"location_id": str(site.pk)},
        {"equipment_id": str(machine.pk)},
        {"metric": "energy"},
        {"kind": "counter"},
        {"search": "pump five"},
        {"ordering": "metric,-equipment_code,recorded_at", "kind": "COUNTER"},
    )
    for query in queries:
        assert found(api(rita), query) == [series.pk], query


def test_the_series_of_a_gateway(api: Api, rita: User) -> None:
    key, _plain = issue_key()
    series = measured(1, gateway=key)
    measured(1)

    (row,) = api(rita).get(SERIES, {"gateway_id": str(key.pk)}).json()["data"]
    assert (row["id"], row["gateway_id"], row["gateway_name"]) == (series.pk, str(key.pk), key.name)


def test_a_series_out_of_sight_is_not_found(api: Api, tess: User, olga: User) -> None:
    site = LocationFactory(open_to_all=False)
    SiteMembershipFactory(user=tess, site=site)
    series = measured(1, equipment=EquipmentFactory(location=site))

    assert found(api(tess), {}) == [series.pk]
    assert_error(api(olga).get(f"{SERIES}/{series.pk}"), 404, "NOT_FOUND")


@pytest.mark.parametrize("interval", [0, -1, 366 * 86_400 + 1, "soon", True])
def test_an_interval_that_makes_no_sense(api: Api, mona: User, interval: Any) -> None:
    url = f"{SERIES}/{measured(1).pk}"

    assert_error(api(mona).put(url, {"expected_interval_s": interval}), 400, "VALIDATION_ERROR", "expected_interval_s")


def test_the_list_costs_the_same_however_long(api: Api, rita: User, django_assert_max_num_queries: Any) -> None:
    for _number in range(6):
        measured(1)

    with django_assert_max_num_queries(4):
        assert len(api(rita).get(SERIES).json()["data"]) == 6
