from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from telemetry.metering.counters import Dial
from telemetry.models import Meter
from telemetry.tests.factories import CounterFactory, MeterFactory, SeriesFactory
from telemetry.tests.test_meters import store

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
Browse = Callable[[User], Any]
NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
METERS, TARIFFS = "/api/v1/meters", "/api/v1/tariffs"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def meter() -> Meter:
    """One kWh every quarter of an hour since the 27th, at a site in Berlin."""
    site = LocationFactory(time_zone="Europe/Berlin")
    made: Meter = MeterFactory(series__equipment=EquipmentFactory(location=site))
    start = datetime(2026, 3, 27, tzinfo=UTC)
    store(made.series, [Dial(start + number * timedelta(minutes=15), 500 + number) for number in range(4 * 84 + 1)])
    return made


def test_meters_work(api: Api, mona: User, rita: User) -> None:
    series = CounterFactory()
    body = {"name": "Main", "utility": "electricity", "series_id": series.pk, "equipment_id": str(series.equipment_id)}

    created = api(mona).post(METERS, body)
    assert created.status_code == 201, created.json()
    data = created.json()["data"]
    assert (data["unit"], data["factor"], data["metric"], data["exchanges"]) == ("kW.h", 1.0, "energy", [])

    url = f"{METERS}/{data['id']}"
    assert api(mona).put(url, {"factor": 40}).json()["data"]["factor"] == 40.0
    assert [row["id"] for row in api(rita).get(METERS, {"utility": "electricity"}).json()["data"]] == [data["id"]]
    assert api(mona).delete(url).status_code == 204
    assert_error(api(rita).get(url), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"series_id": 0}, "series_id"),
        ({"series_id": "1"}, "series_id"),
        ({"series_id": 10**12}, "series_id"),
        ({"equipment_id": None}, "equipment_id"),
        ({"unit": "m3"}, "unit"),
        ({"factor": 0}, "factor"),
        ({"factor": "2"}, "factor"),
        ({"rolls_over_at": -1}, "rolls_over_at"),
        ({"utility": "STEAM"}, "utility"),
    ],
)
def test_a_meter_that_makes_no_sense(api: Api, mona: User, changes: dict[str, Any], field: str) -> None:
    series = CounterFactory()
    body = {"name": "Main", "utility": "electricity", "series_id": series.pk, "equipment_id": str(series.equipment_id)}

    assert_error(api(mona).post(METERS, body | changes), 400, "VALIDATION_ERROR", field)


def test_a_gauge_is_refused_and_a_counter_has_one_meter(api: Api, mona: User, meter: Meter) -> None:
    body = {"name": "Main", "utility": "electricity", "equipment_id": str(meter.equipment_id)}

    assert_error(api(mona).post(METERS, body | {"series_id": SeriesFactory().pk}), 400, "VALIDATION_ERROR", "series_id")
    assert_error(api(mona).post(METERS, body | {"series_id": meter.series_id}), 409, "DUPLICATE", "series_id")


def test_use_by_day_in_the_sites_own_time(api: Api, rita: User, meter: Meter) -> None:
    query = {"from": "2026-03-27T23:00:00Z", "to": "2026-03-30T22:00:00Z"}

    data = api(rita).get(f"{METERS}/{meter.pk}/consumption", query).json()["data"]

    assert (data["time_zone"], data["unit"], data["bucket"], data["gap_s"]) == ("Europe/Berlin", "kW.h", "1d", 2700)
    assert [bucket["amount"] for bucket in data["buckets"]] == [96.0, 92.0, 56.0]  # the second has 23 hours
    assert [bucket["coverage"] for bucket in data["buckets"]] == [1.0, 1.0, pytest.approx(14 / 24)]
    assert (data["total"], data["estimated_share"]) == (244.0, 0.0)


