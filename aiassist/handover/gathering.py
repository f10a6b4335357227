"""A site's day, read for its handover: about fifteen queries, however large the site and however busy the day.

What happened is what happened from midnight to midnight on the site's clock, or until now. Alerts, machines and
overdue orders are told as they stood at the end; holds and readings are those that still stand when it is read.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When, Window

from aiassist.handover.facts import (
    AlertLine,
    DayFacts,
    DowntimeLine,
    MachineLine,
    OrderLine,
    ReadingLine,
    SafetyLine,
    Some,
)
from aiassist.models import Analysis
from aiassist.providers.rulebook import DANGER
from alerts.models import Alert
from equipment.models import Equipment, StatusInterval
from locations.models import Location
from telemetry.models import Quality, RuleState
from telemetry.rules.reasons import limit_words
from telemetry.units import quantity
from workorders.models import MaintenancePlan, WorkOrder
from workorders.models.queryset import is_late

MOST: Final = 15
"""So many of each list are told; the rest is counted."""
NEXT_SHIFT: Final = timedelta(hours=12)
LONGEST_NOTE: Final = 200
UNPLANNED, PLANNED = StatusInterval.Status.ERROR, StatusInterval.Status.MAINTENANCE
WORST: Final = Alert.Severity.values[::-1]

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Day:
    """[start, until) in UTC; `end` is when the day is over. A day has 23, 24 or 25 hours."""

    day: date
    zone: ZoneInfo
    start: datetime
    end: datetime
    until: datetime

    @classmethod
    def of(cls, site: Location, day: date, *, at: datetime) -> "Day":
        zone = site.zone_info()
        start, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
        return cls(day, zone, start, end, until=max(start, min(at, end)))

    def clock(self, moment: datetime | None) -> str:
        """What the site's clock showed; midnight at the end of the day is 24:00."""
        if moment is None:
            return ""
        local = moment.astimezone(self.zone)
        if moment == self.end:
            return "24:00"
        return f"{local:%H:%M}" if local.date() == self.day else f"{local:%Y-%m-%d %H:%M}"


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Where the clocks skip midnight, the moment they do."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def today(site: Location, *, at: datetime) -> date:
    return at.astimezone(site.zone_info()).date()


def gather(analysis: Analysis) -> DayFacts:
    """The facts of a handover's site and day, until it was asked for: who takes over asks the same question."""
    site: Any = analysis.site  # it has both by a constraint of the table
    day: Any = analysis.day
    return day_of(site, Day.of(site, day, at=analysis.created_at))


def day_of(site: Location, day: Day) -> DayFacts:
    machines = Equipment.objects.living().in_location(site.pk)
    alerts = Alert.objects.living().filter(equipment__in=machines).exclude(resolution=Alert.Resolution.DUPLICATE)
    alerts = alerts.select_related("equipment")
    orders = WorkOrder.objects.living().filter(equipment__in=machines).select_related("equipment")
    still_open = open_alerts(alerts, day)
    downtime, not_online = standstills(machines, day)
    return DayFacts(
        site=site.name,
        day=f"{day.day:%Y-%m-%d}",
        weekday=f"{day.day:%A}",
        time_zone=day.zone.key,
        until=day.clock(day.until),
        next_until=day.clock(day.until + NEXT_SHIFT),
        is_over=day.until == day.end,
        raised=some(worst_first(alerts.filter(created_at__gte=day.start, created_at__lt=day.until)), alert_line, day),
        resolved=some(worst_first(resolved_in(alerts, day)), alert_line, day),
        still_open=still_open,
        started=some(orders.filter(started_at__gte=day.start, started_at__lt=day.until).order_by("started_at", "pk"),
                     order_line, day),
        done=some(orders.filter(completed_at__gte=day.start, completed_at__lt=day.until).order_by("completed_at", "pk"),
                  done_line, day),
        overdue=some(overdue(orders, day), order_line, day),
        on_hold=some(orders.filter(status=WorkOrder.Status.ON_HOLD, moved_at__lt=day.until).order_by("moved_at", "pk"),
                     held_line, day),
        due_next=due_next(orders, machines, day),
        downtime=downtime,
        not_online=not_online,
        readings=readings_beyond(machines, day),
        safety=safety_of(still_open, day),
    )  # fmt: skip


