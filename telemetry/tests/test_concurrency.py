"""Several workers at once, each with a connection and transactions of its own."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from equipment.tests.factories import EquipmentFactory
from telemetry import evaluation
from telemetry.ingest import IngestResult, ingest
from telemetry.models import LatestReading, Reading, Series
from telemetry.signals import rule_fired
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
