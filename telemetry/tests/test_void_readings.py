"""What is void is left out wherever readings are read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from faultreporter.accounts.models import User
from telemetry import live
from telemetry.aggregation import rollups
from telemetry.aggregation.aggregates import aggregate
from telemetry.charts.chart_points import largest_triangles
from telemetry.detection import insights
from telemetry.models import HourRollup, LatestReading, Quality, Reading, Series
from telemetry.rules.backtest import stored_readings
from telemetry.tests.factories import DetectorFactory, SeriesFactory
from telemetry.tests.summing import keep

pytestmark = pytest.mark.django_db

Api = Callable[..., Any]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TIMES = [NOW - timedelta(minutes=minutes) for minutes in (40, 30, 20, 10)]


@pytest.fixture
def series(db: None, at_noon: None) -> Series:
    """Four readings, 1 to 4; the third is void."""
    series = SeriesFactory.create()
    keep([(series.pk, at, float(n)) for n, at in enumerate(TIMES, start=1)], at=NOW)
    Reading.objects.filter(series=series, recorded_at=TIMES[2]).update(quality=Quality.VOID)
    return series


@pytest.fixture
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def make_newest_void(series: Series) -> None:
    Reading.objects.filter(series=series, recorded_at=TIMES[3]).update(quality=Quality.VOID)
    LatestReading.objects.filter(series=series).update(void_at=TIMES[3])


def test_rollups_aggregates_and_charts_leave_it_out(series: Series) -> None:
    edges = [NOW - timedelta(hours=1), NOW]
    [before] = aggregate([series.pk], edges, at=NOW).buckets[series.pk]
    rollups.roll_up(at=NOW)
    [after] = aggregate([series.pk], edges, at=NOW).buckets[series.pk]
    chart = largest_triangles(series.pk, since=edges[0], until=NOW, points=10, at=NOW)

    assert (before.n, before.sum, before.max) == (after.n, after.sum, after.max) == (3, 7.0, 4.0)
    assert HourRollup.objects.get().n == 3
    assert [value for _, value in chart.points] == [1.0, 2.0, 4.0]


def test_what_has_only_void_readings_has_no_rollups(series: Series) -> None:
    rollups.roll_up(at=NOW)
    Reading.objects.update(quality=Quality.VOID)

    rollups.rebuild([rollups.Stretch(series.pk, NOW - timedelta(hours=1), NOW)], at=NOW)

    assert not HourRollup.objects.exists()


def test_rules_tried_on_the_past_and_detectors_leave_it_out(series: Series) -> None:
    tried = stored_readings(series, since=TIMES[0], until=NOW, limit=10)
    DetectorFactory.create(metric=series.metric)
    insights.prepare(at=NOW)
    behind = insights.lock_behind(insights.states_behind())
    [seen] = insights.unjudged_readings(behind, limit=10).values()

    assert [reading.value for reading in tried] == [value for _, value in seen] == [1.0, 2.0, 4.0]


def test_a_page_of_readings_shows_it_only_if_asked(api: Api, rita: User, series: Series) -> None:
    url = f"/api/v1/iot-data?series_id={series.pk}"

    plain, all_of_them = (api(rita).get(url + more).json()["data"] for more in ("", "&include_void=true"))

    assert [(one["value"], one["quality"]) for one in plain] == [(4.0, "GOOD"), (2.0, "GOOD"), (1.0, "GOOD")]
    assert [one["quality"] for one in all_of_them] == ["GOOD", "VOID", "GOOD", "GOOD"]
    assert api(rita).get(f"{url}&include_void=maybe").status_code == 400


def test_a_newest_reading_that_is_void_says_so(api: Api, rita: User, series: Series) -> None:
    make_newest_void(series)

    [latest] = api(rita).get(f"/api/v1/iot-data/latest?equipment_ids={series.equipment_id}").json()["data"]
    of_series = api(rita).get(f"/api/v1/iot-series/{series.pk}").json()["data"]["latest"]

    assert (latest["value"], latest["quality"]) == (of_series["value"], of_series["quality"]) == (4.0, "VOID")
    assert live.Directory().latest_of([series.pk]) == []
    assert not LatestReading.objects.good().exists()


def test_a_newer_reading_is_good_again(series: Series) -> None:
    make_newest_void(series)

    keep([(series.pk, NOW, 5.0)], at=NOW)

    assert LatestReading.objects.get().quality is Quality.GOOD
    assert [one.value for one in live.Directory().latest_of([series.pk])] == [5.0]


def test_pages_of_the_back_office_say_that_it_is_void(backoffice: Any, mona: User, series: Series) -> None:
    make_newest_void(series)
    browser = backoffice(mona)

    lists = [browser.get(f"/admin/telemetry/{name}/").content.decode() for name in ("series", "latestreading")]
    live_page = browser.get(f"/admin/equipment/equipment/{series.equipment_id}/live/")

    assert all("4 °C, void" in page for page in lists)
    assert live_page.context["config"]["series"][0]["is_void"] is True