def some(rows: QuerySet[Any], line: Callable[[Any, Day], Row], day: Day) -> Some[Row]:
    """The first of the rows, with how many there are, in one query."""
    found = list(rows.annotate(of=Window(Count("*")))[:MOST])
    return Some(tuple(line(row, day) for row in found), total=found[0].of if found else 0)


# Alerts --------------------------------------------------------------------------------------------------------------


def worst_first(alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    places = (When(severity=severity, then=Value(place)) for place, severity in enumerate(WORST))
    worst = Case(*places, default=Value(len(WORST)), output_field=IntegerField())
    return alerts.order_by(worst, "created_at", "pk")


def resolved_in(alerts: QuerySet[Alert], day: Day) -> QuerySet[Alert]:
    return alerts.filter(status=Alert.Status.RESOLVED, resolved_at__gte=day.start, resolved_at__lt=day.until)


def open_alerts(alerts: QuerySet[Alert], day: Day) -> Some[AlertLine]:
    later = Q(status=Alert.Status.RESOLVED, resolved_at__gte=day.until)
    unresolved = Q(status__in=(Alert.Status.OPEN, Alert.Status.ACKNOWLEDGED))
    rows = alerts.filter(unresolved | later, created_at__lt=day.until)
    return some(worst_first(rows), alert_line, day)


def alert_line(alert: Alert, day: Day) -> AlertLine:
    """With what became of it within the day."""
    is_over = alert.resolved_at is not None and alert.resolved_at < day.until
    outcome = f"{alert.get_resolution_display()} {day.clock(alert.resolved_at)}" if is_over else ""
    return AlertLine(
        reference=str(alert.pk),
        title=alert.title,
        severity=alert.severity,
        machine=alert.equipment.equipment_code,
        machine_name=alert.equipment.equipment_name,
        raised=day.clock(alert.created_at),
        description=short(alert.description),
        outcome=outcome,
    )


# Orders --------------------------------------------------------------------------------------------------------------


def order_line(order: WorkOrder, day: Day, note: str = "") -> OrderLine:
    return OrderLine(
        number=order.number,
        title=order.title,
        priority=order.priority,
        machine=order.equipment.equipment_code,
        machine_name=order.equipment.equipment_name,
        due=day.clock(order.due_at or order.restore_due_at),
        note=short(note),
    )


def done_line(order: WorkOrder, day: Day) -> OrderLine:
    return order_line(order, day, note=order.resolution)


def held_line(order: WorkOrder, day: Day) -> OrderLine:
    return order_line(order, day, note=order.hold_reason)


def overdue(orders: QuerySet[WorkOrder], day: Day) -> QuerySet[WorkOrder]:
    """Unfinished at the end, and late by then."""
    unfinished = Q(status__in=WorkOrder.UNFINISHED) | Q(completed_at__gte=day.until)
    rows = orders.filter(unfinished, is_late(day.until), created_at__lt=day.until)
    return rows.order_by("due_at", "restore_due_at", "pk")


def due_next(orders: QuerySet[WorkOrder], machines: QuerySet[Equipment], day: Day) -> Some[OrderLine]:
    """Orders due or planned in the next shift, and the plans that are due then and have no order yet."""
    start, end = day.until, day.until + NEXT_SHIFT
    due = Q(due_at__gte=start, due_at__lt=end) | Q(due_at=None, restore_due_at__gte=start, restore_due_at__lt=end)
    planned = Q(planned_start_at__gte=start, planned_start_at__lt=end)
    rows = orders.filter(due | planned, status__in=WorkOrder.UNFINISHED)
    found = some(rows.order_by(F("due_at").asc(nulls_last=True), "planned_start_at", "pk"), order_line, day)
    plans = MaintenancePlan.objects.active(day.until).filter(
        equipment__in=machines, next_due_at__gte=start, next_due_at__lt=end
    )
    plans = plans.exclude(Exists(WorkOrder.objects.living().unfinished().filter(plan=OuterRef("pk"))))
    without_order = some(plans.select_related("equipment").order_by("next_due_at", "pk"), plan_line, day)
    return Some((*found.rows, *without_order.rows)[:MOST], total=found.total + without_order.total)


def plan_line(plan: MaintenancePlan, day: Day) -> OrderLine:
    return OrderLine(
        number="",
        title=plan.title,
        priority=plan.priority,
        machine=plan.equipment.equipment_code,
        machine_name=plan.equipment.equipment_name,
        due=day.clock(plan.next_due_at),
    )


# Machines ------------------------------------------------------------------------------------------------------------


def standstills(machines: QuerySet[Equipment], day: Day) -> tuple[Some[DowntimeLine], Some[MachineLine]]:
    """Who was down for how long within the day, and who isn't running at its end; the longest and the worst first."""
    rows = StatusInterval.objects.overlapping(day.start, day.until).filter(equipment__in=machines)
    hours: dict[tuple[str, str], dict[str, float]] = {}
    standing: dict[tuple[str, str], StatusInterval] = {}
    for row in rows.select_related("equipment").order_by("started_at", "pk"):
        machine = (row.equipment.equipment_code, row.equipment.equipment_name)
        span = min(row.ended_at or day.until, day.until) - max(row.started_at, day.start)
        of_machine = hours.setdefault(machine, dict.fromkeys(StatusInterval.Status.values, 0.0))
        of_machine[row.status] += span / timedelta(hours=1)
        if row.ended_at is None or row.ended_at >= day.until:
            standing[machine] = min(row, standing.get(machine, row), key=badness)
    rounded = (DowntimeLine(*one, round(of[UNPLANNED], 1), round(of[PLANNED], 1)) for one, of in hours.items())
    down = [line for line in rounded if line.unplanned_hours or line.planned_hours]
    down.sort(key=lambda line: (-line.unplanned_hours, -line.planned_hours, line.machine))
    still = sorted(standing.items(), key=lambda one: (badness(one[1]), one[0]))
    lines = [MachineLine(*machine, row.status, day.clock(row.started_at)) for machine, row in still]
    return first(down), first(lines)


def badness(row: StatusInterval) -> int:
    return Equipment.WORST_FIRST.index(row.status)


def first(rows: Iterable[Row]) -> Some[Row]:
    found = tuple(rows)
    return Some(found[:MOST], total=len(found))


def readings_beyond(machines: QuerySet[Equipment], day: Day) -> Some[ReadingLine]:
    firing = RuleState.objects.firing().filter(series__equipment__in=machines, since__lt=day.until)
    joined = firing.select_related("series__equipment", "series__metric", "series__latest", "rule")
    return some(joined.order_by("since", "pk"), reading_line, day)


def reading_line(state: RuleState, day: Day) -> ReadingLine:
    series = state.series
    latest = getattr(series, "latest", None)
    if latest is not None and latest.quality is Quality.VOID:
        latest = None
    return ReadingLine(
        machine=series.equipment.equipment_code,
        machine_name=series.equipment.equipment_name,
        metric=series.metric.name,
        value=quantity(latest.value, series.metric.unit) if latest else "",
        limit=limit_words(state.rule.limits(), series.metric.unit),
        since=day.clock(state.since),
    )


# Safety --------------------------------------------------------------------------------------------------------------


def safety_of(still_open: Some[AlertLine], day: Day) -> Some[SafetyLine]:
    """Of open alerts: what the assistant warned of, else words of danger in the report itself."""
    answers = Analysis.objects.filter(
        alert__in=[line.reference for line in still_open.rows],
        status=Analysis.Status.SUCCEEDED,
        created_at__lt=day.until,
    )
    newest = answers.order_by("alert", "-created_at", "-pk").distinct("alert")
    warned = {str(answer.alert_id): (answer.result or {}).get("safety_warnings") for answer in newest}
    lines: list[SafetyLine] = []
    for line in still_open.rows:
        danger = DANGER.search(f"{line.title}. {line.description}")
        said = warned.get(line.reference) or ([line.title] if danger else [])
        lines += [SafetyLine(short(text), line.reference, line.machine) for text in said]
    return first(lines)


def short(text: str) -> str:
    """One line, cut at a word."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_NOTE else line[:LONGEST_NOTE].rsplit(" ", 1)[0] + " …"
