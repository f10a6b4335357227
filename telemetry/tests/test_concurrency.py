"""Several workers at once, each with a connection and transactions of its own."""

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Max

from equipment.tests.factories import EquipmentFactory
from faultreporter.testing import somebody_waits_for_a_lock
from telemetry.aggregation.rollups import Stretch, rebuild, roll_up
from telemetry.detection import insights
from telemetry.intake.ingest import IngestResult, ingest
from telemetry.models import Arrival, DetectorState, HourRollup, LatestReading, Reading, Rule, RuleState, Series
from telemetry.rules import evaluation
from telemetry.signals import rule_cleared, rule_fired
from telemetry.tests.factories import MetricFactory, RuleFactory

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC).replace(microsecond=0)


def at_once(work: Iterable[Callable[[], Any]]) -> list[Any]:
    def run(one: Callable[[], Any]) -> Any:
        try:
            with transaction.atomic():
                return one()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(run, work))


def batch(value: float, *, backwards: bool) -> list[dict[str, Any]]:
    readings = [
        {
            "equipment_code": f"EQ-{machine}", "metric": "temperature", "value": value,
            "recorded_at": (NOW - timedelta(seconds=n)).isoformat(),
        }
        for machine in range(3) for n in range(50)
    ]  # fmt: skip
    return readings[::-1] if backwards else readings


def test_gateways_that_send_the_same_at_once() -> None:
    MetricFactory()
    for n in range(3):
        EquipmentFactory(equipment_code=f"EQ-{n}")
    values = [1.0, 1.0, 2.0, 1.0, 2.0, 3.0, 1.0, 3.0]

    results: list[IngestResult] = at_once(
        [lambda value=value, n=n: ingest(batch(value, backwards=n % 2 == 0), at=NOW) for n, value in enumerate(values)]
    )

    assert sum(result.accepted for result in results) == Reading.objects.count() == 150
    assert sum(result.duplicate + result.conflict for result in results) == 7 * 150
    assert Series.objects.count() == 3
    newest = Reading.objects.filter(recorded_at=NOW).values_list("series_id", "value")
    assert dict(newest) == dict(LatestReading.objects.values_list("series_id", "value"))


def test_workers_that_roll_up_and_rebuild_while_gateways_send_leave_nothing_stale() -> None:
    MetricFactory()
    for n in range(3):
        EquipmentFactory(equipment_code=f"EQ-{n}")

    def send(second: int) -> None:
        moment = (NOW.replace(minute=0, second=0) - timedelta(seconds=second)).isoformat()
        ingest([{**reading, "recorded_at": moment} for reading in batch(float(second), backwards=False)[::50]], at=NOW)

    def rebuild_some() -> None:
        rebuild(
            [Stretch(one, NOW - timedelta(hours=1), NOW) for one in Series.objects.values_list("pk", flat=True)], at=NOW
        )

    sends = [lambda second=second: send(second) for second in range(60)]
    others = [lambda: roll_up(at=NOW), lambda: roll_up(at=NOW), rebuild_some] * 20
    at_once([work for pair in zip(sends, others, strict=True) for work in pair])
    while roll_up(at=NOW):
        pass

    assert Reading.objects.count() == 180
    hours = HourRollup.objects.values_list("n", "sum", "min", "max")
    assert sorted(hours) == sorted([(1, 0.0, 0.0, 0.0), (59, sum(range(60)), 1.0, 59.0)] * 3)


def test_a_second_worker_waits_for_no_one_and_leaves_the_work_to_the_first() -> None:
    MetricFactory()
    EquipmentFactory(equipment_code="EQ-0")
    ingest(batch(1.0, backwards=False)[:1], at=NOW)
    found = []

    def second() -> None:
        found.append(roll_up(at=NOW))
        connection.close()

    with transaction.atomic():
        first = roll_up(at=NOW)
        thread = Thread(target=second)
        thread.start()
        thread.join(10)

    assert (first, found, Arrival.objects.count()) == (1, [0], 0)


def test_roll_ups_and_detectors_take_turns() -> None:
    MetricFactory()
    EquipmentFactory(equipment_code="EQ-0")
    ingest(batch(1.0, backwards=False)[:1], at=NOW)
    insights.prepare(at=NOW)
    DetectorState.objects.update(judged_up_to=NOW - timedelta(minutes=1))
    judged = []

    def judge() -> None:
        judged.append(insights.judge(at=NOW))
        connection.close()

    thread = Thread(target=judge)
    with transaction.atomic():
        roll_up(at=NOW)
        thread.start()
        while not somebody_waits_for_a_lock():
            thread.join(0.01)
            assert thread.is_alive()
    thread.join(10)

    assert judged == [1]


