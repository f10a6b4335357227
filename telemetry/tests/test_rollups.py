"""Roll-ups say what the stored readings come to, whatever happened on the way."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemetry import tasks
from telemetry.aggregation.rollups import Stretch, backlog, floor_to, newest_arrival, rebuild, roll_up
from telemetry.management.commands.rebuild_rollups import next_size, series_days
from telemetry.models import Arrival, DayRollup, HourRollup, MinuteRollup, QuarterRollup, Reading, Series
from telemetry.tests.factories import SeriesFactory
from telemetry.tests.summing import Stored, Sums, keep, sums

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = {
    timedelta(minutes=1): MinuteRollup,
    timedelta(minutes=15): QuarterRollup,
    timedelta(hours=1): HourRollup,
    timedelta(days=1): DayRollup,
}


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def line() -> int:
    return int(SeriesFactory.create().pk)


def roll_up_all() -> None:
    while roll_up(at=NOW):
        pass


def rolled_up(table: Any) -> dict[tuple[int, datetime], Sums]:
    rows = table.objects.values_list("series_id", "bucket_at", "n", "sum", "min", "max", "last", "last_at")
    return {(series, bucket): Sums(*row) for series, bucket, *row in rows}


def expected(readings: Iterable[Stored], step: timedelta) -> dict[tuple[int, datetime], Sums]:
    buckets = defaultdict(list)
    for reading in readings:
        buckets[reading[0], floor_to(reading[1], step)].append(reading)
    return {key: sums(bucket) for key, bucket in buckets.items()}


def check_everything() -> None:
    readings = list(Reading.objects.values_list("series_id", "recorded_at", "value"))
    for step, table in TABLES.items():
        assert rolled_up(table) == expected(readings, step)


def test_it_works(line: int) -> None:
    keep(
        [(line, NOW, 20.0), (line, NOW + timedelta(seconds=59), 30.0), (line, NOW + timedelta(seconds=60), 1.0)], at=NOW
    )

    assert roll_up(at=NOW) == 1

    assert rolled_up(MinuteRollup) == {
        (line, NOW): (2, 50.0, 20.0, 30.0, 30.0, NOW + timedelta(seconds=59)),
        (line, NOW + timedelta(minutes=1)): (1, 1.0, 1.0, 1.0, 1.0, NOW + timedelta(minutes=1)),
    }
    whole = (3, 51.0, 1.0, 30.0, 1.0, NOW + timedelta(minutes=1))
    assert rolled_up(QuarterRollup) == rolled_up(HourRollup) == {(line, NOW): whole}
    assert rolled_up(DayRollup) == {(line, NOW - timedelta(hours=12)): whole}
    assert (Arrival.objects.count(), roll_up(at=NOW)) == (0, 0)


def test_late_readings_change_their_buckets_only(line: int) -> None:
    keep([(line, NOW - timedelta(hours=n), float(n)) for n in range(40)], at=NOW)
    roll_up_all()

    keep([(line, NOW - timedelta(hours=30, seconds=1), 99.0)], at=NOW)
    roll_up_all()

    check_everything()


def test_what_has_no_readings_any_more_has_no_row(line: int) -> None:
    keep([(line, NOW - timedelta(minutes=20 * n), float(n)) for n in range(100)], at=NOW)
    roll_up_all()
    Reading.objects.filter(recorded_at__lte=NOW - timedelta(hours=3), recorded_at__gt=NOW - timedelta(days=1)).delete()

    windows = rebuild([Stretch(line, NOW - timedelta(days=1, minutes=7), NOW)], at=NOW)

    assert windows > 60
    check_everything()


def test_readings_that_came_past_ingest_are_rolled_up_by_rebuilding(line: int) -> None:
    Reading.objects.bulk_create(
        Reading(series_id=line, recorded_at=NOW - timedelta(minutes=7 * n), value=n) for n in range(300)
    )

    rebuild([Stretch(line, NOW - timedelta(days=3), NOW + timedelta(seconds=1))], at=NOW)

    check_everything()


def everything() -> dict[str, list[Any]]:
    return {
        table.__name__: list(table._default_manager.order_by("series_id", "bucket_at").values())
        for table in TABLES.values()
    }


def test_rebuilding_comes_to_the_rows_of_the_journal(line: int) -> None:
    """Days at a time or window by window; sums of whole numbers to the last digit."""
    other = SeriesFactory.create().pk
    sparse = [(other, NOW - timedelta(days=n, minutes=17 * n), float(n % 7)) for n in range(0, 320, 3)]
    huge = [(line, NOW - timedelta(days=20, seconds=n), 1.7e308) for n in range(3)]
    dense = [(line, NOW - timedelta(seconds=401 * n), float(n % 11 - 5)) for n in range(1_500)]
    keep([*dense, *huge, *sparse], at=NOW)
    roll_up_all()
    made = everything()
    for table in TABLES.values():
        table._default_manager.all().delete()
    gone = {"n": 1, "sum": 1.0, "min": 1.0, "max": 1.0, "last": 1.0}
    for step, table in TABLES.items():
        at = floor_to(NOW - timedelta(days=2, minutes=2), step)
        table._default_manager.create(series_id=other, bucket_at=at, last_at=at, **gone)

    days = series_days([line, other], NOW - timedelta(days=365, hours=12), NOW + timedelta(hours=12))

    windows = rebuild(list(days), at=NOW)

    assert windows == len(made["QuarterRollup"]) + 1
    assert everything() == made


def test_months_whose_readings_are_gone_keep_their_roll_ups(line: int, settings: Any) -> None:
    settings.READINGS_KEPT_MONTHS = 2
    keep([(line, NOW - timedelta(days=n), float(n)) for n in (1, 40, 70)], at=NOW)
    roll_up_all()
    made = everything()
    Reading.objects.all().delete()

    rebuild([Stretch(line, NOW - timedelta(days=80), NOW)], at=NOW)

    kept_for_good = datetime(2026, 1, 1, tzinfo=UTC)
    assert everything() == {
        name: [row for row in rows if row["bucket_at"] < kept_for_good] for name, rows in made.items()
    }
    assert (len(made["DayRollup"]), DayRollup.objects.count()) == (3, 1)


def test_a_new_reading_reads_its_own_minute_anew_and_no_other(line: int) -> None:
    keep([(line, NOW + timedelta(seconds=20 * n), float(n)) for n in range(6)], at=NOW)
    roll_up_all()
    Reading.objects.all().delete()  # who reads the first two minutes again would miss them
    keep([(line, NOW + timedelta(minutes=2), 6.0)], at=NOW)

    roll_up_all()

    assert list(MinuteRollup.objects.order_by("bucket_at").values_list("n", flat=True)) == [3, 3, 1]
    assert [QuarterRollup.objects.get().n, HourRollup.objects.get().n, DayRollup.objects.get().n] == [7, 7, 7]


def test_a_turn_rolls_up_what_had_arrived_when_it_began(line: int) -> None:
    keep([(line, NOW, 1.0)], at=NOW)
    newest = newest_arrival()
    keep([(line, NOW + timedelta(minutes=1), 2.0)], at=NOW)

    assert (roll_up(at=NOW, up_to=newest), roll_up(at=NOW, up_to=newest)) == (1, 0)
    assert (MinuteRollup.objects.count(), Arrival.objects.count()) == (1, 1)


def test_what_comes_while_the_task_runs_waits_for_its_next_turn(line: int) -> None:
    keep([(line, NOW, 1.0)], at=NOW)
    coming = count(1)

    def meanwhile(execute: Any, sql: str, *statement: Any) -> Any:
        if "pg_try_advisory_xact_lock" in sql:  # what a round begins with
            keep([(line, NOW + timedelta(minutes=next(coming)), 2.0)], at=NOW)
        return execute(sql, *statement)

    with connection.execute_wrapper(meanwhile):
        assert tasks.roll_up() == 1
    assert (MinuteRollup.objects.count(), Arrival.objects.count()) == (1, 2)
    tasks.roll_up()
    check_everything()


def test_stretches_that_overlap_are_made_once(line: int) -> None:
    Reading.objects.bulk_create(
        Reading(series_id=line, recorded_at=NOW + timedelta(minutes=7 * n), value=n) for n in range(30)
    )
    hours = [Stretch(line, NOW + timedelta(minutes=n), NOW + timedelta(minutes=n + 100)) for n in range(0, 120, 20)]

    rebuild(hours, at=NOW)

    check_everything()


@pytest.mark.parametrize(("seconds", "size"), [(0.001, 200), (0.8, 125), (1.0, 100), (4.0, 25), (1000.0, 1)])
def test_pieces_are_as_long_as_others_can_wait(seconds: float, size: int) -> None:
    assert next_size(100, seconds) == size
    assert next_size(900, 0.001) == 1_000


def test_minutes_of_long_ago_are_not_kept(line: int) -> None:
    long_ago = NOW - timedelta(days=200)
    keep([(line, long_ago, 1.0), (line, NOW, 2.0)], at=NOW)

    roll_up_all()

    assert list(rolled_up(MinuteRollup)) == [(line, NOW)]
    assert (line, floor_to(long_ago, timedelta(minutes=15))) in rolled_up(QuarterRollup)


def test_a_reading_too_large_to_add_up_stops_nothing(line: int) -> None:
    keep(
        [(line, NOW, 1.7e308), (line, NOW + timedelta(seconds=1), 1.7e308), (line, NOW - timedelta(hours=1), 1.0)],
        at=NOW,
    )

    roll_up_all()

    found = rolled_up(HourRollup)
    assert found[line, NOW] == (2, float("inf"), 1.7e308, 1.7e308, 1.7e308, NOW + timedelta(seconds=1))
    assert found[line, NOW - timedelta(hours=1)].sum == 1.0


def test_rolling_up_again_leaves_unchanged_rows_alone(line: int) -> None:
    keep([(line, NOW + timedelta(minutes=n), float(n)) for n in range(15)], at=NOW)
    roll_up_all()
    before = MinuteRollup.objects.extra(select={"place": "ctid::text"}).values_list("bucket_at", "place")
    places = dict(before)

    keep([(line, NOW + timedelta(minutes=3, seconds=30), 7.0)], at=NOW)
    roll_up_all()

    moved = {bucket for bucket, place in before.all() if places[bucket] != place}
    assert moved == {NOW + timedelta(minutes=3)}


def test_the_backlog_tells_how_far_behind_it_is(line: int) -> None:
    assert backlog() == (0, None)
    keep([(line, NOW, 1.0)], at=NOW - timedelta(minutes=2))
    keep([(line, NOW + timedelta(seconds=1), 1.0)], at=NOW)

    assert backlog() == (2, NOW - timedelta(minutes=2))


def test_the_task_rolls_up_and_the_command_rebuilds(line: int) -> None:
    keep([(line, NOW, 1.0)], at=NOW)
    assert tasks.roll_up() == 1
    Reading.objects.create(series_id=line, recorded_at=NOW + timedelta(seconds=5), value=2.0)
    out = StringIO()

    call_command("rebuild_rollups", "--from", "2026-02-20", "--to", "2026-03-02", "--series", str(line), stdout=out)

    assert "1 windows of 1 series" in out.getvalue()
    check_everything()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--from", "2026-03-02", "--to", "2026-03-02"], "--to must be after"),
        (["--from", "2026-03-01", "--to", "2026-03-02", "--series", "77"], "No such series: 77"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(db: None, arguments: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        call_command("rebuild_rollups", *arguments)


def test_the_lag_is_a_metric(line: int, client: Any) -> None:
    keep([(line, NOW, 1.0)], at=NOW - timedelta(minutes=2))

    text = client.get("/metrics").content.decode()

    assert "rollup_pending_batches 1.0" in text
    assert "rollup_lag_seconds 120.0" in text


MOMENTS = st.builds(
    lambda day, hour, second: NOW + timedelta(days=-day, hours=-hour, seconds=second),
    st.sampled_from([0, 0, 0, 1, 40]), st.integers(0, 3), st.integers(-120, 1000),
)  # fmt: skip
VALUES = st.floats(-1e6, 1e6) | st.sampled_from([0.1, 0.2, 0.3, 1e15, -1e15])
BATCHES = st.lists(st.tuples(st.integers(0, 1), MOMENTS, VALUES), min_size=1, max_size=15)
STEPS = st.lists(BATCHES | st.sampled_from(["roll up", "again", "delete and rebuild"]), max_size=10)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_any_order_of_batches_and_roll_ups_comes_to_the_same(line: int, steps: list[Any]) -> None:
    for table in (Reading, Arrival, *TABLES.values()):
        table._default_manager.all().delete()
    other = Series.objects.exclude(pk=line).first() or SeriesFactory.create()
    sent: list[list[Stored]] = []

    for step in steps:
        if step == "roll up":
            roll_up(at=NOW)
        elif step == "again":
            for batch in sent[-2:]:
                keep(batch, at=NOW)
        elif step == "delete and rebuild":
            Reading.objects.filter(recorded_at__gte=NOW - timedelta(hours=1), series=other).delete()
            rebuild([Stretch(other.pk, NOW - timedelta(hours=1), NOW + timedelta(hours=1))], at=NOW)
        else:
            sent.append([([line, other.pk][one], moment, value) for one, moment, value in step])
            keep(sent[-1], at=NOW)

    roll_up_all()
    check_everything()
