"""Several people at once, each with a connection and a transaction of their own."""

from datetime import UTC, datetime, timedelta

import pytest

from faultreporter.accounts.models import User
from faultreporter.errors import DomainError
from telemetry.hand_readings.by_hand import Entered, Typed, enter
from telemetry.intake.ingest import ingest
from telemetry.models import HandReading, LatestReading, Reading, Series
from telemetry.tests.factories import CounterFactory
from telemetry.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def counter() -> Series:
    """It showed 100 an hour ago."""
    series: Series = CounterFactory.create()
    send(series, 100, at=NOW - timedelta(hours=1))
    return series


def send(series: Series, value: float, *, at: datetime) -> None:
    names = {"equipment_id": str(series.equipment_id), "metric": series.metric.code}
    ingest([{**names, "value": value, "recorded_at": at.isoformat()}], at=NOW)


def entering(series: Series, value: float, at: datetime, *, by: User) -> str:
    """What became of it."""
    names = {"equipment_id": series.equipment_id, "metric": series.metric.code}
    try:
        found: Entered = enter(Typed(**names, value=value, recorded_at=at.isoformat()), by=by, at=NOW)
    except DomainError as refused:
        return refused.code
    return found.outcome


def test_two_phones_with_one_reading_store_it_once(counter: Series, tess: User, olga: User) -> None:
    outcomes = at_once([lambda who=who: entering(counter, 120, NOW, by=who) for who in (tess, olga) * 3])

    assert sorted(outcomes) == ["CREATED"] + ["KNOWN"] * 5
    assert HandReading.objects.count() == 1


def test_two_phones_that_disagree_about_a_moment(counter: Series, tess: User, olga: User) -> None:
    readings = [(tess, 120), (olga, 121)]

    outcomes = at_once([lambda who=who, value=value: entering(counter, value, NOW, by=who) for who, value in readings])

    assert sorted(outcomes) == ["CREATED", "READING_CONFLICT"]
    taken = HandReading.objects.get()
    assert taken.value == Reading.objects.get(series=counter, recorded_at=NOW).value
    assert taken.value == dict(readings)[taken.by]


def test_each_is_measured_by_what_the_others_have_stored(counter: Series, tess: User) -> None:
    """Ten moments, the dial falling: wherever one is stored first, no other may contradict it."""
    readings = [(NOW - timedelta(minutes=minute), 200.0 + minute) for minute in range(10)]

    outcomes = at_once([lambda at=at, value=value: entering(counter, value, at, by=tess) for at, value in readings])

    assert sorted(set(outcomes)) == ["CREATED", "IMPLAUSIBLE_READING"]
    stored = Reading.objects.filter(series=counter).order_by("recorded_at").values_list("value", flat=True)
    assert list(stored) == sorted(stored)
    assert len(stored) == 1 + outcomes.count("CREATED")
    assert LatestReading.objects.get(series=counter).value == max(stored)
