"""Dials that no gateway reaches: a gas meter and the hours of two pumps, read every week by hand. The pumps are due."""

import random
from datetime import datetime, timedelta

from equipment.models import Equipment
from faultreporter.demo.metering import of_kind
from faultreporter.demo.people import Team
from telemetry.hand_readings.by_hand import Typed, enter
from telemetry.models import Meter, Series, Utility

WEEK = timedelta(days=7)
WEEKS = 8
PUMPS = 2
HOURS_A_WEEK = 140


def read_by_hand(machines: list[Equipment], team: Team, *, now: datetime, rng: random.Random) -> None:
    """The gas meter was read yesterday, the pumps a week and a day ago."""
    boiler = of_kind(machines, "BOILER")[0]
    read(boiler, "gas_volume", 41_250, 620, team, last=now - timedelta(days=1), now=now, rng=rng)
    gas = Series.objects.select_related("metric").get(equipment=boiler, metric__code="gas_volume")
    name = f"Gas {boiler.equipment_code}"
    Meter.add(by=None, name=name, series=gas, utility=Utility.GAS, equipment=boiler, max_per_hour=20.0)
    for number, pump in enumerate(of_kind(machines, "PUMP")[:PUMPS]):
        read(pump, "runtime", 3_000 + 900 * number, HOURS_A_WEEK, team, last=now - WEEK - WEEK / 7, now=now, rng=rng)


def read(
    machine: Equipment, metric: str, shown: float, a_week: float, team: Team, *,
    last: datetime, now: datetime, rng: random.Random,
) -> None:  # fmt: skip
    """Each week somebody else, at the beginning a dial that showed `shown`."""
    for week in range(WEEKS):
        typed = Typed(
            equipment_id=machine.pk,
            metric=metric,
            value=round(shown, 1),
            recorded_at=(last - (WEEKS - 1 - week) * WEEK).isoformat(),
            note="Glass is scratched, hard to read" if week == 2 else "",
        )
        enter(typed, by=team.technicians[week % len(team.technicians)], at=now)
        shown += a_week * rng.uniform(0.8, 1.1)
    Series.objects.get(equipment=machine, metric__code=metric).expect(int(WEEK.total_seconds()))
