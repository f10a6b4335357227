"""`python -m bench alarms`: a simulated day of 5,000 sensors, and whether the number of alerts is the one on paper.

The day is `bench.day`. Everything is the product's own: readings go through ingest, are judged as they arrive, and the
sweep passes the time; only the clock is ours. Beside it stands what an alarm for each reading above the limit, or for
each crossing of it, would have come to.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management import call_command
from django.utils import timezone
from tqdm import tqdm

from alerts.models import Alert
from bench.day import (
    CLEAR,
    FOR_S,
    INTERVAL_S,
    KEEP_FIRING_S,
    MINUTE,
    STALE_AFTER_S,
    TRIGGER,
    Line,
    Sample,
    day,
    expected_alerts,
    lines,
)
from equipment.models import Category, Equipment
from telemetry.intake.ingest import ingest
from telemetry.models import DeviceKey, Metric, Rule, Series
from telemetry.rules import evaluation, standings

BY_ONE_GATEWAY = 500
METRIC = "simulated_load"
NOON = 720


@dataclass
class Tally:
    """What came of the day, and what simpler alarms would have made of it."""

    readings: Counter[str] = field(default_factory=Counter)
    above: int = 0
    crossings: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class Building:
    """The lines of a day as machines with one sensor each, behind gateways, under two rules."""

    def __init__(self, total: int, *, start: datetime) -> None:
        self.lines, self.start = lines(total), start
        category = Category.objects.create(code="SIMULATED", name="Simulated")
        self.metric = Metric.add(by=None, code=METRIC, name="Simulated load", unit="kW")
        self.machines = Equipment.objects.bulk_create(
            Equipment(
                equipment_code=f"SIM-{line.number}", equipment_name=f"Simulated {line.group}", category=category,
                qr_token=f"simulated-{line.number}",
            )
            for line in self.lines
        )  # fmt: skip
        self.gateways = {line.number: self.gateway_of(line) for line in self.lines}
        self.keys: dict[str, UUID] = {}
        for name in sorted(set(self.gateways.values())):
            self.keys[name] = DeviceKey.issue(name=name, by=None, all_equipment=True)[0].pk
        self.series = self.make_series()
        common: dict[str, Any] = {"by": None, "at": start - MINUTE, "category": category, "metric": self.metric}
        Rule.add(
            title="Too much", kind="THRESHOLD", trigger_value=TRIGGER, clear_value=CLEAR, for_s=FOR_S,
            keep_firing_s=KEEP_FIRING_S, **common,
        )  # fmt: skip
        Rule.add(title="Silent", kind="STALE", stale_after_s=STALE_AFTER_S, **common)
        self.tally, self.last = Tally(), dict.fromkeys((line.number for line in self.lines), 0.0)

    def make_series(self) -> dict[int, int]:
        made = Series.objects.bulk_create(
            Series(
                equipment=machine, metric=self.metric, expected_interval_s=INTERVAL_S,
                gateway_id=self.keys[self.gateways[line.number]],
            )
            for line, machine in zip(self.lines, self.machines, strict=True)
        )  # fmt: skip
        return {line.number: one.pk for line, one in zip(self.lines, made, strict=True)}

    def gateway_of(self, line: Line) -> str:
        """The lines of an outage and of a wrong clock have theirs to themselves, the others are mixed.

        Lines that fall silent must not have one for themselves: that gateway would be silent, and tell it once.
        """
        group = line.group if line.group in ("outage", "jumping") else "others"
        gateways = max(1, len(self.lines) // BY_ONE_GATEWAY)
        return group if group == "outage" else f"{group} {line.number % gateways}"

    def live(self, *, minutes: int, every: int, quiet: bool = True) -> None:
        """Gateways send every so many minutes; after each round the sweep looks at the clock."""
        waiting: dict[str, list[Sample]] = defaultdict(list)
        progress = tqdm(total=minutes, desc="Simulated minutes", disable=quiet)
        for minute, (at, samples) in enumerate(day(self.lines, start=self.start, minutes=minutes), start=1):
            for sample in samples:
                waiting[self.gateways[sample.line.number]].append(sample)
                self.count(sample)
            if minute % every == 0:
                for gateway, found in waiting.items():
                    self.send(gateway, found, at=at)
                waiting.clear()
                self.sweep(at)
            if minute == NOON:
                self.resolve_what_is_over(at)
            progress.update()
        progress.close()

    def count(self, sample: Sample) -> None:
        self.tally.above += sample.value > TRIGGER
        self.tally.crossings += sample.value > TRIGGER >= self.last[sample.line.number]
        self.last[sample.line.number] = sample.value

    def send(self, gateway: str, samples: list[Sample], *, at: datetime) -> None:
        readings = [
            {
                "equipment_code": f"SIM-{sample.line.number}", "metric": METRIC, "value": sample.value,
                "recorded_at": sample.recorded_at.isoformat(),
            }
            for sample in samples
        ]  # fmt: skip
        with self.timed("ingest"):
            result = ingest(readings, at=at, gateway=self.keys[gateway])
        for name in ("accepted", "duplicate", "conflict", "rejected"):
            self.tally.readings[name] += getattr(result, name)
        with self.timed("rules"):
            evaluation.evaluate(self.series_of(samples))

    def sweep(self, at: datetime) -> None:
        with self.timed("sweep"):
            due = {*standings.series_left_behind(limit=5_000), *standings.series_due(at=at, limit=5_000)}
            evaluation.evaluate(due, at=at)

    def resolve_what_is_over(self, at: datetime) -> None:
        """The early shift's work. What fires again afterwards is another alert, not an occurrence of the same."""
        for alert in Alert.objects.unresolved().filter(cleared_at__isnull=False):
            alert.resolve(by=None, at=at)

    def series_of(self, samples: list[Sample]) -> set[int]:
        return {self.series[sample.line.number] for sample in samples}

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.tally.seconds[what] += time.perf_counter() - began


def report(total: int, building: Building) -> str:
    tally, alerts = building.tally, Alert.objects.filter(equipment__in=building.machines)
    by_group = Counter(alerts.values_list("equipment__equipment_name", flat=True))
    taken = tally.readings["accepted"] or 1
    rows = [
        f"{total} series, {sum(tally.readings.values())} readings: {dict(tally.readings)}",
        f"alerts {alerts.count()}, on paper {expected_alerts(total)}: {dict(sorted(by_group.items()))}",
        f"an alarm for each reading above the limit would be {tally.above}, for each crossing of it {tally.crossings}",
        "wall time, microseconds a reading stored: "
        + ", ".join(f"{what} {seconds / taken * 1e6:.1f}" for what, seconds in tally.seconds.items()),
    ]
    return "\n".join(rows)


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench alarms", description=__doc__)
    parser.add_argument("--series", type=int, default=5_000, help="a multiple of 100")
    parser.add_argument("--every", type=int, default=1, help="minutes between two batches of a gateway")
    told = parser.parse_args(arguments)
    call_command("migrate", verbosity=0)
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(days=1)
    building = Building(told.series, start=start)
    building.live(minutes=1440, every=told.every, quiet=False)
    print(report(told.series, building))
    if Alert.objects.count() != expected_alerts(told.series):
        raise SystemExit(1)
