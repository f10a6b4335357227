import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.models import Location
from telemetry.intake.ingest import MAX_READINGS, ingest
from telemetry.intake.parsers import MAX_BODY_BYTES
from telemetry.models import Reading
from telemetry.tests.factories import MetricFactory, issue_key

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "/api/v1/iot-data"


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def chiller() -> Equipment:
    MetricFactory()
    MetricFactory(vibration=True)
    machine: Equipment = EquipmentFactory.create(equipment_code="CH-1")
    return machine


def one(**fields: Any) -> dict[str, Any]:
    return {"equipment_code": "CH-1", "metric": "temperature", "value": 21.5, **fields}


def gateway(**reach: Any) -> APIClient:
    return APIClient(headers={"X-Device-Key": issue_key(**reach)[1]})


def stored(*readings: dict[str, Any]) -> None:
    assert ingest(readings, at=NOW).rejected == 0


def minutes_ago(n: int) -> str:
    return (NOW - timedelta(minutes=n)).isoformat()


# --- sending ----------------------------------------------------------------------------------------------------------


def test_it_works(chiller: Equipment) -> None:
    response = gateway().post(URL, {"readings": [one(), one(recorded_at=minutes_ago(1))]})

    assert response.status_code == 200
    assert response.json()["data"] == {"accepted": 2, "duplicate": 0, "conflict": 0, "rejected": 0, "errors": []}
    assert Reading.objects.count() == 2


def test_some_rejected_is_207(chiller: Equipment) -> None:
    response = gateway().post(URL, {"readings": [one(), one(metric="warmth")]})

    assert response.status_code == 207
    data = response.json()["data"]
    assert (response.json()["success"], data["accepted"], data["rejected"]) == (True, 1, 1)
    assert (data["errors"][0]["index"], data["errors"][0]["code"]) == (1, "unknown_metric")


def test_lines(chiller: Equipment) -> None:
    lines = "\n".join(json.dumps(one(recorded_at=minutes_ago(n))) for n in range(3)) + "\n\n"

    response = gateway().post(URL, lines, content_type="application/x-ndjson")

    assert response.json()["data"]["accepted"] == 3


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson; charset=utf-8"])
def test_gzip(chiller: Equipment, content_type: str) -> None:
    document = one() if "ndjson" in content_type else {"readings": [one()]}
    body = gzip.compress(json.dumps(document).encode(), mtime=0)

    response = gateway().post(URL, body, content_type=content_type, headers={"Content-Encoding": "gzip"})

    assert response.json()["data"]["accepted"] == 1


