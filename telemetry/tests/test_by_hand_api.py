"""Tess on her round: she reads dials, types what they show, and sends it when her phone has a connection again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog
from faultreporter.outbox.models import OutboxMessage
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory, SiteMembershipFactory
from telemetry.aggregation.rollups import roll_up
from telemetry.intake.ingest import ingest
from telemetry.models import HandReading, LatestReading, Reading, Series
from telemetry.tests.factories import CounterFactory, MeterFactory, MetricFactory, SeriesFactory

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY_HAND = "/api/v1/iot-data/by-hand"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def gas(db: None) -> Series:
    """A counter that showed 1,000 kWh yesterday."""
    series: Series = CounterFactory.create(read_by_hand=True, expected_interval_s=86_400)
    came(series, 1000, ago=timedelta(days=1))
    return series


def came(series: Series, value: float, *, ago: timedelta) -> None:
    """A reading as a gateway sends it."""
    names = {"equipment_id": str(series.equipment_id), "metric": series.metric.code}
    assert ingest([{**names, "value": value, "recorded_at": (NOW - ago).isoformat()}], at=NOW).accepted == 1


def readings_of(series: Series) -> str:
    return f"/api/v1/iot-series/{series.pk}/readings"


def closed_machine() -> Any:
    return EquipmentFactory.create(location=LocationFactory.create(open_to_all=False))


class TestOneReading:
    def test_it_is_a_reading_like_any_other_and_says_who_took_it(self, api: Api, tess: User, gas: Series) -> None:
        OutboxMessage.objects.all().delete()

        answer = api(tess).post(readings_of(gas), {"value": 1.25, "unit": "MW.h", "note": "Cellar"}, format="json")

        data = answer.json()["data"]
        assert answer.status_code == 201
        assert (data["outcome"], data["value"], data["unit"], data["recorded_at"]) == (
            "CREATED", 1250.0, "kW.h", "2026-03-01T12:00:00Z",
        )  # fmt: skip
        record = data["record"]
        assert (record["by_name"], record["note"], record["is_confirmed"]) == ("Tess", "Cellar", False)
        assert api(tess).get(answer["Location"]).json()["data"] == record
        assert Reading.objects.get(series=gas, recorded_at=NOW).value == 1250.0
        assert LatestReading.objects.get(series=gas).value == 1250.0
        assert [message.payload for message in OutboxMessage.objects.all()] == [{"series": [gas.pk]}]
        assert AuditLog.objects.filter(entity_type="iot_hand_readings", actor_id=tess.pk).count() == 1

    def test_the_same_value_at_the_same_moment_is_the_same_reading(self, api: Api, tess: User, gas: Series) -> None:
        body = {"value": 1100, "recorded_at": "2026-03-01T11:30:00+01:00"}
        first = api(tess).post(readings_of(gas), body, format="json")

        again = api(tess).post(readings_of(gas), {**body, "note": "sent twice"}, format="json")

        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json()["data"] == {**first.json()["data"], "outcome": "KNOWN"}
        assert HandReading.objects.count() == 1

    def test_what_a_gateway_sent_before_is_known_and_nobodys(self, api: Api, tess: User, gas: Series) -> None:
        answer = api(tess).post(readings_of(gas), {"value": 1000, "recorded_at": "2026-02-28T12:00:00Z"}, format="json")

        assert (answer.status_code, answer.json()["data"]["record"]) == (200, None)
        assert HandReading.objects.count() == 0

    def test_a_key_makes_a_retry_without_a_moment_harmless(
        self, api: Api, tess: User, gas: Series, clock: time_machine.Traveller
    ) -> None:
        client = api(tess)
        first = client.post(readings_of(gas), {"value": 1100}, format="json", headers={"Idempotency-Key": "a"})
        clock.shift(5)

        again = client.post(readings_of(gas), {"value": 1100}, format="json", headers={"Idempotency-Key": "a"})

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json()["data"] == first.json()["data"]
        assert HandReading.objects.count() == 1

    def test_another_value_for_the_moment_is_a_conflict_that_names_it(
        self, api: Api, tess: User, mona: User, gas: Series
    ) -> None:
        api(mona).post(readings_of(gas), {"value": 1100}, format="json")

        answer = api(tess).post(readings_of(gas), {"value": 1101}, format="json")

        error = assert_error(answer, 409, "READING_CONFLICT")
        assert (error["meta"]["stored_value"], error["details"][0]["field"]) == (1100.0, "value")
        assert "1,100 kWh is stored" in error["message"]
        assert HandReading.objects.get().by == mona

    @pytest.mark.parametrize(
        ("wrong", "field", "code"),
        [
            ({"value": 2e10}, "value", "out_of_physical_range"),
            ({"value": 1100, "unit": "bar"}, "unit", "unit_mismatch"),
            ({"value": 1100, "recorded_at": "2026-03-01T12:00:00"}, "recorded_at", "bad_timestamp"),
            ({"value": 1100, "recorded_at": "2026-03-01T13:00:00Z"}, "recorded_at", "future_timestamp"),
            ({"value": 1100, "recorded_at": "2024-03-01T13:00:00Z"}, "recorded_at", "too_old"),
        ],
    )
    def test_what_cannot_be_a_reading_is_refused_at_its_field(
        self, api: Api, tess: User, gas: Series, wrong: dict[str, Any], field: str, code: str
    ) -> None:
        error = assert_error(api(tess).post(readings_of(gas), wrong, format="json"), 422, "READING_REFUSED")

        assert [(detail["field"], detail["code"]) for detail in error["details"]] == [(field, code)]
        assert LatestReading.objects.get(series=gas).value == 1000.0

    @pytest.mark.parametrize("wrong", [{}, {"value": "12"}, {"value": None}, {"value": 1, "by": "me"}])
    def test_what_is_no_reading_at_all_is_an_invalid_body(
        self, api: Api, tess: User, gas: Series, wrong: dict[str, Any]
    ) -> None:
        assert api(tess).post(readings_of(gas), wrong, format="json").status_code == 400

    def test_a_late_reading_is_stored_and_the_newest_stays(self, api: Api, tess: User, gas: Series) -> None:
        came(gas, 1200, ago=timedelta(hours=1))
        body = {"value": 1100, "recorded_at": "2026-02-28T20:00:00Z"}

        assert api(tess).post(readings_of(gas), body, format="json").status_code == 201

        assert LatestReading.objects.get(series=gas).value == 1200

    def test_reporters_may_not_and_what_is_out_of_sight_is_not_there(
        self, api: Api, rita: User, olga: User, gas: Series
    ) -> None:
        hidden: Series = SeriesFactory.create(equipment=closed_machine())

        assert_error(api(rita).post(readings_of(gas), {"value": 1100}, format="json"), 403, "PERMISSION_DENIED")
        assert_error(api(olga).post(readings_of(hidden), {"value": 20}, format="json"), 404, "NOT_FOUND")
        SiteMembershipFactory.create(user=olga, site=hidden.equipment.location)
        assert api(olga).post(readings_of(hidden), {"value": 20}, format="json").status_code == 201

    def test_it_stays_within_its_budget(
        self, api: Api, tess: User, django_assert_max_num_queries: Any, gas: Series
    ) -> None:
        MeterFactory.create(series=gas, max_per_hour=100)
        client = api(tess)

        with django_assert_max_num_queries(8 + 6):  # savepoints, and who is acting
            assert client.post(readings_of(gas), {"value": 1100}, format="json").status_code == 201


class TestTypingErrors:
    def test_less_than_before_is_doubted_and_taken_when_it_is_confirmed(
        self, api: Api, tess: User, gas: Series
    ) -> None:
        refused = api(tess).post(readings_of(gas), {"value": 110}, format="json")

        error = assert_error(refused, 422, "IMPLAUSIBLE_READING")
        assert error["message"] == (
            "110 kWh is not what was to be expected, which is at least 1,000 kWh. The reading before was 1,000 kWh at"
            " 2026-02-28 12:00. Check the digits. If the value is right, send it with confirm: true."
        )
        assert (error["meta"]["usual_low"], error["meta"]["usual_high"]) == (1000.0, None)
        assert LatestReading.objects.get(series=gas).value == 1000

        taken = api(tess).post(readings_of(gas), {"value": 110, "confirm": True}, format="json")

        assert (taken.status_code, taken.json()["data"]["record"]["is_confirmed"]) == (201, True)

    def test_a_meter_also_says_how_fast_it_is(self, api: Api, tess: User, gas: Series) -> None:
        MeterFactory.create(series=gas, max_per_hour=10)

        error = assert_error(
            api(tess).post(readings_of(gas), {"value": 12_000}, format="json"), 422, "IMPLAUSIBLE_READING"
        )

        assert (error["meta"]["usual_low"], error["meta"]["usual_high"]) == (1000.0, 1240.0)
        assert error["meta"]["may_be_exchange"] is False

    def test_a_replaced_meter_is_suggested_and_once_recorded_it_is_believed(
        self, api: Api, tess: User, mona: User, gas: Series
    ) -> None:
        meter = MeterFactory.create(series=gas, max_per_hour=10)
        error = assert_error(api(tess).post(readings_of(gas), {"value": 5}, format="json"), 422, "IMPLAUSIBLE_READING")
        assert error["meta"]["may_be_exchange"] is True
        assert "record the exchange" in error["message"]

        meter.record_exchange(by=mona, at=NOW - timedelta(hours=2), now=NOW, final=1100, initial=0)

        taken = api(tess).post(readings_of(gas), {"value": 5}, format="json")
        assert (taken.status_code, taken.json()["data"]["record"]["is_confirmed"]) == (201, False)

    def test_a_gauge_is_measured_by_its_year_once_there_is_enough_of_it(self, api: Api, tess: User) -> None:
        series: Series = SeriesFactory.create()
        for hour in range(1, 20):
            came(series, 20 + hour % 3, ago=timedelta(hours=hour))
        roll_up(at=NOW)
        at = {"recorded_at": "2026-03-01T11:50:00Z"}
        assert api(tess).post(readings_of(series), {"value": 200, **at}, format="json").status_code == 201
        came(series, 21, ago=timedelta(hours=20))
        Reading.objects.filter(series=series, value=200).delete()
        roll_up(at=NOW)

        error = assert_error(
            api(tess).post(readings_of(series), {"value": 200}, format="json"), 422, "IMPLAUSIBLE_READING"
        )

        assert (error["meta"]["usual_low"], error["meta"]["usual_high"]) == (20 - 3 * 2.2, 22 + 3 * 2.2)
        assert api(tess).post(readings_of(series), {"value": 28}, format="json").status_code == 201


class TestARound:
    def test_each_reading_has_its_own_outcome(self, api: Api, tess: User, gas: Series) -> None:
        metric = MetricFactory.create()
        hidden: Series = SeriesFactory.create(equipment=closed_machine())
        machine = EquipmentFactory.create()
        stored = {"series_id": gas.pk, "recorded_at": "2026-02-28T12:00:00Z"}
        readings: list[Any] = [
            {"series_id": gas.pk, "value": 1300, "recorded_at": "2026-03-01T11:00:00Z"},
            {"series_id": gas.pk, "value": 1200, "recorded_at": "2026-03-01T08:00:00Z"},
            {**stored, "value": 1000},
            {**stored, "value": 999},
            {"series_id": gas.pk, "value": 3, "recorded_at": "2026-03-01T11:30:00Z"},
            {"equipment_id": str(machine.pk), "metric": metric.code, "value": 21},
            {"equipment_id": str(machine.pk), "metric": "mood", "value": 1},
            {"series_id": hidden.pk, "value": 1},
            {"equipment_id": str(hidden.equipment_id), "metric": metric.code, "value": 1},
            {"series_id": gas.pk, "value": "1400"},
            "1400",
            {"value": 12},
        ]

        answer = api(tess).post(BY_HAND, {"readings": readings}, format="json")

        data = answer.json()["data"]
        assert answer.status_code == 207
        assert [(one["outcome"], one["error"] and one["error"]["code"]) for one in data["outcomes"]] == [
            ("CREATED", None),
            ("CREATED", None),
            ("KNOWN", None),
            ("CONFLICT", "READING_CONFLICT"),
            ("REFUSED", "IMPLAUSIBLE_READING"),
            ("CREATED", None),
            ("REFUSED", "READING_REFUSED"),
            ("REFUSED", "NOT_FOUND"),
            ("REFUSED", "NOT_FOUND"),
            ("REFUSED", "VALIDATION_ERROR"),
            ("REFUSED", "VALIDATION_ERROR"),
            ("REFUSED", "VALIDATION_ERROR"),
        ]
        assert [data[name] for name in ("created", "known", "conflict", "refused")] == [3, 1, 1, 7]
        assert [one["index"] for one in data["outcomes"]] == list(range(12))
        assert data["outcomes"][3]["error"]["meta"]["stored_value"] == 1000.0
        assert LatestReading.objects.get(series=gas).value == 1300

    def test_a_whole_round_is_200_also_when_it_is_sent_again(self, api: Api, tess: User, gas: Series) -> None:
        body = {"readings": [{"series_id": gas.pk, "value": 1300, "recorded_at": "2026-03-01T11:00:00Z"}]}

        answers = [api(tess).post(BY_HAND, body, format="json") for _again in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert [answer.json()["data"]["outcomes"][0]["outcome"] for answer in answers] == ["CREATED", "KNOWN"]

    def test_the_first_reading_begins_a_series_that_is_read_by_hand(self, api: Api, tess: User) -> None:
        machine, metric = EquipmentFactory.create(), MetricFactory.create()
        names = {"equipment_id": str(machine.pk), "metric": metric.code}

        data = api(tess).post(BY_HAND, {"readings": [{**names, "value": 21}]}, format="json").json()["data"]

        series = Series.objects.get(pk=data["outcomes"][0]["reading"]["series_id"])
        assert (series.equipment, series.metric, series.read_by_hand) == (machine, metric, True)

    def test_a_refused_reading_begins_nothing(self, api: Api, tess: User) -> None:
        machine, metric = EquipmentFactory.create(), MetricFactory.create()
        names = {"equipment_id": str(machine.pk), "metric": metric.code}

        api(tess).post(BY_HAND, {"readings": [{**names, "value": 2100}]}, format="json")

        assert not Series.objects.filter(equipment=machine).exists()

    def test_the_dial_of_a_round_is_judged_reading_by_reading(self, api: Api, tess: User) -> None:
        """A new series, typed out of order: 90 is what the dial can't have shown after 100."""
        machine = EquipmentFactory.create()
        metric = CounterFactory.create().metric
        names = {"equipment_id": str(machine.pk), "metric": metric.code}
        readings = [
            {**names, "value": 90, "recorded_at": "2026-03-01T11:00:00Z"},
            {**names, "value": 100, "recorded_at": "2026-03-01T10:00:00Z"},
        ]

        data = api(tess).post(BY_HAND, {"readings": readings}, format="json").json()["data"]

        assert [one["outcome"] for one in data["outcomes"]] == ["REFUSED", "CREATED"]

    @pytest.mark.parametrize("body", [{}, {"readings": []}, {"readings": [{}] * 101}, {"readings": {}}, {"x": 1}])
    def test_a_round_has_one_to_a_hundred_readings(self, api: Api, tess: User, body: dict[str, Any]) -> None:
        assert api(tess).post(BY_HAND, body, format="json").status_code == 400


