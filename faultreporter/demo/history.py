"""Two years of work, written as the services would have left it: alerts, orders, downtime, energy."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from alerts.models import Alert, AlertEvent
from analytics.models import EnergyConsumption
from equipment.models import Equipment, FailureMode, StatusInterval
from faultreporter.accounts.models import User
from faultreporter.demo.machines import BY_CATEGORY, Kind
from faultreporter.demo.people import Team
from faultreporter.demo.promises import Promises
from faultreporter.demo.store import HOURLY_RATE
from workorders.models import WorkOrder, WorkOrderEvent, WorkOrderNumber

YEARS = 2
SEVERITIES = ("LOW", "MEDIUM", "MEDIUM", "HIGH", "HIGH", "CRITICAL")
BATCH = 2_000


@dataclass(slots=True)
class Ledger:
    """Rows waiting to be written together."""

    promises: Promises
    alerts: list[Alert] = field(default_factory=list)
    orders: list[WorkOrder] = field(default_factory=list)
    intervals: list[StatusInterval] = field(default_factory=list)
    alert_events: list[AlertEvent] = field(default_factory=list)
    order_events: list[WorkOrderEvent] = field(default_factory=list)

    def write(self) -> None:
        number(self.orders)
        written: tuple[tuple[Any, list[Any]], ...] = (
            (StatusInterval, self.intervals),
            (Alert, self.alerts),
            (AlertEvent, self.alert_events),
            (WorkOrder, self.orders),
            (WorkOrderEvent, self.order_events),
        )
        for model, rows in written:
            model.objects.bulk_create(rows, batch_size=BATCH)


def number(orders: list[WorkOrder]) -> None:
    """Numbers in the order of time, gapless per year, and the counters that go on from there."""
    taken: Counter[int] = Counter({row.year: row.last for row in WorkOrderNumber.objects.all()})
    for order in sorted(orders, key=lambda order: order.created_at):
        year = order.created_at.year
        taken[year] += 1
        order.number = str(WorkOrderNumber(year=year, last=taken[year]))
    WorkOrderNumber.objects.bulk_create(
        [WorkOrderNumber(year=year, last=last) for year, last in taken.items()],
        update_conflicts=True,
        update_fields=["last"],
        unique_fields=["year"],
    )


def live_through(machines: list[Equipment], team: Team, *, now: datetime, rng: random.Random) -> Ledger:
    """Failures come at random around each kind's MTBF, preventive work at its interval; neither overlaps itself."""
    modes = modes_by_category()
    ledger = Ledger(promises=Promises())
    for machine in machines:
        kind = BY_CATEGORY[machine.category.code if machine.category else ""]
        for failed_at, hours in failures(kind, now=now, rng=rng):
            repair(ledger, machine, kind, modes[kind.category], team, at=failed_at, hours=hours, rng=rng)
        for start in preventive_days(kind, now=now, rng=rng):
            service(ledger, machine, kind, team, at=start, rng=rng)
    return ledger


def modes_by_category() -> dict[str, list[FailureMode]]:
    found: dict[str, list[FailureMode]] = {code: [] for code in BY_CATEGORY}
    for mode in FailureMode.objects.living().exclude(category=None).select_related("category").order_by("code"):
        if mode.category and mode.category.code in found:
            found[mode.category.code].append(mode)
    return found


def failures(kind: Kind, *, now: datetime, rng: random.Random) -> Iterator[tuple[datetime, float]]:
    at = now - timedelta(days=365 * YEARS) + timedelta(hours=rng.expovariate(1 / kind.mtbf_hours))
    while at < now - timedelta(days=4):
        hours = min(kind.mttr_hours * rng.lognormvariate(-0.2, 0.6), 70)
        yield at, hours
        at += timedelta(hours=hours + 1 + rng.expovariate(1 / kind.mtbf_hours))


def preventive_days(kind: Kind, *, now: datetime, rng: random.Random) -> Iterator[datetime]:
    start = now - timedelta(days=365 * YEARS - rng.randint(0, kind.preventive_days))
    at = start.replace(hour=7, minute=30, second=0, microsecond=0)
    while at < now - timedelta(days=2):
        yield at
        at += timedelta(days=kind.preventive_days)


def found(title: str, modes: list[FailureMode], *, at: datetime, rng: random.Random) -> FailureMode | None:
    """What the fault turned out to be: mostly what the report's words say, once in eight times something else."""
    other = rng.choice(modes) if modes else None
    words = title.lower()
    said = max(modes, key=lambda m: (m.name.lower() == words) + sum(k in words for k in m.keywords), default=None)
    return other if at.minute % 8 == 0 else said


