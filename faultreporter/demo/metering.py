"""Two months of electricity: a main meter, and three chillers behind it, one of them with a dial that was reset."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics.energy import feed
from equipment.models import Equipment
from telemetry.intake.ingest import MAX_READINGS, ingest
from telemetry.models import Meter, Series, Tariff, Utility

DAYS = 60
STEP = timedelta(minutes=15)
RESET_DAYS_AGO = 17
CHILLERS = 3
OTHER_KW = 55.0
METRIC = "energy"


def meter(machines: list[Equipment], *, now: datetime, rng: random.Random) -> None:
    """Readings as a gateway would send them, the meters that read them, a tariff, and this quarter's figures."""
    chillers = of_kind(machines, "CHILLER")[:CHILLERS]
    main = of_kind(machines, "TRANSFORMER")[0]
    batch = list(dials(main, chillers, now=now, rng=rng))
    for start in range(0, len(batch), MAX_READINGS):
        ingest(batch[start : start + MAX_READINGS], at=now)
    series = {line.equipment_id: line for line in Series.objects.filter(metric__code=METRIC).select_related("metric")}
    for line in series.values():
        line.expect(int(STEP.total_seconds()))
    place = main.location and (main.location.site or main.location)
    top = add(f"Main meter {main.equipment_code}", series[main.pk], location=place)
    for number, chiller in enumerate(chillers, start=1):
        add(f"Chiller {number}", series[chiller.pk], equipment=chiller, parent=top)
    since = (now - timedelta(days=730)).date()
    Tariff(
        utility=Utility.ELECTRICITY, valid_from=since, price=Decimal("0.24"), currency="EUR", co2_kg=Decimal("0.363")
    ).store()
    feed(at=now)


def of_kind(machines: list[Equipment], category: str) -> list[Equipment]:
    return [machine for machine in machines if machine.category and machine.category.code == category]


def add(name: str, series: Series, **fields: Any) -> Meter:
    return Meter.add(by=None, name=name, series=series, utility=Utility.ELECTRICITY, rolls_over_at=1e8, **fields)


def dials(main: Equipment, chillers: list[Equipment], *, now: datetime, rng: random.Random) -> Iterator[dict[str, Any]]:
    """The main dial counts all that the others do, and the lights and lifts besides."""
    shown = {machine.pk: float(rng.randint(20_000, 400_000)) for machine in (main, *chillers)}
    hours, at, is_reset = STEP / timedelta(hours=1), now - timedelta(days=DAYS), False
    while at <= now:
        day = math.sin((at.hour + at.minute / 60 - 8) / 24 * 2 * math.pi)
        used = [max(0.0, 70 + 45 * day + rng.gauss(0, 6)) * hours for _chiller in chillers]
        if not is_reset and now - at < timedelta(days=RESET_DAYS_AGO):
            shown[chillers[-1].pk], is_reset = 0.0, True
        for chiller, amount in zip(chillers, used, strict=True):
            shown[chiller.pk] += amount
        shown[main.pk] += sum(used) + (OTHER_KW + 20 * day) * hours
        for machine in (main, *chillers):
            yield {
                "equipment_id": str(machine.pk),
                "metric": METRIC,
                "value": round(shown[machine.pk], 1),
                "recorded_at": at.isoformat(),
            }
        at += STEP
