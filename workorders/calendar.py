"""What is on which day: planned work, and work that is only due."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from faultreporter.accounts.models import User
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
    first: date
    last: date
    entries: list[Entry]
    truncated: bool = False


def entry_of(order: WorkOrder) -> Entry:
    """Days are the site's."""
    if order.planned_date:
        return Entry(order.planned_date, "PLANNED", order)
    assert order.due_at is not None  # noqa: S101 - the query asks for one of the two
    return Entry(order.due_at.astimezone(order.zone_info()).date(), "DUE", order)


def on_days(rows: WorkOrderQuerySet, first: date, last: date) -> WorkOrderQuerySet:
    """Orders planned for these days, and unfinished ones without a plan that are due on them, a day to either side."""
    zone = ZoneInfo(settings.TIME_ZONE)
    since = datetime.combine(first - timedelta(days=1), time.min, tzinfo=zone)
    until = datetime.combine(last + timedelta(days=2), time.min, tzinfo=zone)
    planned = Q(planned_date__range=(first, last))
    due = Q(planned_date=None, due_at__gte=since, due_at__lt=until, status__in=WorkOrder.UNFINISHED)
    return rows.filter(planned | due).exclude(status=WorkOrder.Status.CANCELLED)


def calendar(*, viewer: User, first: date, last: date, rows: WorkOrderQuerySet | None = None) -> Calendar:
    """What is on these days in the viewer's sight; `rows` narrows it down further."""
    days_of(first, last)
    orders: Any = WorkOrder.objects.all() if rows is None else rows
    there = on_days(orders.for_user(viewer).living(), first, last).select_related(*JOINED)
    found = list(there.order_by("planned_date", "due_at", "pk")[: MOST_ENTRIES + 1])
    entries = [entry for order in found[:MOST_ENTRIES] if first <= (entry := entry_of(order)).date <= last]
    return Calendar(first, last, sorted(entries, key=order_of_day), truncated=len(found) > MOST_ENTRIES)


def order_of_day(entry: Entry) -> Any:
    """By day; on a day by hour, then by urgency."""
    order = entry.order
    start = order.planned_start_at.timestamp() if order.planned_start_at else float("inf")
    return entry.date, start, -WorkOrder.Priority.values.index(order.priority), order.number