def test_what_nobody_read_is_null(api: Api, rita: User, meter: Meter) -> None:
    query = {"from": "2026-03-26T22:00:00Z", "to": "2026-03-27T01:30:00Z", "bucket": "1h", "tz": "UTC"}

    data = api(rita).get(f"{METERS}/{meter.pk}/consumption", query).json()["data"]

    assert [bucket["amount"] for bucket in data["buckets"]] == [None, None, 4.0, 2.0]
    assert data["buckets"][3]["end"] == "2026-03-27T01:30:00Z"


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ({"bucket": "1w"}, 400, "INVALID_PARAMETER", "bucket"),
        ({"tz": "Mars/Olympus"}, 400, "INVALID_PARAMETER", "tz"),
        ({"tz": "../etc"}, 400, "INVALID_PARAMETER", "tz"),
        ({"from": "yesterday"}, 400, "INVALID_PARAMETER", "from"),
        ({"from": "2026-04-02T00:00:00Z"}, 400, "INVALID_PARAMETER", "from"),
        ({"from": "2020-01-01T00:00:00Z", "bucket": "1h"}, 422, "RANGE_TOO_LARGE", "from"),
        ({"form": "x"}, 400, "INVALID_PARAMETER", "form"),
    ],
)
def test_questions_about_use_that_are_refused(
    api: Api, rita: User, meter: Meter, query: dict[str, str], status: int, code: str, field: str
) -> None:
    assert_error(api(rita).get(f"{METERS}/{meter.pk}/consumption", query), status, code, field)


def test_use_costs_few_queries(api: Api, rita: User, meter: Meter, django_assert_max_num_queries: Any) -> None:
    client = api(rita)

    with django_assert_max_num_queries(7):
        assert client.get(f"{METERS}/{meter.pk}/consumption").status_code == 200


def test_an_exchange_is_recorded_and_taken_back(api: Api, mona: User, tess: User, meter: Meter) -> None:
    url = f"{METERS}/{meter.pk}/exchanges"
    body = {"at": "2026-03-29T10:00:00Z", "final": 740, "initial": 0}
    assert_error(api(tess).post(url, body), 403, "PERMISSION_DENIED")

    answer = api(mona).post(url, body)

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{METERS}/{meter.pk}"
    (exchange,) = answer.json()["data"]["exchanges"]
    assert (exchange["final"], exchange["initial"]) == (740.0, 0.0)
    assert_error(api(mona).post(url, body), 409, "DUPLICATE")
    assert_error(api(mona).post(url, body | {"at": "2026-04-01T10:00:00Z"}), 400, "VALIDATION_ERROR", "at")
    assert api(mona).delete(f"{url}/{exchange['id']}").status_code == 204
    assert_error(api(mona).delete(f"{url}/{exchange['id']}"), 404, "NOT_FOUND")


def test_tariffs_work(api: Api, mona: User, tess: User) -> None:
    body = {"utility": "electricity", "valid_from": "2026-01-01", "price": "0.285", "co2_kg": "0.363"}

    created = api(mona).post(TARIFFS, body)

    assert created.status_code == 201
    data = created.json()["data"]
    assert (data["price"], data["currency"], data["co2_kg"]) == ("0.285000", "EUR", "0.363000")
    assert_error(api(mona).post(TARIFFS, body), 409, "DUPLICATE")
    assert_error(api(mona).post(TARIFFS, body | {"price": "-1"}), 400, "VALIDATION_ERROR", "price")
    assert api(mona).put(f"{TARIFFS}/{data['id']}", {"price": None}).json()["data"]["currency"] == ""
    assert_error(api(tess).get(TARIFFS), 403, "PERMISSION_DENIED")


# --- back office ------------------------------------------------------------------------------------------------------


def test_the_page_of_a_meter_shows_its_use(backoffice: Browse, mona: User, meter: Meter) -> None:
    page = backoffice(mona).get(f"/admin/telemetry/meter/{meter.pk}/change/").content.decode()

    assert "336 kWh in 31 days" in page
    assert meter.name in backoffice(mona).get("/admin/telemetry/meter/").content.decode()


def test_a_meter_is_added_and_replaced_by_hand(backoffice: Browse, mona: User) -> None:
    series, browser = CounterFactory(), backoffice(mona)
    inline = {f"exchanges-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    form = {"name": "Main", "series": series.pk, "utility": "ELECTRICITY", "equipment": str(series.equipment_id)}

    added = browser.post("/admin/telemetry/meter/add/", {**form, "factor": "1", **inline})
    assert added.status_code == 302, added.context["errors"]
    meter = Meter.objects.get()
    assert meter.unit == "kW.h"

    exchange = {"at_0": "2026-03-29", "at_1": "10:00", "final": "740", "opening": "0", "note": "Worn out"}
    chosen = {"action": "exchange", "_selected_action": [str(meter.pk)], "confirmed": "yes"}
    browser.post("/admin/telemetry/meter/", exchange | chosen)
    assert [(one.final, one.by) for one in meter.exchanges.all()] == [(740.0, mona)]
