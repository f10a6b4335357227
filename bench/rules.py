"""`python -m bench rules`: what it costs to judge a reading, in a database of its own that is thrown away.

Processor time of the worker and of its PostgreSQL backend (/proc/PID/schedstat) for `evaluate` alone: storing the
readings and whoever hears the news are not in it. A batch has 1,000 readings; each row is the mean of its batches, for
what a rate or a run keeps is taken up all at once, every so many batches.
"""

import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection, transaction

from faultreporter.celery import collect_less

READINGS = 1_000
ROUNDS = 64
WARM_UP = 5
BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
QUIET, NOISY = (60.0, 75.0), (60.0, 80.6)
"""A limit of 80: the second range crosses it with about 3 of 100 readings."""
THRESHOLD = {"kind": "THRESHOLD", "trigger_value": 80.0, "clear_value": 75.0}


class Case(NamedTuple):
    name: str
    series: int
    rules: list[dict[str, Any]]
    values: tuple[float, float] = QUIET


CASES = [
    *(Case(f"threshold, {count} series", count, [THRESHOLD]) for count in (1_000, 100, 10)),
    *(Case(f"3 in 100 beyond it, {count} series", count, [THRESHOLD], NOISY) for count in (1_000, 100, 10)),
    Case(
        "4 rules, 1000 series", 1_000,
        [
            THRESHOLD, {"kind": "RANGE", "low_value": 10.0, "high_value": 90.0, "for_s": 300},
            {"kind": "STALE", "stale_after_s": 3600}, {**THRESHOLD, "trigger_value": 90.0, "for_s": 60},
        ],
    ),
    Case("rate of change, 1000 series", 1_000, [
        {"kind": "RATE_OF_CHANGE", "trigger_value": 100.0, "window_s": 600},
    ]),
    # values of 60 to 75, over ten minutes: at most 1.5 a minute, so that few are an alarm and none is quiet
    Case("rate wide of quiet, 1000 series", 1_000, [
        {"kind": "RATE_OF_CHANGE", "trigger_value": 1.4, "window_s": 600},
    ]),
    Case("stuck, 1000 series", 1_000, [{"kind": "STUCK", "stuck_for_s": 3600}]),
]  # fmt: skip


def spent(pid: int) -> float:
    """Seconds a process has been on a processor, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def throwaway_database() -> Iterator[None]:
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def set_up(case: Case) -> list[int]:
    """As many machines of a category as the case has series, and the rules on the category."""
    from equipment.tests.factories import CategoryFactory, EquipmentFactory, LocationFactory  # noqa: PLC0415
    from telemetry.models import Rule, Series  # noqa: PLC0415
    from telemetry.tests.factories import MetricFactory  # noqa: PLC0415

    category, metric, place = CategoryFactory(), MetricFactory(), LocationFactory()
    machines = EquipmentFactory.create_batch(case.series, category=category, location=place)
    made = [Series.objects.create(equipment=machine, metric=metric, expected_interval_s=60) for machine in machines]
    for fields in case.rules:
        Rule.add(by=None, at=BEGINNING, title="Bench", category=category, metric=metric, **fields)
    return [one.pk for one in made]


def batches(case: Case, series: list[int], rng: random.Random) -> Iterator[tuple[Any, datetime]]:
    """A reading a minute for every series, READINGS in a batch, and when it arrives."""
    from telemetry.store.storage import Readings, ticks_of  # noqa: PLC0415

    each = READINGS // len(series)
    for number in range(WARM_UP + ROUNDS):
        moments = [BEGINNING + timedelta(minutes=number * each + n) for n in range(each)]
        ticks = list(map(ticks_of, moments))
        yield Readings.of((pk, one, rng.uniform(*case.values)) for pk in series for one in ticks), moments[-1]


def measure(case: Case) -> dict[str, float]:
    """Microseconds a reading: means over the batches, the quickest and the slowest."""
    from telemetry.rules.evaluation import evaluate  # noqa: PLC0415
    from telemetry.store.storage import store  # noqa: PLC0415

    series = set_up(case)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    found: list[tuple[float, float, float]] = []
    for number, (batch, at) in enumerate(batches(case, series, random.Random(7))):
        with transaction.atomic():
            store(batch, at=at)
        if number == WARM_UP:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE iot_rule_states, iot_data, iot_latest")
        before = spent(os.getpid()), spent(backend), time.perf_counter()
        evaluate(series)
        after = spent(os.getpid()), spent(backend), time.perf_counter()
        if number >= WARM_UP:
            worker, database, clock = (late - early for early, late in zip(before, after, strict=True))
            found.append((worker, database, clock))
    worker, database, clock = (statistics.fmean(column) / READINGS * 1e6 for column in zip(*found, strict=True))
    totals = [(one[0] + one[1]) / READINGS * 1e6 for one in found]
    return {
        "worker": worker, "database": database, "both": worker + database, "least": min(totals),
        "most": max(totals), "clock": clock,
    }  # fmt: skip


def silence_receivers() -> None:
    from telemetry.signals import rule_cleared, rule_fired  # noqa: PLC0415

    rule_fired.receivers, rule_cleared.receivers = [], []


def run(arguments: list[str]) -> None:
    silence_receivers()
    collect_less()
    print(f"{'µs a reading':34} {'both':>6} {'spread':>12} {'worker':>7} {'pg':>6} {'clock':>6}")
    with throwaway_database():
        for case in CASES:
            figures = measure(case)
            spread = f"{figures['least']:.1f}-{figures['most']:.1f}"
            print(
                f"{case.name:34} {figures['both']:6.1f} {spread:>12} {figures['worker']:7.1f} "
                f"{figures['database']:6.1f} {figures['clock']:6.1f}"
            )
