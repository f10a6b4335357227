"""Readings as a file for a spreadsheet."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from telemetry.files import exports
from telemetry.files.spreadsheets import guarded, unguarded
from telemetry.intake.ingest import ingest
from telemetry.models import Reading, Series
from telemetry.models.readings import Quality
from telemetry.tests.factories import MetricFactory
from telemetry.viewsets.exports import AT_ONCE, Sending

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "/api/v1/iot-data/export"
DAY = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z", "tz": "Europe/Vienna"}


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


def stored(*values: float, code: str = "CH-1", metric: str = "temperature") -> Series:
    """A reading a minute until noon."""
    rows = [
        {"equipment_code": code, "metric": metric, "value": value, "recorded_at": (NOW - minutes).isoformat()}
        for value, minutes in zip(values, (timedelta(minutes=n) for n in range(len(values) - 1, -1, -1)), strict=True)
    ]
    assert ingest(rows, at=NOW).accepted == len(values)
    return Series.objects.get(equipment__equipment_code=code, metric__code=metric)


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


def rows_of(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text_of(response), newline="")))


def test_readings_come_as_a_file_oldest_first_on_the_clock_asked_for(api: Api, rita: User, chiller: Equipment) -> None:
    series = stored(20, 21.5)

    response = api(rita).get(URL, {"series_id": series.pk, **DAY})

    assert text_of(response) == (
        "recorded_at,equipment_code,metric,unit,value\r\n"
        "2026-03-01T12:59:00+01:00,CH-1,temperature,Cel,20\r\n"
        "2026-03-01T13:00:00+01:00,CH-1,temperature,Cel,21.5\r\n"
    )
    assert response["Content-Type"].startswith("text/csv; charset=utf-8")
    assert response["Content-Disposition"] == 'attachment; filename="CH-1_temperature_2026-03-01_2026-03-02.csv"'


def test_several_series_follow_each_other(api: Api, rita: User, chiller: Equipment) -> None:
    stored(20)
    stored(1, 2, metric="vibration")

    query = {"equipment_id": str(chiller.pk), "metric": "vibration,temperature", **DAY}
    rows = rows_of(api(rita).get(URL, query))

    assert [(row[2], row[4]) for row in rows[1:]] == [("temperature", "20"), ("vibration", "1"), ("vibration", "2")]


def test_the_end_of_the_range_and_void_readings_are_left_out(api: Api, rita: User, chiller: Equipment) -> None:
    series = stored(1, 2, 3, 4)
    Reading.objects.filter(series=series, value=2).update(quality=Quality.VOID)

    rows = rows_of(api(rita).get(URL, {"series_id": series.pk, **DAY, "to": NOW.isoformat()}))

    assert [row[4] for row in rows[1:]] == ["1", "3"]


def test_buckets_have_a_row_each(api: Api, rita: User, chiller: Equipment) -> None:
    series = stored(20, 21, 25)

    rows = rows_of(api(rita).get(URL, {"series_id": series.pk, **DAY, "bucket": "1d"}))

    assert rows[0] == list(exports.BUCKET_HEADINGS)
    figures = ["3", "20.0", "25.0", "22.0", "66.0", "25.0"]
    times = ["2026-03-01T01:00:00+01:00", "2026-03-02T00:00:00+01:00", "2026-03-01T13:00:00+01:00"]
    assert rows[1] == [*times[:2], "CH-1", "temperature", "Cel", *figures, times[2]]


def test_a_file_can_be_imported_again(api: Api, rita: User, chiller: Equipment, tmp_path: Path) -> None:
    EquipmentFactory(equipment_code="-2")
    exact = stored(0.1, 1e-7, -12.25, 1 / 3)
    odd = stored(5, code="-2")
    Reading.objects.filter(series=exact, value=0.1).update(recorded_at=NOW - timedelta(microseconds=1))
    before = set(Reading.objects.values_list("series", "recorded_at", "value"))
    file = tmp_path / "readings.csv"
    file.write_text(text_of(api(rita).get(URL, {"series_id": f"{exact.pk},{odd.pk}", **DAY})), newline="")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM iot_data")

    call_command("import_readings", str(file))

    assert set(Reading.objects.values_list("series", "recorded_at", "value")) == before
    assert "'-2,temperature" in file.read_text()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "CH-1", "'", "", "%"])
def test_what_is_guarded_comes_back_and_begins_no_formula(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in {"=", "+", "-", "@", "\t"}


def test_more_than_a_file_may_have_is_refused_before_its_first_byte(api: Api, rita: User, chiller: Equipment) -> None:
    series = stored(1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO iot_data (series_id, recorded_at, value) SELECT %s, %s - n * interval '1 ms', 1"
            " FROM generate_series(1, %s) n",
            [series.pk, NOW, exports.MAX_ROWS],
        )

    error = assert_error(api(rita).get(URL, {"series_id": series.pk, **DAY}), 422, "RANGE_TOO_LARGE")

    assert error["meta"] == {"max_rows": exports.MAX_ROWS}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "INVALID_PARAMETER"),
        ({"format": "xlsx"}, "INVALID_PARAMETER"),
        ({"bucket": "2h"}, "INVALID_PARAMETER"),
        ({"tz": "Mars"}, "INVALID_PARAMETER"),
        ({"from": "2026-03-03T00:00:00Z"}, "INVALID_PARAMETER"),
    ],
)
def test_refusals_are_json(api: Api, rita: User, chiller: Equipment, params: dict[str, str], code: str) -> None:
    named = {"series_id": str(stored(1).pk), **DAY} if params else {}

    response = api(rita).get(URL, {**named, **params}, headers={"Accept": "text/csv"})

    assert_error(response, 400, code)


def test_out_of_sight_is_not_there(api: Api, olga: User, chiller: Equipment) -> None:
    series = stored(1)
    chiller.location.site.change(by=None, open_to_all=False)  # type: ignore[union-attr]  # it stands on one

    assert_error(api(olga).get(URL, {"series_id": series.pk, **DAY}), 404, "NOT_FOUND")


def test_only_so_many_are_sent_at_once(api: Api, rita: User, chiller: Equipment) -> None:
    query = {"series_id": stored(1).pk, **DAY}
    client = api(rita)
    unread, half_read = (client.get(URL, query).streaming_content for _ in range(2))
    next(half_read)

    response = client.get(URL, query)

    assert_error(response, 429, "EXPORT_BUSY")
    assert response["Retry-After"] == "5"
    assert [len(list(pieces)) for pieces in (half_read, unread)] == [1, 2]
    assert len(rows_of(client.get(URL, query))) == 2


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_file_that_is_broken_off_makes_room_once(read: int) -> None:
    for _again in range(3):
        sending = Sending(piece for piece in (b"heading", b"line"))
        assert len(list(islice(sending, read))) == read
        sending.close()
        sending.close()

    assert AT_ONCE.acquire(blocking=False)
    AT_ONCE.release()


def test_a_file_costs_a_fixed_number_of_queries(
    api: Api, rita: User, chiller: Equipment, django_assert_max_num_queries: Any
) -> None:
    series = stored(*range(50))

    with django_assert_max_num_queries(8):  # two name the time zone, two are a savepoint where a test is in the way
        rows_of(api(rita).get(URL, {"series_id": series.pk, **DAY}))
