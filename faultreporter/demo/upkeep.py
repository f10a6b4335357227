"""What comes round in the building: plans by calendar and running hours, a year of them, one late, one skipped."""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from equipment.models import Equipment
from faultreporter.demo.people import Team
from telemetry.intake.ingest import ingest
from telemetry.models import Metric
from workorders.generation import generate_due, read_meters
from workorders.models import (
    ChecklistItem,
    ChecklistTemplate,
    MaintenancePlan,
    PlanMeter,
    PlanOccurrence,
    WorkOrder,
)

A_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Care:
    """What one kind of machine needs, and how many of them get a plan."""

    category: str
    title: str
    rule: str
    minutes: int
    machines: int = 4
    type: str = "PREVENTIVE"
    priority: str = "MEDIUM"
    schedule: str = "FIXED"
    lines: tuple[str, ...] = ()


CARES = (
    Care("AHU", "Change the air filters", "FREQ=MONTHLY;INTERVAL=3", 60, 6,
         lines=("Fan stopped and locked out", "Filters changed, frames tight", "Differential pressure reset")),
    Care("ELEVATOR", "Monthly lift inspection", "FREQ=MONTHLY;BYDAY=1MO", 45, 4, "INSPECTION", "HIGH",
         lines=("Emergency call answers", "Doors reverse at an obstacle", "Levelling within 10 mm", "Pit is dry")),
    Care("FIRE-PUMP", "Weekly fire pump run", "FREQ=WEEKLY;BYDAY=TU", 20, 2, "INSPECTION", "HIGH",
         lines=("Starts by itself on falling pressure", "Runs for ten minutes", "Packing drips, not more")),
    Care("GENERATOR", "Test run under load", "FREQ=MONTHLY;BYDAY=1WE", 90, 3, "INSPECTION", "HIGH",
         lines=("Starts within ten seconds", "Takes the load for thirty minutes", "Fuel above three quarters")),
    Care("BOILER", "Service before the heating season", "FREQ=YEARLY;BYMONTH=9;BYMONTHDAY=1", 180, 3),
    Care("COOLING-TOWER", "Clean the basin, sample for legionella", "FREQ=MONTHLY;INTERVAL=3", 150, 2, priority="HIGH",
         schedule="FLOATING"),
    Care("UPS", "Battery check", "FREQ=MONTHLY;INTERVAL=6", 60, 3, "CALIBRATION", schedule="FLOATING"),
    Care("PUMP", "Grease the bearings", "FREQ=MONTHLY;INTERVAL=4", 30, 6, priority="LOW", schedule="FLOATING"),
)  # fmt: skip
HOURS_OF_SERVICE = 2_000.0


def plan(machines: list[Equipment], team: Team, *, now: datetime, rng: random.Random) -> None:
    plans = [one for care in CARES for one in planned(care, machines, team, now=now)]
    by_running_hours(machines, team, now=now)
    keep(plans, now=now, rng=rng)
    generate_due(at=now)
    unusual(plans, team, now=now)


def planned(care: Care, machines: list[Equipment], team: Team, *, now: datetime) -> list[MaintenancePlan]:
    checklist = checklist_of(care) if care.lines else None
    chosen = [one for one in machines if one.category and one.category.code == care.category][: care.machines]
    return [
        MaintenancePlan.add(
            equipment=machine, by=team.managers[0], at=now - timedelta(days=20), title=care.title, rule=care.rule,
            type=care.type, priority=care.priority, schedule=care.schedule, estimated_minutes=care.minutes,
            start_date=first_day(number, now), lead_days=7 if "WEEKLY" not in care.rule else 2, checklist=checklist,
            assigned_to=team.technicians[number % len(team.technicians)] if number % 2 else None,
        )
        for number, machine in enumerate(chosen)
    ]  # fmt: skip


def first_day(number: int, now: datetime) -> date:
    """Not all on one day: some are due soon, some in weeks."""
    day = now.date() + timedelta(days=2 + 9 * number)
    return day.replace(day=min(day.day, 28))


