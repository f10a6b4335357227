"""What maintenance lies ahead: every plan's due times in a window, with what became of those that have passed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.utils import timezone

from faultreporter.accounts.models import User
from workorders.models import MaintenancePlan, PlanOccurrence, WorkOrder
from workorders.models.plan_queryset import MaintenancePlanQuerySet
from workorders.models.plans import JOINED

LONGEST_WINDOW = timedelta(days=366)
MOST_OF_A_PLAN = 400


@dataclass(frozen=True, slots=True)
class DueTime:
    """One due time of one plan. EXPECTED ones lie ahead; a counter's are a forecast by its pace so far."""

    plan: MaintenancePlan
    due_at: datetime
    state: str
    work_order: WorkOrder | None = None
    reason: str = ""
    is_forecast: bool = False

    @property
    def minutes(self) -> int:
        return self.plan.minutes() if self.state in {"EXPECTED", "GENERATED"} else 0

    @property
    def day(self) -> date:
        return self.due_at.astimezone(self.plan.zone_info()).date()


@dataclass(frozen=True, slots=True)
class Week:
    """The maintenance of one week, which begins on a Monday."""

    starts_on: date
    occurrences: int
    minutes: int


def plan_occurrences(user: User, start: datetime, end: datetime, *, location_id: UUID | None = None) -> "list[DueTime]":
    """The due times from `start` up to `end` of every plan this person sees, in order. Four queries."""
    plans = MaintenancePlan.objects.for_user(user).living()
    if location_id is not None:
        plans = plans.in_location(location_id)
    return due_times(plans, start, end)


def due_times(plans: MaintenancePlanQuerySet, start: datetime, end: datetime) -> "list[DueTime]":
    found = {plan.pk: plan for plan in plans.select_related(*JOINED).with_open_order()}
    recorded = PlanOccurrence.objects.filter(plan__in=found, due_at__gte=start, due_at__lt=end)
    times = [
        DueTime(found[row.plan_id], row.due_at, row.state, row.work_order, row.reason)
        for row in recorded.select_related("work_order")
        if row.work_order is None or row.work_order.deleted_at is None
    ]
    known = {(time.plan.pk, time.due_at) for time in times}
    now = timezone.now()
    for plan in found.values():
        ahead = expected(plan, start, end, now=now)
        times += [time for time in ahead if (plan.pk, time.due_at) not in known]
    return sorted(times, key=lambda time: (time.due_at, time.plan.title, str(time.plan.pk)))


def expected(plan: MaintenancePlan, start: datetime, end: datetime, *, now: datetime) -> "list[DueTime]":
    """What lies ahead, if everything is done when it is due."""
    if not plan.is_active(now):
        return []
    by_calendar = [DueTime(plan, due, "EXPECTED") for due in by_rule(plan, end) if due >= start]
    by_meter = [DueTime(plan, due, "EXPECTED", is_forecast=True) for due in by_pace(plan, end, now=now) if due >= start]
    return [
        time for time in (*by_calendar, *by_meter)[:MOST_OF_A_PLAN] if plan.ends_on is None or time.day <= plan.ends_on
    ]


def by_rule(plan: MaintenancePlan, end: datetime) -> list[datetime]:
    recurrence, due = plan.recurrence(), plan.next_due_at
    if recurrence is None or due is None or due >= end:
        return []
    last_moment = end - timedelta(microseconds=1)
    if not plan.is_floating:
        return [due, *recurrence.instants(after=due, until=last_moment)]
    times: list[datetime] = []
    while due < end and len(times) < MOST_OF_A_PLAN:
        times.append(due)
        due = recurrence.interval_after(due)
    return times


def by_pace(plan: MaintenancePlan, end: datetime, *, now: datetime) -> list[datetime]:
    """Only the next one where the calendar may come first."""
    order_is_out = plan.meter.is_reached and plan.open_order() is not None
    first = plan.meter.expected_at(now) if plan.trigger in plan.BY_METER and not order_is_out else None
    if first is None or first >= end:
        return []
    meter = plan.meter
    grown = (meter.total or 0) - (meter.since_total or 0)
    if plan.trigger == plan.Trigger.BOTH or meter.since_at is None or grown <= 0:
        return [first]
    step = max((now - meter.since_at) * ((plan.meter_interval or 0) / grown), timedelta(days=1))
    times = int((end - first) / step) + 1
    return [first + n * step for n in range(min(times, MOST_OF_A_PLAN))]


def next_dates(plan: MaintenancePlan, *, count: int = 5) -> list[datetime]:
    """The next due times, for people who want to see what a rule means."""
    return by_rule(plan, (plan.next_due_at or timezone.now()) + timedelta(days=366 * 10))[:count]


def by_week(times: Iterable[DueTime], start: date, end: date) -> list[Week]:
    """How much there is to do in each week; quiet weeks are there, too."""
    counts: dict[date, list[int]] = {}
    for time in times:
        if time.state in {"EXPECTED", "GENERATED"}:
            counts.setdefault(monday(time.day), []).append(time.minutes)
    first, weeks = monday(start), []
    while first <= end:
        minutes = counts.get(first, [])
        weeks.append(Week(first, len(minutes), sum(minutes)))
        first += timedelta(days=7)
    return weeks


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