def test_a_worker_that_dies_in_the_middle_loses_nothing() -> None:
    MetricFactory()
    EquipmentFactory(equipment_code="EQ-0")
    ingest(batch(1.0, backwards=False)[:1], at=NOW)

    def die() -> None:
        with transaction.atomic():
            roll_up(at=NOW)
            raise SystemExit

    with pytest.raises(SystemExit):
        die()

    assert (Arrival.objects.count(), HourRollup.objects.count()) == (1, 0)
    assert (roll_up(at=NOW), HourRollup.objects.count()) == (1, 1)


def test_live_and_late_batches_that_overlap() -> None:
    """Each reading of a machine and moment comes in three batches, with the same value; some are in no order."""
    MetricFactory()
    for n in range(3):
        EquipmentFactory(equipment_code=f"EQ-{n}")
    readings = batch(1.0, backwards=True)
    rng = random.Random(4)
    parts = [readings[start : start + 60] for start in range(0, 150, 20)] + [
        readings[:40],
        readings[:20],
        readings[:20],
    ]
    for part in rng.sample(parts, 4):
        rng.shuffle(part)
    rng.shuffle(parts)

    results: list[IngestResult] = at_once([lambda part=part: ingest(part, at=NOW) for part in parts])

    assert sum(result.accepted for result in results) == Reading.objects.count() == 150
    assert sum(result.duplicate for result in results) == sum(map(len, parts)) - 150
    newest = Reading.objects.values("series_id").annotate(newest=Max("recorded_at")).values_list("series_id", "newest")
    assert dict(newest) == dict(LatestReading.objects.values_list("series_id", "recorded_at"))
    changed = [one for row in Arrival.objects.all() for one in zip(row.series, row.first_at, row.last_at, strict=True)]
    for series, moment in Reading.objects.values_list("series_id", "recorded_at"):
        assert any(one == series and first <= moment <= last for one, first, last in changed)


def test_workers_that_judge_the_same_at_once() -> None:
    MetricFactory()
    machine = EquipmentFactory(equipment_code="EQ-0")
    RuleFactory(equipment=machine, at=NOW - timedelta(hours=1))
    with transaction.atomic():
        ingest(batch(99.0, backwards=False)[:1], at=NOW)
    series = Series.objects.get().pk
    fired: list[Any] = []

    def hear(**facts: Any) -> None:
        fired.append(facts["at"])

    before, rule_fired.receivers = rule_fired.receivers, []
    rule_fired.connect(hear)
    try:
        changes = at_once([lambda: evaluation.evaluate([series])] * 8)
    finally:
        rule_fired.receivers = before

    assert (sum(changes), fired) == (1, [NOW])


def test_a_rule_edited_while_readings_are_judged_by_it() -> None:
    """Whoever comes second waits for the first; no alarm of the old version is left behind."""
    MetricFactory()
    machine = EquipmentFactory(equipment_code="EQ-0")
    rule = RuleFactory.create(equipment=machine, at=NOW - timedelta(hours=1))
    with transaction.atomic():
        ingest(batch(99.0, backwards=False)[:1], at=NOW)
    series = Series.objects.get().pk
    told: list[str] = []

    def edit(limit: float) -> None:
        Rule.objects.get(pk=rule.pk).change(by=None, at=NOW, trigger_value=limit, clear_value=limit)

    before = rule_fired.receivers, rule_cleared.receivers
    rule_fired.receivers, rule_cleared.receivers = [], []
    rule_fired.connect(fired := lambda **_: told.append("fired"))
    rule_cleared.connect(cleared := lambda **_: told.append("cleared"))
    try:
        work = [lambda: evaluation.evaluate([series]), *(lambda n=n: edit(50.0 + n) for n in range(3))]
        at_once(work * 3)
        at_once([lambda: evaluation.evaluate([series])])
    finally:
        rule_fired.receivers, rule_cleared.receivers = before
        del fired, cleared

    states = list(RuleState.objects.values_list("state", "is_told", "version"))
    assert states == [("FIRING", True, Rule.objects.get().version)]
    assert told.count("fired") == told.count("cleared") + 1