def checklist_of(care: Care) -> ChecklistTemplate:
    made: ChecklistTemplate = ChecklistTemplate.objects.create(name=care.title)
    ChecklistItem.objects.bulk_create(
        ChecklistItem(template=made, position=position, title=line, kind="PASS_FAIL")
        for position, line in enumerate(care.lines, start=1)
    )
    return made


def by_running_hours(machines: list[Equipment], team: Team, *, now: datetime) -> None:
    """The chillers report their running hours; one has reached its service, the others come to it."""
    runtime = Metric.objects.living().get(code="runtime")
    chillers = [one for one in machines if one.category and one.category.code == "CHILLER"][:4]
    began, readings = now - timedelta(days=60), []
    for number, chiller in enumerate(chillers):
        shown = 12_000.0 + 400 * number
        made = MaintenancePlan.add(
            equipment=chiller, by=team.managers[0], at=began, title="Service by running hours", trigger="METER",
            schedule="FLOATING", metric=runtime, meter_interval=HOURS_OF_SERVICE, priority="HIGH",
            meter_base=shown - 900 * (1 - number * 0.3), estimated_minutes=240, lead_days=7,
        )  # fmt: skip
        PlanMeter.objects.filter(plan=made).update(
            total=shown, last=shown, since_total=shown, since_at=began, seen_at=began
        )
        readings += [
            {
                "equipment_id": str(chiller.pk),
                "metric": "runtime",
                "value": shown + 19 * day,
                "recorded_at": f"{at:%FT%TZ}",
            }
            for day in (46, 53, 60)
            for at in (now - timedelta(days=60 - day),)
        ]
    ingest(readings, at=now)
    read_meters()


def keep(plans: list[MaintenancePlan], *, now: datetime, rng: random.Random) -> None:
    """The machines' services of the last year were these plans'; a few due times were missed."""
    services: dict[Any, list[WorkOrder]] = {}
    done = WorkOrder.objects.filter(type="PREVENTIVE", completed_at__gt=now - A_YEAR, plan=None)
    for order in done.order_by("completed_at"):
        services.setdefault(order.equipment_id, []).append(order)
    occurrences, orders = [], []
    for one in plans:
        for order in services.pop(one.equipment_id, []):
            order.plan, order.title = one, one.title
            due = (order.started_at or now) + timedelta(days=rng.choice((0, 0, 1, 2, 3, -1, -2, -6)))
            orders.append(order)
            occurrences.append(occurrence(one, due, "GENERATED", work_order=order))
            if rng.random() < 0.04:
                missed = due - timedelta(days=14)
                occurrences.append(occurrence(one, missed, "MISSED", reason="The order before it wasn't finished."))
    WorkOrder.objects.bulk_update(orders, ["plan", "title"], batch_size=500)
    PlanOccurrence.objects.bulk_create(occurrences)


def occurrence(plan: MaintenancePlan, due: datetime, state: str, **facts: Any) -> PlanOccurrence:
    return PlanOccurrence(plan=plan, due_at=due, late_after=plan.late_after(due), state=state, created_at=due, **facts)


def unusual(plans: list[MaintenancePlan], team: Team, *, now: datetime) -> None:
    """One order is late, one due time is skipped, one plan is paused."""
    free = [one for one in plans if one.open_order() is None]
    skipped, paused = free[0], free[1]
    skipped.skip(by=team.managers[0], at=now - timedelta(hours=5), reason="The floor is closed for works until Friday.")
    paused.pause(by=team.managers[0], at=now - timedelta(days=1), reason="Being replaced; the new one has a warranty.")
    late = next(one for one in reversed(plans) if one not in (skipped, paused) and one.open_order())
    due = now - timedelta(days=6)
    WorkOrder.objects.filter(plan=late).unfinished().update(due_at=due, created_at=due - timedelta(days=7))
    late.occurrences.filter(work_order__due_at=due).update(due_at=due, late_after=late.late_after(due))
