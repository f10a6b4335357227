"""What is on which day: planned work, and work that is only due."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from equipment.models import Team
from faultreporter.accounts.models import User
from locations.models import Location
from workorders.horizon import DueTime, plan_occurrences
from workorders.models import WorkOrder, WorkOrderQuerySet
from workorders.workload import days_of

MOST_ENTRIES = 1_000
JOINED = ("equipment__location__site", "assigned_to", "assigned_team")


@dataclass(frozen=True, slots=True)
class Entry:
    """An order on its day: PLANNED for it, or DUE on it and not planned yet."""

    date: date
    kind: str
    order: WorkOrder


@dataclass(frozen=True, slots=True)
class Calendar:
    """`expected` are the due times of maintenance plans that no order was made for yet."""

    first: date
    last: date
    entries: list[Entry]
    expected: list[DueTime]
    truncated: bool = False


def entry_of(order: WorkOrder) -> Entry:
    """Days are the site's."""
    if order.planned_date:
        return Entry(order.planned_date, "PLANNED", order)
    assert order.due_at is not None  # noqa: S101 - the query asks for one of the two
    return Entry(order.due_at.astimezone(order.zone_info()).date(), "DUE", order)


def around(first: date, last: date) -> tuple[datetime, datetime]:
    """A day more at either end, so that the days of every time zone are within."""
    zone = ZoneInfo(settings.TIME_ZONE)
    since = datetime.combine(first - timedelta(days=1), time.min, tzinfo=zone)
    return since, datetime.combine(last + timedelta(days=2), time.min, tzinfo=zone)


def on_days(rows: WorkOrderQuerySet, first: date, last: date) -> WorkOrderQuerySet:
    """Orders planned for these days, and unfinished ones without a plan that are due on them or next to them."""
    since, until = around(first, last)
    planned = Q(planned_date__range=(first, last))
    due = Q(planned_date=None, due_at__gte=since, due_at__lt=until, status__in=WorkOrder.UNFINISHED)
    return rows.filter(planned | due).exclude(status=WorkOrder.Status.CANCELLED)


def calendar(
    *, viewer: User, first: date, last: date, at: datetime, user: User | None = None, team: Team | None = None,
    location: Location | None = None, rows: WorkOrderQuerySet | None = None,
) -> Calendar:  # fmt: skip
    """What is on these days in the viewer's sight; `rows` narrows the orders down further."""
    days_of(first, last)
    orders: Any = WorkOrder.objects.all() if rows is None else rows
    if location is not None:
        orders = orders.in_location(location.pk)
    if team is not None:
        orders = orders.of_team(team, at)
    if user is not None:
        orders = orders.filter(assigned_to=user)
    there = on_days(orders.for_user(viewer).living(), first, last).select_related(*JOINED)
    found = list(there.order_by("planned_date", "due_at", "pk")[: MOST_ENTRIES + 1])
    entries = [entry for order in found[:MOST_ENTRIES] if first <= (entry := entry_of(order)).date <= last]
    ahead = [
        one for one in expected(viewer, first, last, location)
        if (user is None or one.plan.assigned_to_id == user.pk)
        and (team is None or one.plan.assigned_team_id == team.pk)
    ]  # fmt: skip
    truncated = max(len(found), len(ahead)) > MOST_ENTRIES
    return Calendar(first, last, sorted(entries, key=order_of_day), ahead[:MOST_ENTRIES], truncated)


def expected(viewer: User, first: date, last: date, location: Location | None) -> list[DueTime]:
    since, until = around(first, last)
    place = None if location is None else location.pk
    times = plan_occurrences(viewer, since, until, location_id=place)
    return [one for one in times if one.state == "EXPECTED" and first <= one.day <= last]


def order_of_day(entry: Entry) -> Any:
    """By day; on a day by hour, then by urgency."""
    order = entry.order
    start = order.planned_start_at.timestamp() if order.planned_start_at else float("inf")
    return entry.date, start, -WorkOrder.Priority.values.index(order.priority), order.number
