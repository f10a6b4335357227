"""Readings declared void and taken back: what follows, in one transaction, in pieces and beside others."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from faultreporter.accounts.models import User
from faultreporter.errors import DomainError, InvalidTransition, RangeTooLarge
from telemetry import tasks, voiding
from telemetry.aggregation import rollups
from telemetry.detection import insights
from telemetry.intake.ingest import ingest
from telemetry.metering.counters import Bucket
from telemetry.metering.meters import consumption
from telemetry.models import (
    Arrival,
    DetectorState,
    HourRollup,
    Insight,
    LatestReading,
    Quality,
    Reading,
    ReadingVoid,
    Series,
    VoidedSeries,
)
from telemetry.store import partitions
from telemetry.tests.factories import DetectorFactory, InsightFactory, MeterFactory, SeriesFactory
from telemetry.tests.summing import keep
from telemetry.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
START = NOW - timedelta(hours=4)


def minute(n: int) -> datetime:
    return START + timedelta(minutes=n)


@pytest.fixture
def series(db: None) -> Series:
    """A reading a minute for three hours, each the number of its minute."""
    series = SeriesFactory.create()
    keep([(series.pk, minute(n), float(n)) for n in range(180)], at=NOW)
    rollups.roll_up(at=NOW)
    return series


def declare(series: Series, since: int, until: int, **fields: Any) -> ReadingVoid:
    facts = {"reason": "The sensor stuck.", "by": None, "at": NOW, **fields}
    return voiding.declare(series=[series.pk], since=minute(since), until=minute(until), **facts)


def void_minutes() -> set[int]:
    times = Reading.objects.filter(quality=Quality.VOID).values_list("recorded_at", flat=True)
    return {round((at - START) / timedelta(minutes=1)) for at in times}


def rolled_up() -> list[tuple[int, float]]:
    while rollups.roll_up(at=NOW):
        pass
    return list(HourRollup.objects.order_by("bucket_at").values_list("n", "max"))


def test_it_works(series: Series, mona: User) -> None:
    void = declare(series, 30, 90, by=mona)

    assert void_minutes() == set(range(30, 90))
    assert (void.lines.get().readings, void.lines.get().is_settled, void.progress) == (60, True, 1.0)
    assert rolled_up() == [(30, 29.0), (30, 119.0), (60, 179.0)]

    voiding.take_back(void, by=mona, at=NOW)

    assert void_minutes() == set()
    assert rolled_up() == [(60, 59.0), (60, 119.0), (60, 179.0)]
    assert (void.taken_back_by, void.taken_back_at) == (mona, NOW)


def test_only_windows_that_change_are_rolled_up_anew(series: Series) -> None:
    declare(series, 30, 90)
    rolled_up()

    declare(series, 40, 80)  # all of it is void already

    assert not Arrival.objects.exists()
    declare(series, 85, 95)
    changed = Arrival.objects.get()
    assert (changed.first_at, changed.last_at) == ([minute(90)], [minute(94)])


def test_stretches_that_overlap(series: Series) -> None:
    first, second = declare(series, 10, 40), declare(series, 30, 60)

    voiding.take_back(first, by=None, at=NOW)
    assert void_minutes() == set(range(30, 60))

    voiding.take_back(second, by=None, at=NOW)
    assert void_minutes() == set()


def test_a_batch_sent_again_is_a_duplicate_and_stays_void(series: Series) -> None:
    declare(series, 30, 90)
    rolled_up()
    sent = {"equipment_id": str(series.equipment_id), "metric": series.metric.code}

    same = ingest([{**sent, "value": 40.0, "recorded_at": minute(40).isoformat()}], at=NOW)
    other = ingest([{**sent, "value": 41.0, "recorded_at": minute(40).isoformat()}], at=NOW)

    assert (same.duplicate, other.conflict, len(void_minutes())) == (1, 1, 60)
    assert rolled_up() == [(30, 29.0), (30, 119.0), (60, 179.0)]


def test_late_readings_of_a_stretch_are_void_once_they_are_rolled_up(series: Series) -> None:
    declare(series, 30, 90)
    late = minute(40) + timedelta(seconds=30)

    keep([(series.pk, late, 999.0), (series.pk, minute(100) + timedelta(seconds=30), 100.5)], at=NOW)

    assert rolled_up() == [(30, 29.0), (31, 119.0), (60, 179.0)]
    assert Reading.objects.get(recorded_at=late).quality == Quality.VOID


def test_the_newest_reading(series: Series) -> None:
    void = declare(series, 170, 200)
    assert LatestReading.objects.get().quality is Quality.VOID

    keep([(series.pk, minute(181), 1.0)], at=NOW)  # still within it
    rolled_up()
    assert LatestReading.objects.get().quality is Quality.VOID

    voiding.take_back(void, by=None, at=NOW)
    assert LatestReading.objects.get().quality is Quality.GOOD


def test_the_newest_reading_says_what_its_row_says(series: Series) -> None:
    """Another stretch must not make it void before the worker has seen it."""
    declare(series, 190, 200)
    keep([(series.pk, minute(195), 7.0)], at=NOW)
    declare(series, 30, 31)

    assert void_minutes() == {30}
    assert LatestReading.objects.get().quality is Quality.GOOD

    rolled_up()
    assert void_minutes() == {30, 195}
    assert LatestReading.objects.get().quality is Quality.VOID


def test_very_many_follow_in_pieces_by_a_worker(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voiding, "AT_ONCE", 10)
    monkeypatch.setattr(voiding, "PIECE", 25)
    void = declare(series, 30, 90)
    assert (void_minutes(), void.progress) == (set(), 0.0)

    assert voiding.follow_next(at=NOW)
    assert (void_minutes(), ReadingVoid.objects.get().progress) == (set(range(30, 55)), 25 / 60)
    assert rolled_up() == [(35, 59.0), (60, 119.0), (60, 179.0)]
    tasks.follow_voids()
    tasks.follow_voids()

    assert (void_minutes(), ReadingVoid.objects.get().progress) == (set(range(30, 90)), 1.0)
    assert rolled_up() == [(30, 29.0), (30, 119.0), (60, 179.0)]


def test_taken_back_half_way(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voiding, "AT_ONCE", 10)
    monkeypatch.setattr(voiding, "PIECE", 25)
    void = declare(series, 30, 90)
    voiding.follow_next(at=NOW)

    voiding.take_back(void, by=None, at=NOW)
    tasks.follow_voids()

    assert (void_minutes(), VoidedSeries.objects.get().is_settled) == (set(), True)


def test_figures_of_what_would_be_left_out(series: Series) -> None:
    declare(series, 50, 60)

    [found] = voiding.figures([series.pk], since=minute(30), until=minute(90), at=NOW)

    assert (found.readings, found.already_void, found.windows) == (60, 10, 4)
    assert (found.first_at, found.first_value) == (minute(30), 30.0)
    assert (found.last_at, found.last_value) == (minute(89), 89.0)
    assert (found.lowest, found.highest) == (30.0, 89.0)


@pytest.mark.parametrize(("since", "until"), [(30, 30), (30, 20), (30, 300)])
def test_a_time_that_is_none(series: Series, since: int, until: int) -> None:
    with pytest.raises(DomainError):
        declare(series, since, until)


def test_limits(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voiding, "MAX_READINGS", 59)

    with pytest.raises(RangeTooLarge):
        declare(series, 30, 90)
    with pytest.raises(RangeTooLarge):
        voiding.figures(list(range(51)), since=minute(0), until=minute(1), at=NOW)


def test_taken_back_once(series: Series) -> None:
    void = declare(series, 30, 90)
    voiding.take_back(void, by=None, at=NOW)

    with pytest.raises(InvalidTransition):
        voiding.take_back(void, by=None, at=NOW)


def test_months_that_are_not_kept(series: Series, settings: Any) -> None:
    """Their roll-ups are all that is left: neither void nor good again."""
    void = declare(series, 30, 90)
    before = rolled_up()
    settings.READINGS_KEPT_MONTHS = 1
    later = NOW + timedelta(days=70)
    partitions.prune(at=later)

    with pytest.raises(RangeTooLarge) as refused:
        voiding.take_back(void, by=None, at=later)

    assert refused.value.meta["kept_since"] == partitions.READINGS.horizon(later)
    assert (Reading.objects.count(), rolled_up()) == (0, before)


def test_a_meter_runs_on_across_what_is_void() -> None:
    meter = MeterFactory.create()
    wrong = {n: 1000.0 * n for n in (5, 6, 7)}
    keep([(meter.series_id, minute(15 * n), wrong.get(n, float(n))) for n in range(17)], at=NOW)
    hours = {"since": START, "until": NOW, "bucket": Bucket.HOUR, "zone": ZoneInfo("UTC")}
    before = consumption(meter, **hours).total

    void = voiding.declare(
        series=[meter.series_id], since=minute(75), until=minute(110), reason="Wh for kWh", by=None, at=NOW
    )

    assert [use.amount for use in consumption(meter, **hours).uses] == [4.0, 4.0, 4.0, 4.0]
    voiding.take_back(void, by=None, at=NOW)
    assert consumption(meter, **hours).total == before != 16.0


def test_detectors_learn_anew(series: Series) -> None:
    DetectorFactory.create(metric=series.metric)
    insights.prepare(at=NOW)
    insights.judge(at=NOW)
    insight = InsightFactory.create(series=series, ended_at=None)

    declare(series, 30, 90)

    assert not DetectorState.objects.exists()
    assert Insight.objects.get().ended_at == insight.last_unusual_at


@pytest.mark.django_db(transaction=True)
def test_beside_gateways_and_workers() -> None:
    """Whatever the order: void is what stretches cover that stand, and roll-ups are those of the rest."""
    first, second = SeriesFactory.create(), SeriesFactory.create()
    with transaction.atomic():
        keep([(one.pk, minute(0), 0.0) for one in (first, second)], at=NOW)
    rng = random.Random(3)
    minutes = list(range(1, 121))
    rng.shuffle(minutes)

    def send(some: list[int]) -> None:
        keep([(one.pk, minute(n), float(n)) for one in (first, second) for n in some], at=NOW)

    def say(since: int) -> None:
        keys = [first.pk, second.pk]
        rng.shuffle(keys)
        void = voiding.declare(
            series=keys, since=minute(since), until=minute(since + 15), reason="test", by=None, at=NOW
        )
        if since % 20:
            voiding.take_back(void, by=None, at=NOW)

    sends: list[Callable[[], None]] = [lambda n=n: send(minutes[n : n + 5]) for n in range(0, 120, 5)]
    says: list[Callable[[], None]] = [lambda since=since: say(since) for since in range(0, 120, 10)]
    work = [*sends, *says * 2, *[lambda: rollups.roll_up(at=NOW)] * 20]
    rng.shuffle(work)
    at_once(work)
    rolled = rolled_up()

    standing = {n for since in range(0, 120, 20) for n in range(since, since + 15)}
    assert void_minutes() == standing & set(range(121))
    good = [n for n in range(121) if n not in standing]
    assert sum(n for n, _ in rolled) == 2 * len(good)