class TestLists:
    def test_who_read_what_is_listed_newest_first(
        self, api: Api, tess: User, mona: User, olga: User, gas: Series, django_assert_max_num_queries: Any
    ) -> None:
        hidden: Series = SeriesFactory.create(equipment=closed_machine())
        SiteMembershipFactory.create(user=mona, site=hidden.equipment.location)
        api(tess).post(readings_of(gas), {"value": 1100, "recorded_at": "2026-03-01T10:00:00Z"}, format="json")
        api(mona).post(readings_of(gas), {"value": 10, "confirm": True, "note": "odd"}, format="json")
        api(mona).post(readings_of(hidden), {"value": 20, "recorded_at": "2026-03-01T12:05:00Z"}, format="json")

        def values(user: User, **query: Any) -> list[float]:
            return [row["value"] for row in api(user).get(BY_HAND, query).json()["data"]]

        with django_assert_max_num_queries(4):
            assert values(olga) == [10, 1100]
        assert values(mona, ordering="recorded_at") == [1100, 10, 20]
        assert values(mona, by_id=str(tess.pk)) == [1100]
        assert values(mona, ordering="-recorded_at")[0] == 20
        assert values(mona, recorded_after="2026-03-01T11:00:00Z", series_id=gas.pk) == [10]
        assert values(mona, recorded_before="2026-03-01T11:00:00Z") == [1100]
        assert values(mona, is_confirmed="true") == [10]
        assert values(mona, search="odd") == [10]
        assert values(mona, location_id=str(hidden.equipment.location_id)) == [20]
        assert values(mona, metric=gas.metric.code, equipment_id=str(gas.equipment_id)) == [10, 1100]

    def test_what_is_to_be_read_is_what_people_read_and_is_due(self, api: Api, tess: User, mona: User) -> None:
        """A day for the counter: after a day it is due. A sensor is only late after three of its intervals."""
        place = LocationFactory.create()
        due: Series = CounterFactory.create(
            equipment=EquipmentFactory.create(location=place), read_by_hand=True, expected_interval_s=86_400
        )
        came(due, 5, ago=timedelta(hours=25))
        read: Series = CounterFactory.create(read_by_hand=True, expected_interval_s=86_400)
        came(read, 5, ago=timedelta(hours=23))
        sensor: Series = CounterFactory.create(expected_interval_s=86_400)
        came(sensor, 5, ago=timedelta(hours=25))

        def listed(**query: Any) -> list[int]:
            asked = {"read_by_hand": "true", "is_stale": "true", "ordering": "location", **query}
            return [row["id"] for row in api(tess).get("/api/v1/iot-series", asked).json()["data"]]

        assert listed() == listed(location_id=str(place.pk)) == [due.pk]
        api(mona).patch(f"/api/v1/iot-series/{sensor.pk}", {"read_by_hand": True})
        assert sorted(listed()) == sorted([due.pk, sensor.pk])
        api(tess).post(readings_of(due), {"value": 6}, format="json")
        assert listed() == [sensor.pk]
