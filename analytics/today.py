"""How things stand right now: one object, made in eight queries, for the first page and GET /dashboard/summary."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet, Sum

from alerts.models import Alert
from analytics.models import AssetReliability
from analytics.reliability import HOUR, local_midnight, quarter_of
from equipment.models import Equipment, StatusInterval
from faultreporter.accounts.models import User
from workorders.models import WorkOrder
from workorders.models.queryset import is_at_risk, is_breached, is_late
from workorders.models.states import UNFINISHED

LISTED = 5


@dataclass(frozen=True, slots=True)
class DownMachine:
    equipment_id: UUID
    equipment_code: str
    equipment_name: str
    location: str
    since: datetime
    hours: float
    reason: str


@dataclass(frozen=True, slots=True)
class WorstMachine:
    equipment_id: UUID
    equipment_code: str
    equipment_name: str
    unplanned_down_hours: float
    failure_count: int
    availability: float | None


@dataclass(frozen=True, slots=True)
class Today:
    """`completed_this_week` counts from Monday, everything "today" in the reader's time zone.

    `availability`, `failures` and `worst_machines` are the running quarter's, None and empty before its first roll-up.
    """

    at: datetime
    equipment_total: int
    equipment_by_status: dict[str, int]
    alerts_unresolved: int
    alerts_unacknowledged: int
    alerts_by_severity: dict[str, int]
    orders_unfinished: int
    orders_unassigned: int
    orders_overdue: int
    orders_at_risk: int
    orders_breached: int
    orders_due_today: int
    orders_completed_this_week: int
    machines_down: int
    longest_down: list[DownMachine]
    year: int
    quarter: int
    availability: float | None
    failures: int | None
    worst_machines: list[WorstMachine]


def today(*, user: User, at: datetime) -> Today:
    """What `user` sees of it."""
    machines = Equipment.objects.for_user(user).living()
    year, quarter = quarter_of(at, ZoneInfo(user.time_zone))
    of_quarter = AssetReliability.objects.latest_revisions().filter(year=year, quarter=quarter, equipment__in=machines)
    return Today(
        at=at,
        **fleet(machines),
        **alerts(machines),
        **orders(machines, at=at, zone=ZoneInfo(user.time_zone)),
        longest_down=longest_down(machines, at=at),
        year=year,
        quarter=quarter,
        **quarter_so_far(of_quarter),
        worst_machines=worst_machines(of_quarter),
    )


def fleet(machines: QuerySet[Equipment]) -> dict[str, Any]:
    found = dict(machines.order_by().values_list("status").annotate(Count("pk")))
    by_status = {status: found.get(status, 0) for status in Equipment.Status.values}
    return {
        "equipment_total": sum(by_status.values()),
        "equipment_by_status": by_status,
        "machines_down": by_status[Equipment.Status.ERROR],
    }


def alerts(machines: QuerySet[Equipment]) -> dict[str, Any]:
    rows = Alert.objects.living().unresolved().filter(equipment__in=machines).order_by()
    groups = rows.values("severity").annotate(total=Count("pk"), waiting=Count("pk", filter=Q(acknowledged_at=None)))
    found = {group["severity"]: (group["total"], group["waiting"]) for group in groups}
    return {
        "alerts_unresolved": sum(count for count, _new in found.values()),
        "alerts_unacknowledged": sum(new for _count, new in found.values()),
        "alerts_by_severity": {level: found.get(level, (0, 0))[0] for level in Alert.Severity.values},
    }


def orders(machines: QuerySet[Equipment], *, at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    local = at.astimezone(zone).date()
    tomorrow = local_midnight(local + timedelta(days=1), zone)
    monday = local_midnight(local - timedelta(days=local.weekday()), zone)
    unfinished, promised = Q(status__in=UNFINISHED), Q(sla_terms__isnull=False)
    rows = WorkOrder.objects.living().filter(unfinished | Q(completed_at__gte=monday), equipment__in=machines)
    return rows.aggregate(
        orders_unfinished=Count("pk", filter=unfinished),
        orders_unassigned=Count("pk", filter=unfinished & Q(assigned_to=None)),
        orders_overdue=Count("pk", filter=unfinished & is_late(at)),
        orders_at_risk=Count("pk", filter=promised & is_at_risk(at)),
        orders_breached=Count("pk", filter=promised & unfinished & is_breached(at)),
        orders_due_today=Count("pk", filter=unfinished & Q(due_at__gte=at, due_at__lt=tomorrow)),
        orders_completed_this_week=Count("pk", filter=Q(completed_at__gte=monday)),
    )


def longest_down(machines: QuerySet[Equipment], *, at: datetime) -> list[DownMachine]:
    rows = StatusInterval.objects.open().filter(status=StatusInterval.Status.ERROR, equipment__in=machines)
    found = rows.select_related("equipment__location").order_by("started_at", "id")[:LISTED]
    return [
        DownMachine(
            equipment_id=row.equipment_id,
            equipment_code=row.equipment.equipment_code,
            equipment_name=row.equipment.equipment_name,
            location=row.equipment.location.name if row.equipment.location else "",
            since=row.started_at,
            hours=(at - row.started_at) / HOUR,
            reason=row.reason,
        )
        for row in found
    ]


def quarter_so_far(rows: QuerySet[AssetReliability]) -> dict[str, Any]:
    sums = rows.aggregate(
        down=Sum("unplanned_down_hours"), required=Sum("required_hours"), failures=Sum("failure_count")
    )
    availability = max(0.0, 1 - sums["down"] / sums["required"]) if sums["required"] else None
    return {"availability": availability, "failures": sums["failures"]}


def worst_machines(rows: QuerySet[AssetReliability]) -> list[WorstMachine]:
    found = rows.filter(unplanned_down_hours__gt=0).order_by("-unplanned_down_hours", "id").values_list(
        "equipment_id", "equipment__equipment_code", "equipment__equipment_name",
        "unplanned_down_hours", "failure_count", "availability",
    )[:LISTED]  # fmt: skip
    return [WorstMachine(*row) for row in found]