def repair(
    ledger: Ledger,
    machine: Equipment,
    kind: Kind,
    modes: list[FailureMode],
    team: Team,
    *,
    at: datetime,
    hours: float,
    rng: random.Random,
) -> None:
    """One failure from its report to the closed order."""
    back_up = at + timedelta(hours=hours)
    technician, manager, reporter = rng.choice(team.technicians), rng.choice(team.managers), rng.choice(team.reporters)
    interval = StatusInterval(
        equipment=machine, status="ERROR", started_at=at, ended_at=back_up, reason="", source="ALERT",
        counts_as_failure=True, holders=0, released_until=back_up, started_by=reporter, ended_by=technician,
    )  # fmt: skip
    alert = Alert(
        equipment=machine, source="REPORT", title=rng.choice(kind.faults), severity=rng.choice(SEVERITIES),
        status="RESOLVED", occurred_at=at, last_occurred_at=at, created_at=at, moved_at=back_up, reported_by=reporter,
        fingerprint=f"history-{machine.pk}-{at.timestamp():.0f}", acknowledged_at=at + timedelta(minutes=12),
        acknowledged_by=manager, repaired_at=back_up, repaired_by=technician, resolved_at=back_up,
        resolved_by=technician, resolution="FIXED", equipment_down=True, downtime=interval,
        downtime_released_at=back_up,
    )  # fmt: skip
    mode = found(alert.title, modes, at=at, rng=rng)
    minutes = int(hours * 60 * rng.uniform(0.4, 0.9))
    order = WorkOrder(
        equipment=machine, alert=alert, type="CORRECTIVE", priority=alert.severity, status="CLOSED", title=alert.title,
        created_at=at + timedelta(minutes=15), created_by=manager, due_at=at + timedelta(days=2),
        assigned_to=technician, assigned_at=at + timedelta(minutes=16), started_at=at + timedelta(hours=hours * 0.3),
        completed_at=back_up, completed_by=technician, closed_at=back_up + timedelta(hours=5),
        moved_at=back_up + timedelta(hours=5),
        resolution=mode.remedy if mode and mode.remedy else "Repaired and tested.", failure_mode=mode,
        cause=rng.choice(mode.typical_causes) if mode and mode.typical_causes else "", labour_minutes=minutes,
        labour_cost=(HOURLY_RATE * minutes / 60).quantize(Decimal("0.01")),
        parts_cost=Decimal(round(kind.parts_cost * rng.lognormvariate(-0.5, 0.8), 2)).quantize(Decimal("0.01")),
        downtime=interval, downtime_released_at=back_up,
    )  # fmt: skip
    ledger.intervals.append(interval)
    ledger.alerts.append(alert)
    ledger.orders.append(order)
    ledger.alert_events += [
        AlertEvent(alert=alert, kind="RAISED", at=at, by=reporter),
        AlertEvent(alert=alert, kind="ACKNOWLEDGED", at=at + timedelta(minutes=12), by=manager),
        AlertEvent(alert=alert, kind="RESOLVED", at=back_up, by=technician),
    ]
    ledger.order_events += order_events(order, manager, technician) + ledger.promises.settle(order)


def order_events(order: WorkOrder, manager: User, technician: User) -> list[WorkOrderEvent]:
    moments = (
        ("RAISED", order.created_at, manager),
        ("ASSIGNED", order.assigned_at, manager),
        ("STARTED", order.started_at, technician),
        ("COMPLETED", order.completed_at, technician),
    )
    return [WorkOrderEvent(work_order=order, kind=kind, at=at, by=by) for kind, at, by in moments if at]


def service(ledger: Ledger, machine: Equipment, kind: Kind, team: Team, *, at: datetime, rng: random.Random) -> None:
    """One preventive visit, in planned downtime."""
    done = at + timedelta(minutes=rng.randint(40, 180))
    technician, manager = rng.choice(team.technicians), rng.choice(team.managers)
    interval = StatusInterval(
        equipment=machine, status="MAINTENANCE", started_at=at, ended_at=done, reason="", source="WORK_ORDER",
        counts_as_failure=False, exclusion_reason="PLANNED", holders=0, released_until=done, started_by=technician,
        ended_by=technician,
    )  # fmt: skip
    minutes = int((done - at).total_seconds() / 60)
    order = WorkOrder(
        equipment=machine, type="PREVENTIVE", priority="LOW", status="CLOSED", title=f"Service the {kind.name.lower()}",
        created_at=at - timedelta(days=7), created_by=manager, due_at=at + timedelta(days=7), assigned_to=technician,
        assigned_at=at - timedelta(days=6), started_at=at, completed_at=done, completed_by=technician,
        closed_at=done + timedelta(hours=2), moved_at=done + timedelta(hours=2),
        resolution="Serviced by the checklist, nothing to report.",
        labour_minutes=minutes, labour_cost=(HOURLY_RATE * minutes / 60).quantize(Decimal("0.01")),
        downtime=interval, downtime_released_at=done,
    )  # fmt: skip
    ledger.intervals.append(interval)
    ledger.orders.append(order)
    ledger.order_events += order_events(order, manager, technician)


def meter_energy(machines: list[Equipment], *, now: datetime, rng: random.Random) -> None:
    """Eight quarters of electricity for every machine that has a meter."""
    quarters = [(now.year * 4 + (now.month - 1) // 3) - back for back in range(1, 4 * YEARS + 1)]
    rows = []
    for machine in machines:
        rated = machine.metadata["rated_power_kw"]
        if rated < 1.5:
            continue
        for index in quarters:
            season = 1.25 if index % 4 in (0, 2) else 0.9
            kwh = Decimal(round(rated * 2190 * rng.uniform(0.25, 0.4) * season, 1))
            rows.append(
                EnergyConsumption(
                    equipment=machine,
                    year=index // 4,
                    quarter=index % 4 + 1,
                    kwh=kwh,
                    cost=(kwh * Decimal("0.24")).quantize(Decimal("0.01")),
                    currency="EUR",
                    co2_kg=(kwh * Decimal("0.363")).quantize(Decimal("0.1")),
                    coverage_percent=rng.choice((98, 99, 100)),
                    source="METER",
                )
            )
    EnergyConsumption.objects.bulk_create(rows, batch_size=BATCH)
