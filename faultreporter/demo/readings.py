"""Two weeks of readings, and a chiller whose bearing gives up."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tqdm import tqdm

from equipment.models import Category, Equipment
from faultreporter.demo import unusual
from faultreporter.demo.machines import BY_CATEGORY
from telemetry.intake.ingest import MAX_READINGS, ingest
from telemetry.models import Metric, Rule, Series
from telemetry.rules.evaluation import evaluate

DAYS = 14
STEP = timedelta(minutes=15)
BATCHES_TO_LEARN_FROM = 3
SICK_CHILLER = "CH-NG-A-B1-01-1"

# title, category, metric, trigger, clear, severity
RULES = (
    ("Chiller vibrates beyond ISO 10816 zone C", "CHILLER", "vibration", 7.1, 6.0, "HIGH"),
    ("Chilled water too warm", "CHILLER", "temperature", 10.0, 8.5, "MEDIUM"),
    ("Pump vibrates", "PUMP", "vibration", 4.5, 3.8, "MEDIUM"),
    ("Boiler pressure high", "BOILER", "pressure", 3.0, 2.8, "CRITICAL"),
    ("Air handling unit vibrates", "AHU", "vibration", 4.5, 3.8, "LOW"),
    ("Transformer winding hot", "TRANSFORMER", "temperature", 95.0, 85.0, "CRITICAL"),
)

# title, category, metric, and what the other kinds need
OTHER_RULES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    (
        "Transformer winding heats up quickly", "TRANSFORMER", "temperature",
        {
            "kind": "RATE_OF_CHANGE", "trigger_value": 60.0, "clear_value": 30.0, "window_s": 1800, "rate_per": "HOUR",
            "severity": "HIGH",
        },
    ),
    (
        "Pump's vibration sensor is stuck", "PUMP", "vibration",
        {"kind": "STUCK", "stuck_for_s": 6 * 3600, "min_samples": 12, "severity": "LOW"},
    ),
)  # fmt: skip


def write_rules(since: datetime) -> None:
    categories = {c.code: c for c in Category.objects.living()}
    metrics = {m.code: m for m in Metric.objects.living()}
    for title, category, metric, trigger, clear, severity in RULES:
        Rule.add(
            by=None, at=since, title=title, category=categories[category], metric=metrics[metric],
            trigger_value=trigger, clear_value=clear, severity=severity,
        )  # fmt: skip
    for title, category, metric, fields in OTHER_RULES:
        Rule.add(by=None, at=since, title=title, category=categories[category], metric=metrics[metric], **fields)


def watched(machines: list[Equipment]) -> list[Equipment]:
    """The machines with sensors: every kind that has metrics, a few of each."""
    chosen = [m for m in machines if m.category and BY_CATEGORY[m.category.code].metrics]
    return [m for index, m in enumerate(chosen) if index % 2 == 0 or m.equipment_code == SICK_CHILLER][:45]


def value_at(machine: Equipment, metric: str, at: datetime, *, now: datetime, rng: random.Random) -> float:
    """The metric's usual value with its daily swing and noise; the sick chiller's vibration climbs day by day."""
    mean, spread = BY_CATEGORY[machine.category.code if machine.category else ""].metrics[metric]
    swing = math.sin((at.hour + at.minute / 60 - 9) / 24 * 2 * math.pi)
    value = mean + spread * swing + rng.gauss(0, spread / 3)
    value += unusual.added_to(machine.equipment_code, metric, at, now=now)
    if machine.equipment_code == SICK_CHILLER and metric == "vibration":
        days_left = (now - at) / timedelta(days=1)
        value += 5.6 * math.exp(-days_left / 3)
    return round(max(value, 0.0), 3)


def stream(machines: list[Equipment], *, now: datetime, rng: random.Random) -> Iterator[dict[str, Any]]:
    at = now - timedelta(days=DAYS)
    while at <= now:
        for machine in machines:
            kind = BY_CATEGORY[machine.category.code if machine.category else ""]
            for metric in kind.metrics:
                value = value_at(machine, metric, at, now=now, rng=rng)
                recorded = at.isoformat().replace("+00:00", "Z")
                yield {
                    "equipment_id": str(machine.pk), "metric": metric, "value": value, "recorded_at": recorded,
                }  # fmt: skip
        at += STEP


def record(machines: list[Equipment], *, now: datetime, rng: random.Random, quiet: bool) -> None:
    """Ingest everything as a gateway would, then let the rules judge it. Detectors learn from the first days."""
    write_rules(now - timedelta(days=DAYS))
    batch: list[dict[str, Any]] = []
    batches = 0
    for reading in tqdm(
        stream(watched(machines), now=now, rng=rng), desc="Readings", unit=" readings", disable=quiet or None
    ):
        batch.append(reading)
        if len(batch) == MAX_READINGS:
            ingest(batch, at=now)
            batch, batches = [], batches + 1
            if batches == BATCHES_TO_LEARN_FROM:
                unusual.begin()
    ingest(batch, at=now)
    evaluate(Series.objects.values_list("pk", flat=True))