@pytest.mark.parametrize(
    ("literal", "code"),
    [
        ("NaN", "not_finite"), ("Infinity", "not_finite"), ("-Infinity", "not_finite"), ("1e400", "not_finite"),
        ("9" * 5000, "not_finite"), ('"21.5"', "wrong_type"), ("true", "wrong_type"), ("null", "wrong_type"),
        ("[[[[1]]]]", "wrong_type"), ("[" * 500 + "]" * 500, "wrong_type"), ('{"value": 1}', "wrong_type"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lines", [False, True])
def test_one_mad_value_costs_one_reading(chiller: Equipment, literal: str, code: str, lines: bool) -> None:
    mad = json.dumps(one(value=0)).replace(": 0", f": {literal}")
    good = json.dumps(one())
    body = f"{mad}\n{good}" if lines else f'{{"readings": [{mad}, {good}]}}'

    response = gateway().post(URL, body, content_type="application/x-ndjson" if lines else "application/json")

    assert response.status_code == 207, response.json()
    data = response.json()["data"]
    assert (data["accepted"], [error["code"] for error in data["errors"]]) == (1, [code])


@pytest.mark.parametrize("name", ["equipment_code", "equipment_id", "metric", "unit", "recorded_at", "x"])
@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\udfff\\ud800", "'; DROP TABLE iot_data; --", "x" * 100_000])
def test_mad_text_costs_one_reading(chiller: Equipment, name: str, text: str) -> None:
    mad = json.dumps(one(**{name: "?"})).replace('"?"', f'"{text}"')

    response = gateway().post(URL, f'{{"readings": [{mad}, {json.dumps(one())}]}}', content_type="application/json")

    assert response.status_code == 207
    assert (response.json()["data"]["accepted"], response.json()["data"]["rejected"]) == (1, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "VALIDATION_ERROR"),
        (b"{", "MALFORMED_JSON"),
        (b"\xff\xfe", "MALFORMED_JSON"),
        (b"[" * 100_000, "MALFORMED_JSON"),
        (b'{"readings": [' + b"[" * 100_000 + b"]}", "MALFORMED_JSON"),
        (b'{"readings": [{"value": 1}', "MALFORMED_JSON"),
        (b"[]", "VALIDATION_ERROR"),
        (b"null", "VALIDATION_ERROR"),
        (b"{}", "VALIDATION_ERROR"),
        (b'{"readings": {}}', "VALIDATION_ERROR"),
        (b'{"readings": null}', "VALIDATION_ERROR"),
        (b'{"readings": "x"}', "VALIDATION_ERROR"),
        (b'{"readings": [], "readinsg": []}', "UNKNOWN_FIELD"),
        (b'{"readings": [], "\\ud800\\u0000": []}', "UNKNOWN_FIELD"),
    ],
)
def test_a_body_that_is_no_batch_is_400(chiller: Equipment, body: bytes, code: str) -> None:
    assert_error(gateway().post(URL, body, content_type="application/json"), 400, code)


def test_a_broken_line_is_named_and_nothing_is_stored(chiller: Equipment) -> None:
    response = gateway().post(URL, f"{json.dumps(one())}\n{{broken", content_type="application/x-ndjson")

    assert "2" in assert_error(response, 400, "MALFORMED_JSON")["message"]
    assert not Reading.objects.exists()


def packed(document: Any) -> bytes:
    return gzip.compress(json.dumps(document).encode(), mtime=0)


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (b"{}", "gzip", 400, "MALFORMED_JSON"),
        (packed({"readings": []})[:-5], "gzip", 400, "MALFORMED_JSON"),
        (packed({"readings": []}) + b"x", "gzip", 400, "MALFORMED_JSON"),
        (gzip.compress(b" " * (MAX_BODY_BYTES + 1), mtime=0), "gzip", 413, "PAYLOAD_TOO_LARGE"),
        (b"{}", "br", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_body_that_doesnt_unpack(chiller: Equipment, body: bytes, encoding: str, status: int, code: str) -> None:
    headers = {"Content-Encoding": encoding}

    assert_error(gateway().post(URL, body, content_type="application/json", headers=headers), status, code)


def test_too_large(chiller: Equipment) -> None:
    body = b'{"readings": [' + b" " * MAX_BODY_BYTES + b"]}"

    assert_error(gateway().post(URL, body, content_type="application/json"), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
def test_too_many(chiller: Equipment, content_type: str) -> None:
    lines = ["{}"] * (MAX_READINGS + 1)
    body = "\n".join(lines) if "nd" in content_type else f'{{"readings": [{",".join(lines)}]}}'

    error = assert_error(gateway().post(URL, body, content_type=content_type), 413, "PAYLOAD_TOO_LARGE")
    assert error["meta"] == {"max_readings": MAX_READINGS}


def test_another_media_type(chiller: Equipment) -> None:
    response = gateway().post(URL, "value=1", content_type="application/x-www-form-urlencoded")

    assert_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_key_speaks_only_for_its_machines(chiller: Equipment) -> None:
    EquipmentFactory(equipment_code="CH-2")

    response = gateway(equipment=[chiller]).post(URL, {"readings": [one(), one(equipment_code="CH-2")]})

    assert response.status_code == 207
    assert [error["code"] for error in response.json()["data"]["errors"]] == ["forbidden_device"]


def test_a_key_whose_machines_are_gone_sends_nothing(chiller: Equipment) -> None:
    key, plain = issue_key(equipment=[chiller])
    key.equipment.clear()

    response = APIClient(headers={"X-Device-Key": plain}).post(URL, {"readings": [one()]})

    assert response.json()["data"]["rejected"] == 1


def test_administrators_send_too(api: Api, adam: User, chiller: Equipment) -> None:
    assert api(adam).post(URL, {"readings": [one()]}).json()["data"]["accepted"] == 1


@pytest.mark.parametrize("who", ["tess", "rita", "mona"])
def test_other_people_dont(api: Api, request: pytest.FixtureRequest, chiller: Equipment, who: str) -> None:
    assert_error(api(request.getfixturevalue(who)).post(URL, {"readings": []}), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("key", ["", "frd_wrong", "frd_" + "x" * 5000, "é"])
def test_a_wrong_key(chiller: Equipment, key: str) -> None:
    assert_error(APIClient().post(URL, {"readings": []}, headers={"X-Device-Key": key}), 401, "TOKEN_INVALID")


def test_strangers(chiller: Equipment) -> None:
    assert_error(APIClient().post(URL, {"readings": []}), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "path", [URL, f"{URL}/latest", "/api/v1/iot-metrics", "/api/v1/device-keys", "/api/v1/equipment"]
)
def test_gateways_only_send(chiller: Equipment, path: str) -> None:
    response = gateway().get(path)

    assert response.status_code in (401, 403)


def test_a_retry_with_an_idempotency_key_gets_the_same_answer(chiller: Equipment) -> None:
    client = gateway()
    first = client.post(URL, {"readings": [one()]}, headers={"Idempotency-Key": "k1"})
    again = client.post(URL, {"readings": [one()]}, headers={"Idempotency-Key": "k1"})

    assert first.json()["data"] == again.json()["data"]
    assert again["Idempotency-Replayed"] == "true"


def test_sending_costs_a_fixed_number_of_queries(chiller: Equipment, django_assert_max_num_queries: Any) -> None:
    client = gateway()
    client.post(URL, {"readings": [one()]})

    with django_assert_max_num_queries(11):
        client.post(URL, {"readings": [one(recorded_at=minutes_ago(n)) for n in range(500)]})


# --- reading ----------------------------------------------------------------------------------------------------------


def test_one_machines_readings_newest_first(api: Api, rita: User, chiller: Equipment) -> None:
    stored(one(value=1, recorded_at=minutes_ago(2)), one(value=2, recorded_at=minutes_ago(1)))

    response = api(rita).get(f"/api/v1/equipment/{chiller.pk}/iot-data")

    assert response.status_code == 200
    assert response.json()["data"] == [
        {
            "metric": "temperature",
            "value": 2.0,
            "unit": "Cel",
            "recorded_at": "2026-03-01T11:59:00Z",
            "quality": "GOOD",
        },
        {
            "metric": "temperature",
            "value": 1.0,
            "unit": "Cel",
            "recorded_at": "2026-03-01T11:58:00Z",
            "quality": "GOOD",
        },
    ]
    assert response.json()["pagination"] == {"next_cursor": None, "has_more": False}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_meet_without_gap_or_overlap(api: Api, rita: User, chiller: Equipment, limit: int) -> None:
    for metric in ("temperature", "vibration"):
        stored(*[one(metric=metric, value=n, recorded_at=minutes_ago(n)) for n in range(10)])
    url, seen, cursor = f"/api/v1/equipment/{chiller.pk}/iot-data", [], ""

    while True:
        body = api(rita).get(url, {"limit": limit, "cursor": cursor}).json()
        seen += [(row["metric"], row["value"]) for row in body["data"]]
        cursor = body["pagination"]["next_cursor"]
        if not cursor:
            break

    assert len(seen) == len(set(seen)) == 20
    assert [value for _, value in seen] == sorted(value for _, value in seen)


def test_from_is_inclusive_and_to_is_not(api: Api, rita: User, chiller: Equipment) -> None:
    stored(*[one(value=n, recorded_at=minutes_ago(n)) for n in range(5)])

    params = {"from": minutes_ago(3), "to": minutes_ago(1), "metric": "temperature"}
    response = api(rita).get(f"/api/v1/equipment/{chiller.pk}/iot-data", params)

    assert [row["value"] for row in response.json()["data"]] == [2.0, 3.0]


def test_a_plus_that_became_a_space(api: Api, rita: User, chiller: Equipment) -> None:
    stored(one())

    response = api(rita).get(f"/api/v1/equipment/{chiller.pk}/iot-data?from=2026-03-01T13:00:00+01:00")

    assert len(response.json()["data"]) == 1


def test_all_readings_by_machine_or_series(api: Api, rita: User, chiller: Equipment) -> None:
    stored(one(), one(metric="vibration", value=2))

    by_machine = api(rita).get(URL, {"equipment_id": str(chiller.pk)}).json()["data"]
    by_series = api(rita).get(URL, {"series_id": by_machine[0]["series_id"]}).json()["data"]

    assert {row["metric"] for row in by_machine} == {"temperature", "vibration"}
    assert (by_series, by_machine[0]["equipment_id"]) == ([by_machine[0]], str(chiller.pk))


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-03-01T12:00:00"}, "from"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to"),
        ({"to": "9999-12-31T23:59:59-14:00"}, "to"),
        ({"to": "2026-02-30T00:00:00Z"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "WzEsMl0x"}, "cursor"),
        ({"cursor": "W3RydWUsIDFd"}, "cursor"),
        ({"cursor": "WzFlMzAwLDFd"}, "cursor"),
        ({"cursor": "Wzk5OTk5OTk5OTk5OTk5OTk5OTksMV0"}, "cursor"),
        ({"metric": "warmth"}, "metric"),
        ({"metric": "\0"}, "metric"),
        ({"page": "2"}, "page"),
    ],
)
def test_parameters_that_make_no_sense(
    api: Api, rita: User, chiller: Equipment, params: dict[str, str], field: str
) -> None:
    response = api(rita).get(f"/api/v1/equipment/{chiller.pk}/iot-data", params)

    assert_error(response, 400, "INVALID_PARAMETER", field)


@pytest.mark.parametrize(
    "params", [{}, {"equipment_id": "x"}, {"series_id": "x"}, {"series_id": "0"}, {"series_id": "9" * 30}]
)
def test_the_list_needs_a_machine_or_a_series(api: Api, rita: User, params: dict[str, str]) -> None:
    assert_error(api(rita).get(URL, params), 400, "INVALID_PARAMETER")


def test_latest_of_many_machines(api: Api, rita: User, chiller: Equipment) -> None:
    other = EquipmentFactory(equipment_code="CH-2")
    stored(
        one(value=1, recorded_at=minutes_ago(5)), one(value=2), one(equipment_code="CH-2", metric="vibration", value=3)
    )

    response = api(rita).get(f"{URL}/latest", {"equipment_ids": f"{chiller.pk},{other.pk}"})

    rows = response.json()["data"]
    assert [(row["equipment_id"], row["metric"], row["value"]) for row in rows] == sorted(
        [(str(chiller.pk), "temperature", 2.0), (str(other.pk), "vibration", 3.0)]
    )


def test_latest_in_a_place(api: Api, rita: User, chiller: Equipment) -> None:
    EquipmentFactory(equipment_code="CH-2")
    stored(one(), one(equipment_code="CH-2"))

    response = api(rita).get(f"{URL}/latest", {"location_id": str(chiller.location.site_id)})

    assert [row["equipment_id"] for row in response.json()["data"]] == [str(chiller.pk)]


def test_latest_costs_a_fixed_number_of_queries(
    api: Api, rita: User, chiller: Equipment, django_assert_max_num_queries: Any
) -> None:
    machines = EquipmentFactory.create_batch(20)
    stored(*[one(equipment_code=machine.equipment_code) for machine in machines])

    with django_assert_max_num_queries(2):
        response = api(rita).get(f"{URL}/latest", {"equipment_ids": ",".join(str(machine.pk) for machine in machines)})
    assert len(response.json()["data"]) == 20


def test_a_page_costs_a_fixed_number_of_queries(
    api: Api, rita: User, chiller: Equipment, django_assert_max_num_queries: Any
) -> None:
    stored(*[one(recorded_at=minutes_ago(n)) for n in range(50)])

    with django_assert_max_num_queries(5):
        api(rita).get(f"/api/v1/equipment/{chiller.pk}/iot-data", {"metric": "temperature"})


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 400, "INVALID_PARAMETER"),
        ({"equipment_ids": "x"}, 400, "INVALID_PARAMETER"),
        ({"location_id": "x"}, 400, "INVALID_PARAMETER"),
        ({"location_id": "019c0000-0000-7000-8000-000000000000"}, 404, "NOT_FOUND"),
        ({"equipment_ids": ",".join(["019c0000-0000-7000-8000-000000000000"] * 501)}, 422, "RANGE_TOO_LARGE"),
    ],
)
def test_latest_refuses(api: Api, rita: User, params: dict[str, str], status: int, code: str) -> None:
    assert_error(api(rita).get(f"{URL}/latest", params), status, code)


