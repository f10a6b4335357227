"""Wrong readings over REST."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from telemetry.models import Quality, Reading, ReadingVoid, Series
from telemetry.tests.factories import SeriesFactory
from telemetry.tests.summing import keep

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
URL = "/api/v1/reading-voids"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UNCOUNTED = re.compile("set_config|^SAVEPOINT|^RELEASE")


def cost(call: Any) -> int:
    """Queries of one request. Telling the audit who acts and the test's own savepoint are not counted."""
    with CaptureQueriesContext(connection) as queries:
        response = call()
    assert response.status_code < 300, response.json()
    return sum(not UNCOUNTED.search(query["sql"]) for query in queries)


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def series(db: None) -> Series:
    """A reading a minute in the hour before noon."""
    series = SeriesFactory.create()
    keep([(series.pk, NOW - timedelta(minutes=n), float(n)) for n in range(60, 0, -1)], at=NOW)
    return series


def body(series: Series, **fields: Any) -> dict[str, Any]:
    return {
        "series_ids": [series.pk], "from": "2026-03-01T11:10:00Z", "to": "2026-03-01T11:30:00Z",
        "reason": "Electricians tested.", **fields,
    }  # fmt: skip


def test_it_works(api: Api, mona: User, series: Series) -> None:
    answer = api(mona).post(URL, body(series))

    data = answer.json()["data"]
    assert answer.status_code == 201, data
    assert answer["Location"] == f"{URL}/{data['id']}"
    assert (data["readings"], data["progress"], data["is_active"]) == (20, 1.0, True)
    assert (data["from"], data["to"]) == ("2026-03-01T11:10:00Z", "2026-03-01T11:30:00Z")
    assert data["series"][0]["equipment_code"] == series.equipment.equipment_code
    assert (data["created_by_id"], data["alerts"]) == (str(mona.pk), {"open": 0, "closed": 0})
    assert Reading.objects.filter(quality=Quality.VOID).count() == 20
    assert AuditLog.objects.filter(entity_type="iot_voids", action="INSERT", actor_id=mona.pk).count() == 1


def test_taking_back(api: Api, mona: User, series: Series) -> None:
    pk = api(mona).post(URL, body(series)).json()["data"]["id"]

    data = api(mona).post(f"{URL}/{pk}/take-back").json()["data"]

    assert (data["is_active"], data["taken_back_by_id"]) == (False, str(mona.pk))
    assert not Reading.objects.filter(quality=Quality.VOID).exists()
    assert_error(api(mona).post(f"{URL}/{pk}/take-back"), 409, "INVALID_TRANSITION")


def test_a_preview_stores_nothing(api: Api, mona: User, series: Series) -> None:
    said = body(series, dry_run=True)
    del said["reason"]

    answer = api(mona).post(URL, said)

    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["readings"], data["alerts"]) == (20, {"open": 0, "closed": 0})
    assert data["series"] == [
        {
            "series_id": series.pk, "readings": 20, "already_void": 0, "windows": 2, "lowest": 31.0, "highest": 50.0,
            "first_at": "2026-03-01T11:10:00Z", "first_value": 50.0,
            "last_at": "2026-03-01T11:29:00Z", "last_value": 31.0,
        }
    ]  # fmt: skip
    assert not ReadingVoid.objects.exists()


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"reason": " "}, 400, "VALIDATION_ERROR", "reason"),
        ({"series_ids": []}, 400, "VALIDATION_ERROR", "series_ids"),
        ({"series_ids": [2**31 - 1]}, 400, "VALIDATION_ERROR", "series_ids"),
        ({"to": "2026-03-01T11:10:00Z"}, 400, "VALIDATION_ERROR", "to"),
        ({"to": "2026-03-01T13:00:00Z"}, 400, "VALIDATION_ERROR", "to"),
        ({"from": "1999-01-01T00:00:00Z"}, 422, "RANGE_TOO_LARGE", "from"),
        ({"until": "2026-03-01T11:30:00Z"}, 400, "UNKNOWN_FIELD", "until"),
    ],
)
def test_what_is_refused(
    api: Api, mona: User, series: Series, fields: dict[str, Any], status: int, code: str, field: str
) -> None:
    assert_error(api(mona).post(URL, body(series, **fields)), status, code, field)


def test_lists(api: Api, mona: User, series: Series) -> None:
    other = SeriesFactory.create()
    keep([(other.pk, NOW, 1.0)], at=NOW)
    first = api(mona).post(URL, body(series)).json()["data"]["id"]
    second = api(mona).post(URL, body(series, series_ids=[series.pk, other.pk], reason="Stuck")).json()["data"]["id"]
    api(mona).post(f"{URL}/{first}/take-back")

    def found(**query: Any) -> list[str]:
        return [row["id"] for row in api(mona).get(URL, query).json()["data"]]

    assert set(found(series_id=series.pk)) == {first, second}
    assert found(series_id=other.pk) == found(equipment_id=str(other.equipment_id)) == [second]
    assert (found(is_active="true"), found(is_active="false")) == ([second], [first])
    assert (found(search="stuck"), len(found(created_by_id=str(mona.pk)))) == ([second], 2)
    assert found(at="2026-03-01T11:30:00Z") == []
    assert len(found(ordering="-from,readings")) == 2


def test_who_does_not_see_a_series_neither_declares_nor_takes_back(
    api: Api, adam: User, mona: User, series: Series
) -> None:
    """Not even where she sees the other series."""
    site = LocationFactory.create(open_to_all=False)
    hidden = SeriesFactory.create(equipment=EquipmentFactory.create(location=site))
    both = body(series, series_ids=[series.pk, hidden.pk])
    pk = api(adam).post(URL, both).json()["data"]["id"]

    assert_error(api(mona).post(URL, both), 400, "VALIDATION_ERROR", "series_ids")
    assert_error(api(mona).post(URL, {**both, "dry_run": True}), 400, "VALIDATION_ERROR", "series_ids")
    assert_error(api(mona).get(f"{URL}/{pk}"), 404, "NOT_FOUND")
    assert_error(api(mona).post(f"{URL}/{pk}/take-back"), 404, "NOT_FOUND")
    assert api(mona).get(URL).json()["data"] == []


def test_costs(api: Api, mona: User, series: Series) -> None:
    others = SeriesFactory.create_batch(3)
    for one in others:
        keep([(one.pk, NOW, 1.0)], at=NOW)
    keys = [series.pk, *(one.pk for one in others)]
    pk = api(mona).post(URL, body(series, series_ids=keys)).json()["data"]["id"]

    assert cost(lambda: api(mona).get(URL)) <= 4
    assert cost(lambda: api(mona).get(f"{URL}/{pk}")) <= 5
    few = cost(lambda: api(mona).post(URL, body(series)))
    assert cost(lambda: api(mona).post(URL, body(series, series_ids=keys))) == few <= 12
