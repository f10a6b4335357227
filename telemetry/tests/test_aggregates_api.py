"""Buckets and charts over REST: exact whatever is rolled up, absent where nothing was measured."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from telemetry.aggregation.aggregates import aggregate, cover, rollups
from telemetry.aggregation.buckets import BUCKETS, edges
from telemetry.aggregation.rollups import WINDOW, Stretch, floor_to, rebuild, roll_up
from telemetry.models import Arrival, DayRollup, HourRollup, MinuteRollup, QuarterRollup, Reading, Series
from telemetry.tests.factories import MetricFactory, SeriesFactory
from telemetry.tests.summing import Sums, keep, sums

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGGREGATE, CHART = "/api/v1/iot-data/aggregate", "/api/v1/iot-data/chart"


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def line() -> Series:
    made: Series = SeriesFactory.create()
    return made


def roll_up_all() -> None:
    while roll_up(at=NOW):
        pass


def ask(client: APIClient, url: str, **parameters: Any) -> Any:
    response = client.get(url, {name.rstrip("_"): value for name, value in parameters.items()})
    assert response.status_code == 200, response.json()
    return response.json()["data"]


def test_it_works(api: Api, rita: User, line: Series) -> None:
    keep([(line.pk, NOW - timedelta(minutes=n), float(n)) for n in range(1, 91)], at=NOW)
    roll_up_all()

    (found,) = ask(
        api(rita), AGGREGATE, series_id=line.pk, from_="2026-03-01T10:00:00Z", to="2026-03-01T12:00:00Z", bucket="1h"
    )

    assert (found["metric"], found["unit"], found["step"], found["source"]) == ("temperature", "Cel", "1h", "1h")
    assert found["equipment_id"] == str(line.equipment_id)
    assert [bucket["count"] for bucket in found["buckets"]] == [30, 60]
    assert found["buckets"][1] == {
        "starts_at": "2026-03-01T11:00:00Z", "ends_at": "2026-03-01T12:00:00Z", "count": 60, "min": 1.0, "max": 60.0,
        "avg": 30.5, "sum": 1830.0, "last": 1.0, "last_at": "2026-03-01T11:59:00Z",
    }  # fmt: skip


def test_what_is_not_rolled_up_yet_counts_all_the_same(api: Api, rita: User, line: Series) -> None:
    keep([(line.pk, NOW - timedelta(hours=30), 1.0), (line.pk, NOW - timedelta(hours=1), 2.0)], at=NOW)
    roll_up_all()
    keep([(line.pk, NOW - timedelta(hours=29, minutes=50), 3.0), (line.pk, NOW - timedelta(minutes=1), 4.0)], at=NOW)

    (found,) = ask(api(rita), AGGREGATE, series_id=line.pk, from_="2026-02-28T00:00:00Z", bucket="1d", tz="UTC")

    assert [(bucket["count"], bucket["sum"]) for bucket in found["buckets"]] == [(2, 4.0), (2, 6.0)]


def test_a_bucket_without_readings_is_absent(api: Api, rita: User, line: Series) -> None:
    keep([(line.pk, NOW - timedelta(minutes=50), 0.0), (line.pk, NOW - timedelta(minutes=10), 0.0)], at=NOW)

    (found,) = ask(api(rita), AGGREGATE, series_id=line.pk, from_="2026-03-01T11:00:00Z", bucket="15m")

    assert [bucket["starts_at"][11:16] for bucket in found["buckets"]] == ["11:00", "11:45"]


def test_a_machine_that_never_had_such_readings_has_no_buckets(api: Api, rita: User) -> None:
    asked = {"equipment_id": EquipmentFactory().pk, "metric": MetricFactory().code, "from_": "2026-03-01T00:00:00Z"}

    assert ask(api(rita), AGGREGATE, **asked, bucket="1h") == []


def test_several_metrics_of_a_machine_on_the_sites_clock(api: Api, rita: User) -> None:
    machine = EquipmentFactory(location=LocationFactory(kind="SITE", parent=None, time_zone="Asia/Kolkata"))
    warm = SeriesFactory.create(equipment=machine)
    shaking = SeriesFactory.create(equipment=machine, metric=MetricFactory(vibration=True))
    MetricFactory(pressure=True)
    keep([(warm.pk, NOW, 1.0), (shaking.pk, NOW, 2.0)], at=NOW)
    codes = "vibration,temperature,pressure"

    found = ask(
        api(rita), AGGREGATE, equipment_id=machine.pk, metric=codes, from_="2026-02-01T00:00:00Z",
        to="2026-03-02T00:00:00Z", bucket="1d",
    )  # fmt: skip

    assert [one["metric"] for one in found] == ["temperature", "vibration"]
    assert {one["tz"] for one in found} == {"Asia/Kolkata"}
    assert [bucket["starts_at"] for bucket in found[0]["buckets"]] == ["2026-02-28T18:30:00Z"]


def test_values_too_large_to_add_up_have_no_sum(api: Api, rita: User, line: Series) -> None:
    keep([(line.pk, NOW - timedelta(seconds=n), 1.7e308) for n in (1, 2)], at=NOW)
    roll_up_all()

    (found,) = ask(api(rita), AGGREGATE, series_id=line.pk, from_="2026-03-01T11:00:00Z", bucket="1h")

    (bucket,) = found["buckets"]
    assert (bucket["sum"], bucket["avg"], bucket["max"]) == (None, None, 1.7e308)


def test_a_method_in_any_case_but_a_bucket_only_as_it_is_written(api: Api, rita: User, line: Series) -> None:
    asked = {"series_id": line.pk, "from_": "2026-03-01T00:00:00Z"}

    assert ask(api(rita), CHART, **asked, method="lttb")["method"] == "LTTB"
    refused = api(rita).get(AGGREGATE, {"series_id": line.pk, "from": "2026-03-01T00:00:00Z", "bucket": "1M"})
    assert_error(refused, 400, "INVALID_PARAMETER", "bucket")


def test_a_chart_keeps_every_peak(api: Api, rita: User, line: Series) -> None:
    keep([(line.pk, NOW - timedelta(minutes=n), 99.0 if n == 777 else 1.0) for n in range(1, 1441)], at=NOW)
    roll_up_all()

    found = ask(api(rita), CHART, series_id=line.pk, from_="2026-02-28T12:00:00Z", points=100)

    assert (found["method"], found["step_s"], found["source"]) == ("MINMAX", 900, "15m")
    assert len(found["points"]) == 96
    assert max(highest for _, _, highest, _ in found["points"]) == 99.0
    assert found["points"][0][0] == int(datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp() * 1000)


def test_a_chart_of_readings_that_draw_the_same_line(api: Api, rita: User, line: Series) -> None:
    keep([(line.pk, NOW - timedelta(minutes=n), float(n % 7)) for n in range(1, 501)], at=NOW)
    machine = {"equipment_id": line.equipment_id, "metric": "temperature"}

    found = ask(api(rita), CHART, **machine, from_="2026-02-28T12:00:00Z", points=50, method="LTTB")

    stored = {
        (moment.timestamp() * 1000, value) for moment, value in Reading.objects.values_list("recorded_at", "value")
    }
    assert (found["step_s"], found["source"], len(found["points"])) == (None, "raw", 50)
    assert {(at, value) for at, value in found["points"]} <= stored


def test_a_long_chart_looks_at_the_last_reading_of_each_row(
    api: Api, rita: User, line: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.charts.chart_points.MOST_READ", 100)
    keep([(line.pk, NOW - timedelta(minutes=n), float(n)) for n in range(1, 600)], at=NOW)
    roll_up_all()
    keep([(line.pk, NOW - timedelta(seconds=1), 7.5)], at=NOW)

    found = ask(api(rita), CHART, series_id=line.pk, from_="2026-02-28T12:00:00Z", points=30, method="LTTB")

    assert (found["source"], len(found["points"])) == ("15m", 30)
    assert found["points"][-1] == [(NOW - timedelta(seconds=1)).timestamp() * 1000, 7.5]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"bucket": "1h"}, "from"),
        ({"from": "2026-03-01T11:00:00Z"}, "bucket"),
        ({"from": "2026-03-01T11:00:00Z", "bucket": "2h"}, "bucket"),
        ({"from": "2026-03-01T13:00:00Z", "bucket": "1h"}, "from"),
        ({"from": "0001-01-01T00:00:00Z", "bucket": "1mo"}, "from"),
        ({"from": "2026-03-01T11:00:00Z", "bucket": "1h", "tz": "Mars/Olympus"}, "tz"),
        ({"from": "2026-03-01T11:00:00Z", "bucket": "1h", "metric": "temperature"}, "metric"),
        ({"from": "2026-03-01T11:00:00Z", "bucket": "1h", "series_id": "1,x"}, "series_id"),
    ],
)
def test_what_makes_no_sense_is_refused(
    api: Api, rita: User, line: Series, parameters: dict[str, str], field: str
) -> None:
    response = api(rita).get(AGGREGATE, {"series_id": line.pk, **parameters})

    assert_error(response, 400, "INVALID_PARAMETER", field=field)


@pytest.mark.parametrize("url", [AGGREGATE, CHART])
def test_either_the_series_or_the_machine_is_named(api: Api, rita: User, line: Series, url: str) -> None:
    asked = {"from": "2026-03-01T11:00:00Z", **({"bucket": "1h"} if url == AGGREGATE else {})}
    both = {"series_id": line.pk, "equipment_id": line.equipment_id, "metric": "temperature"}

    assert_error(api(rita).get(url, asked), 400, "INVALID_PARAMETER", field="series_id")
    assert_error(api(rita).get(url, {**asked, **both}), 400, "INVALID_PARAMETER", field="series_id")
    only = {"equipment_id": line.equipment_id}
    assert_error(api(rita).get(url, {**asked, **only}), 400, "INVALID_PARAMETER", field="metric")
    unknown = {**only, "metric": "warmth"}
    assert_error(api(rita).get(url, {**asked, **unknown}), 400, "INVALID_PARAMETER", field="metric")


def test_too_many_buckets_are_refused_with_the_way_out(api: Api, rita: User, line: Series) -> None:
    asked = {"series_id": line.pk, "from": "2025-03-01T00:00:00Z", "bucket": "1m"}

    response = api(rita).get(AGGREGATE, asked)

    assert_error(response, 422, "RANGE_TOO_LARGE", field="bucket")
    assert "larger ones" in response.json()["error"]["message"]


def test_a_series_out_of_sight_is_not_there(api: Api, rita: User, olga: User) -> None:
    site = LocationFactory(kind="SITE", parent=None, open_to_all=False)
    hidden = SeriesFactory.create(equipment=EquipmentFactory(location=site))
    keep([(hidden.pk, NOW, 1.0)], at=NOW)
    asked = {"from": "2026-03-01T11:00:00Z", "bucket": "1h"}
    machine = {"equipment_id": hidden.equipment_id, "metric": "temperature"}

    assert_error(api(olga).get(AGGREGATE, {**asked, "series_id": hidden.pk}), 404, "NOT_FOUND")
    assert_error(api(olga).get(AGGREGATE, {**asked, **machine}), 404, "NOT_FOUND")
    assert_error(api(olga).get(CHART, {"from": asked["from"], "series_id": hidden.pk}), 404, "NOT_FOUND")
    assert_error(api(olga).get(CHART, {"from": asked["from"], "series_id": hidden.pk + 999}), 404, "NOT_FOUND")


def forget_long_ago(line: Series, settings: Any) -> str:
    """Readings of a year ago that have been rolled up and dropped; answers from when, unaligned."""
    long_ago = NOW - timedelta(days=300)
    keep([(line.pk, long_ago + timedelta(minutes=n), float(n)) for n in range(60)], at=NOW)
    roll_up_all()
    Reading.objects.all().delete()
    settings.READINGS_KEPT_MONTHS = 2
    return (long_ago - timedelta(minutes=7)).isoformat()


def test_readings_that_are_gone_live_on_in_their_quarters(api: Api, rita: User, line: Series, settings: Any) -> None:
    since = forget_long_ago(line, settings)
    asked = {"series_id": line.pk, "from": since}

    refused = api(rita).get(AGGREGATE, {**asked, "bucket": "1d"})
    (found,) = ask(api(rita), AGGREGATE, **asked | {"from": "2025-05-05T00:00:00Z"}, bucket="1d", tz="Asia/Kolkata")

    assert_error(refused, 422, "RANGE_TOO_LARGE", field="from")
    assert refused.json()["error"]["meta"]["kept_since"] == "2026-01-01T00:00:00Z"
    assert [(bucket["count"], bucket["sum"]) for bucket in found["buckets"]] == [(60, sum(range(60)))]


@pytest.mark.parametrize("method", ["MINMAX", "LTTB"])
def test_charts_of_what_is_gone_have_columns_of_a_quarter_or_more(
    api: Api, rita: User, line: Series, settings: Any, method: str
) -> None:
    since = forget_long_ago(line, settings)

    found = ask(api(rita), CHART, series_id=line.pk, **{"from": since}, to="2025-05-06T00:00:00Z", method=method)

    assert (found["source"], len(found["points"])) == ("15m", 4)


def test_rebuilding_leaves_alone_what_is_all_that_is_left(line: Series, settings: Any) -> None:
    forget_long_ago(line, settings)

    rebuild([Stretch(line.pk, NOW - timedelta(days=366), NOW)], at=NOW)

    assert QuarterRollup.objects.count() == 4


def test_queries(api: Api, rita: User, line: Series, django_assert_num_queries: Any) -> None:
    keep([(line.pk, NOW - timedelta(hours=n), 1.0) for n in range(100)], at=NOW)
    client, since = api(rita), "2026-02-01T00:07:00Z"

    with django_assert_num_queries(4):
        ask(client, AGGREGATE, series_id=line.pk, from_=since, bucket="1d")
    with django_assert_num_queries(4):
        ask(client, CHART, series_id=line.pk, from_=since)


def test_pieces_are_the_coarsest_that_fit_around_what_is_stale() -> None:
    since, until = datetime(2026, 2, 26, 23, 50, 30, tzinfo=UTC), datetime(2026, 3, 1, 1, tzinfo=UTC)
    stale = [datetime(2026, 2, 28, 5, 15, tzinfo=UTC)]

    pieces = [(piece.source.name, f"{piece.since:%d %H:%M:%S}") for piece in cover(since, until, rollups(NOW), stale)]

    assert pieces == [
        ("raw", "26 23:50:30"), ("1m", "26 23:51:00"), ("1d", "27 00:00:00"), ("1h", "28 00:00:00"),
        ("15m", "28 05:00:00"), ("raw", "28 05:15:00"), ("15m", "28 05:30:00"), ("1h", "28 06:00:00"),
        ("1h", "01 00:00:00"),
    ]  # fmt: skip


ANY_MOMENT = st.datetimes(datetime(2025, 3, 20), datetime(2026, 3, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds it


@given(ANY_MOMENT, st.timedeltas(timedelta(0), timedelta(days=200)), st.lists(ANY_MOMENT, max_size=20))
def test_pieces_follow_one_another_and_read_nothing_stale_from_roll_ups(
    since: datetime, length: timedelta, moments: list[datetime]
) -> None:
    stale = sorted({floor_to(moment, WINDOW) for moment in moments})

    pieces = list(cover(since, since + length, rollups(NOW), stale))

    assert [since, *(piece.until for piece in pieces)] == [*(piece.since for piece in pieces), since + length]
    for piece in pieces:
        if piece.source.name != "raw":
            assert piece.since == floor_to(piece.since, piece.source.step) >= piece.source.since
            assert piece.until == floor_to(piece.until, piece.source.step)
            assert not any(window < piece.until and piece.since < window + WINDOW for window in stale)


# --- any readings, in any zone, rolled up or not ----------------------------------------------------------------------

CHANGES = [
    datetime(2025, 3, 30, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, tzinfo=UTC),
    datetime(2025, 11, 2, 4, 30, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 2, 28, 18, 30, tzinfo=UTC),
]  # fmt: skip
AROUND = st.builds(
    lambda base, minutes, seconds: base + timedelta(minutes=minutes, seconds=seconds),
    st.sampled_from(CHANGES), st.integers(-1800, 1800), st.sampled_from([0, 0, 1, 59]),
)  # fmt: skip
BATCH = st.lists(st.tuples(AROUND, st.floats(-1e6, 1e6)), min_size=1, max_size=25)


def naively(series_id: int, found: list[datetime]) -> dict[datetime, Sums]:
    grouped = defaultdict(list)
    for moment, value in Reading.objects.filter(series=series_id).values_list("recorded_at", "value"):
        if found[0] <= moment < found[-1]:
            grouped[found[bisect_right(found, moment) - 1]].append((series_id, moment, value))
    return {start: sums(readings) for start, readings in grouped.items()}


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(BATCH, min_size=1, max_size=3), st.sampled_from(["never", "between", "after"]),
    st.sampled_from(BUCKETS), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]),
    st.sampled_from(CHANGES), st.integers(-100, 100), st.integers(1, 3000),
)  # fmt: skip
def test_any_readings_in_any_zone_come_to_what_they_come_to(
    line: Series, batches: list[Any], rolled: str, bucket: str, zone: str, base: datetime, offset: int, length: int
) -> None:
    for table in (Reading, Arrival, MinuteRollup, QuarterRollup, HourRollup, DayRollup):
        table._default_manager.all().delete()
    for number, batch in enumerate(batches):
        keep([(line.pk, *one) for one in batch], at=NOW)
        if rolled == "after" or (rolled == "between" and number == 0):
            roll_up_all()
    since = base + timedelta(minutes=offset - length // 2)
    found = edges(bucket, since=since, until=since + timedelta(minutes=length), zone=ZoneInfo(zone))

    summed = aggregate([line.pk], found, at=NOW)

    buckets = summed.buckets[line.pk]
    assert {one.starts_at: Sums(one.n, one.sum, one.min, one.max, one.last, one.last_at) for one in buckets} == naively(
        line.pk, found
    )