@pytest.fixture
def closed_site(chiller: Equipment) -> Location:
    site: Location = chiller.location.site  # type: ignore[assignment]
    site.change(by=None, open_to_all=False)
    return site


def test_readings_out_of_sight(api: Api, olga: User, chiller: Equipment, closed_site: Location) -> None:
    stored(one())
    client = api(olga)

    assert_error(client.get(f"/api/v1/equipment/{chiller.pk}/iot-data"), 404, "NOT_FOUND")
    assert_error(client.get(f"{URL}/latest", {"location_id": str(closed_site.pk)}), 404, "NOT_FOUND")
    assert client.get(URL, {"equipment_id": str(chiller.pk)}).json()["data"] == []
    assert client.get(f"{URL}/latest", {"equipment_ids": str(chiller.pk)}).json()["data"] == []


def test_the_machines_page_shows_its_latest_readings(api: Api, rita: User, chiller: Equipment) -> None:
    stored(one())

    response = api(rita).get(f"/api/v1/equipment/{chiller.pk}")

    assert response.json()["data"]["latest_iot_data"] == [
        {
            "metric": "temperature",
            "value": 21.5,
            "unit": "Cel",
            "recorded_at": "2026-03-01T12:00:00Z",
            "quality": "GOOD",
        }
    ]
