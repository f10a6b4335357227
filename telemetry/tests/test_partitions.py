from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from telemetry import tasks
from telemetry.catalogue import load_metrics
from telemetry.models import Arrival, Metric, Reading
from telemetry.store.partitions import (
    MAX_AGE,
    count_caught,
    covered_months,
    earliest_accepted,
    ensure_partitions,
    existing_partitions,
    outdated_partitions,
    prune,
)
from telemetry.tests.factories import SeriesFactory
from telemetry.units import is_unit

pytestmark = pytest.mark.django_db

FAR = datetime(2040, 5, 17, tzinfo=UTC)


def test_it_works() -> None:
    made = [name for name in ensure_partitions(at=FAR) if name.startswith("iot_data")]

    assert (made[0], made[-1], len(made)) == ("iot_data_y2039m05", "iot_data_y2040m08", 16)
    assert set(made) <= existing_partitions()
    assert ensure_partitions(at=FAR) == []


@pytest.mark.parametrize("at", [FAR, datetime(2028, 2, 29, 23, 59, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)])
def test_the_months_cover_every_reading_that_is_accepted(at: datetime) -> None:
    months = covered_months(at)

    assert months[0] <= at - timedelta(days=366)
    assert months[-1] > at + timedelta(days=60)
    assert all(timedelta(days=28) <= b - a <= timedelta(days=31) and b.day == 1 for a, b in pairwise(months))


def test_what_the_default_partition_caught_moves_to_its_month() -> None:
    line = SeriesFactory()
    Reading.objects.create(series=line, recorded_at=FAR, value=1.0)
    assert count_caught() == 1

    ensure_partitions(at=FAR)

    assert (count_caught(), Reading.objects.get().value) == (0, 1.0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM iot_data")
        assert cursor.fetchone() == ("iot_data_y2040m05",)


def test_roll_ups_have_their_months_too() -> None:
    made = ensure_partitions(at=FAR)

    assert {"iot_rollup_15m_y2039m05", "iot_rollup_1m_y2040m01", "iot_rollup_1m_y2040m08"} <= set(made)
    assert "iot_rollup_1m_y2039m12" not in made


@pytest.mark.parametrize(("months", "earliest"), [(24, FAR - MAX_AGE), (2, datetime(2040, 3, 1, tzinfo=UTC))])
def test_readings_are_taken_as_long_as_their_month_is_kept(settings: Any, months: int, earliest: datetime) -> None:
    settings.READINGS_KEPT_MONTHS = months

    assert earliest_accepted(FAR) == earliest


def test_what_is_older_than_what_is_kept_is_dropped(settings: Any) -> None:
    settings.READINGS_KEPT_MONTHS = 2
    ensure_partitions(at=FAR - timedelta(days=90))
    line = SeriesFactory()
    for month in (1, 2, 3):
        Reading.objects.create(series=line, recorded_at=datetime(2040, month, 28, tzinfo=UTC), value=month)
    old = [name for _, name in outdated_partitions(at=FAR) if name.startswith("iot_data")]

    assert "iot_data_y2040m02" in old
    assert "iot_data_y2040m03" not in old
    assert set(old) <= set(prune(at=FAR))
    assert list(Reading.objects.values_list("value", flat=True)) == [3.0]
    assert outdated_partitions(at=FAR) == []


def test_a_month_that_waits_to_be_rolled_up_is_kept(settings: Any) -> None:
    settings.READINGS_KEPT_MONTHS = 2
    ensure_partitions(at=FAR - timedelta(days=90))
    waiting = [datetime(2040, 2, 29, tzinfo=UTC)]
    Arrival.objects.create(received_at=FAR, series=[1], first_at=waiting, last_at=waiting)

    assert "iot_data_y2040m02" not in prune(at=FAR)


def test_saying_what_would_be_dropped_drops_nothing(settings: Any) -> None:
    settings.READINGS_KEPT_MONTHS = 2
    out = StringIO()

    call_command("prune_readings", "--dry-run", stdout=out)
    call_command("prune_readings", "--dry-run", stdout=out)
    first, second = out.getvalue().splitlines()

    assert first == second
    assert "would be dropped" in first


def test_the_command_and_the_task() -> None:
    line = SeriesFactory()
    Reading.objects.create(series=line, recorded_at=FAR, value=1.0)
    out, err = StringIO(), StringIO()

    call_command("ensure_partitions", stdout=out, stderr=err)

    assert "0 partitions made." in out.getvalue()
    assert "1 rows lie in default partitions" in err.getvalue()
    assert tasks.ensure_partitions() == []


def test_the_catalogue_is_loaded_once_and_edits_stay() -> None:
    added = load_metrics()
    Metric.objects.filter(code="temperature").update(physical_max=50)
    out = StringIO()

    call_command("load_metrics", stdout=out)

    assert "0 metrics added." in out.getvalue()
    assert Metric.objects.get(code="temperature").physical_max == 50
    assert all(is_unit(metric.unit) for metric in Metric.objects.all())
    assert {"temperature", "vibration", "pressure", "current", "rpm", "humidity", "power", "flow", "energy"} <= set(
        added
    )
