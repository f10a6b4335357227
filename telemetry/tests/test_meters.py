import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.errors import ValidationFailed
from locations.tests.factories import LocationFactory
from telemetry.metering.counters import Bucket, Dial, Exchange, edges_of, uses
from telemetry.metering.meters import consumption, consumption_between, read_dials, register_of
from telemetry.models import Meter, Metric, Reading, Series
from telemetry.models.catalogue import MetricInUse
from telemetry.models.meters import MeterInUse
from telemetry.tests.factories import CounterFactory, MeterFactory, MetricFactory, SeriesFactory

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def store(series: Series, dials: list[Dial]) -> None:
    Reading.objects.bulk_create(Reading(series=series, recorded_at=dial.at, value=dial.value) for dial in dials)


def history(seed: int) -> list[Dial]:
    """A month of a counter with all that befalls one: jitter, gaps, resets, bad readings, a full dial."""
    rng, at, value, dials = random.Random(seed), START - timedelta(hours=5), 995_000.0, []
    while at < END + timedelta(hours=5):
        at += timedelta(minutes=15, seconds=rng.uniform(-90, 90))
        value += rng.choice((0, 0.5, 1, 3, 12))
        luck = rng.random()
        if luck < 0.01:
            at += timedelta(hours=rng.uniform(1, 30))
        elif luck < 0.015:
            value = rng.uniform(0, 5)
        elif luck < 0.02:
            dials.append(Dial(at - timedelta(minutes=3), rng.choice((0.0, value / 2, value * 3))))
        elif luck < 0.025:
            value = rng.uniform(990_000, 999_999)
        value %= 1_000_000
        dials.append(Dial(at, value))
    return dials


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("bucket", Bucket)
def test_the_readings_that_are_fetched_say_what_all_of_them_say(seed: int, bucket: Bucket) -> None:
    meter = MeterFactory(rolls_over_at=1_000_000, max_per_hour=None if seed % 2 else 200)
    dials = history(seed)
    store(meter.series, dials)
    register, edges = register_of(meter), list(edges_of(START, END, bucket, BERLIN))
    exchange = Exchange(START + timedelta(days=9, minutes=7), 1000, 20)

    fetched = read_dials(meter, edges, register, [exchange])

    for one, other in zip(
        uses(fetched, edges, register, [exchange]), uses(dials, edges, register, [exchange]), strict=True
    ):
        assert one.amount == (None if other.amount is None else pytest.approx(other.amount, abs=1e-6)), one.start
        assert one.coverage == pytest.approx(other.coverage, abs=1e-9), one.start
        assert one.estimated == pytest.approx(other.estimated, abs=1e-6), one.start
    assert bucket is Bucket.HOUR or len(fetched) < len(dials) / 2


def test_months_are_what_their_days_add_up_to() -> None:
    meter = MeterFactory()
    store(meter.series, history(1))

    days = consumption(meter, since=START, until=END, bucket=Bucket.DAY, zone=BERLIN)
    month = consumption(meter, since=START, until=END, bucket=Bucket.MONTH, zone=BERLIN)

    assert days.total == pytest.approx(month.total)
    assert days.coverage == pytest.approx(month.coverage)


def test_the_worked_example_of_the_guide() -> None:
    """docs/telemetry.md, chapter Meters: its numbers are these."""
    meter = MeterFactory(series__expected_interval_s=1800)
    times = ("00:00", "00:30", "00:50", "01:10", "01:30", "02:00", "04:00", "04:30", "05:00")
    shown = (5000, 5004, 5006, 5010, 3, 7, 15, 2, 19)
    store(
        meter.series,
        [Dial(datetime.fromisoformat(f"2026-03-02T{at}Z"), value) for at, value in zip(times, shown, strict=True)],
    )
    edges = [datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in range(7)]

    found = consumption_between(meter, edges)

    assert [use.amount for use in found.uses] == [8.0, 9.0, 4.0, 4.0, 4.0, None]
    assert [use.estimated for use in found.uses] == [2.0, 5.0, 4.0, 4.0, 0.0, 0.0]
    assert [use.coverage for use in found.uses] == [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    assert (found.total, found.max_gap) == (29.0, timedelta(minutes=90))


def test_a_pulse_is_worth_what_the_meter_says() -> None:
    pulses = SeriesFactory(metric=MetricFactory(code="pulses", unit="1", kind="COUNTER"))
    meter = MeterFactory(series=pulses, utility="WATER", unit="m3", factor=0.01)
    store(pulses, [Dial(START, 0), Dial(START + timedelta(minutes=15), 250)])

    assert consumption_between(meter, [START, START + timedelta(hours=1)]).total == pytest.approx(2.5)


def test_a_dial_in_megawatt_hours_is_told_in_kilowatt_hours() -> None:
    counter = SeriesFactory(metric=MetricFactory(code="heat", unit="MW.h", kind="COUNTER"))

    assert MeterFactory(series=counter, utility="HEAT", unit="kW.h", factor=2.0).scale == 2000


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"unit": "m3"}, "unit"),
        ({"unit": "V.A.h"}, "unit"),
        ({"unit": "nonsense"}, "unit"),
        ({"factor": 0.0}, "factor"),
        ({"rolls_over_at": -1.0}, "rolls_over_at"),
        ({"equipment": None}, "equipment_id"),
    ],
)
def test_a_meter_that_makes_no_sense(fields: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        MeterFactory(**fields)

    assert refused.value.details[0].field == field


def test_a_gauge_is_no_meter_and_a_meters_counter_becomes_no_gauge() -> None:
    with pytest.raises(ValidationFailed):
        MeterFactory(series=SeriesFactory())

    metric: Metric = MeterFactory().series.metric
    with pytest.raises(MetricInUse):
        metric.change(by=None, kind="GAUGE")


def test_meters_stand_behind_each_other_without_a_ring() -> None:
    place = LocationFactory()
    top, middle, last = (MeterFactory(series=CounterFactory(), equipment=None, location=place) for _ in range(3))
    middle.change(by=None, parent=top)
    last.change(by=None, parent=middle)

    with pytest.raises(ValidationFailed):
        top.change(by=None, parent=last)
    with pytest.raises(MeterInUse):
        middle.soft_delete(by=None, at=END)
    assert Meter.objects.get(pk=top.pk).parent is None


def test_a_meter_out_of_sight_isnt_listed(olga: User, adam: User) -> None:
    closed = LocationFactory(open_to_all=False)
    MeterFactory(series=CounterFactory(equipment=EquipmentFactory()), equipment=None, location=closed)

    assert (Meter.objects.for_user(olga).count(), Meter.objects.for_user(adam).count()) == (0, 1)


def test_pairs_of_edges_are_needed() -> None:
    assert consumption_between(MeterFactory(), [START]).total is None
    assert [use.amount for use in consumption_between(MeterFactory(), [START, END]).uses] == [None]
    assert list(pairwise([START])) == []
