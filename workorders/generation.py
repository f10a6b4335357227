"""Making the orders that plans ask for. Safe to run at any time, any number of times at once."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import F, OuterRef, Subquery
from django.utils.translation import gettext

from faultreporter.accounts.models import User
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.errors import DomainError
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify
from telemetry.models import LatestReading
from workorders.models import MaintenancePlan, WorkOrder

log = structlog.get_logger(__name__)

AT_ONCE = 500


def generate_due(*, at: datetime, limit: int = AT_ONCE) -> int:
    """Makes the order of every plan that is due; says how many. Each plan in a transaction of its own."""
    plans = MaintenancePlan.objects.due(at).order_by("generate_at", "pk").values_list("pk", flat=True)[:limit]
    return sum(generate_one(pk, at=at) for pk in list(plans))


def generate_one(pk: UUID, *, at: datetime) -> bool:
    """Whoever holds the plan is making its order; we leave it to them."""
    try:
        with acting(by=None, source=AuditLog.Source.TASK):
            held = MaintenancePlan.objects.lock(skip_locked=True).filter(pk=pk).first()
            if held is None or not MaintenancePlan.objects.due(at).filter(pk=pk).exists():
                return False
            tell(held, held.generate(by=None, at=at), at=at)
    except (DomainError, DatabaseError):
        # One plan that can't go on mustn't keep the others from going on.
        log.exception("plan_not_generated", plan=str(pk))
        return False
    return True


def tell(plan: MaintenancePlan, order: WorkOrder, *, at: datetime) -> None:
    """Whoever is to do it, or those who look after the machine, read that it is due."""
    notify(
        people=people_of(plan, order, at=at),
        kind=Notification.Kind.PLAN_DUE,
        title=gettext("Due %(day)s: %(title)s") % {"day": f"{order.due_at:%Y-%m-%d}", "title": plan.title},
        body=f"{order.number} · {plan.equipment}",
        subject=order,
        severity=order.priority,
        key=f"order:{order.pk}:planned",
        at=at,
    )


def people_of(plan: MaintenancePlan, order: WorkOrder, *, at: datetime) -> list[User]:
    if order.assigned_to:
        return [order.assigned_to]
    if order.assigned_team:
        return list(User.objects.filter(pk__in=order.assigned_team.memberships.active(at).values("user")))
    looking_after = plan.equipment.assignments.active(at).values("user")
    return list(User.objects.filter(pk__in=looking_after))


def read_meters() -> int:
    """Takes the newest readings of all plans' counters in; says how many moved."""
    good = LatestReading.objects.good()
    latest = good.filter(series__equipment=OuterRef("equipment"), series__metric=OuterRef("metric"))
    plans = (
        MaintenancePlan.objects.living()
        .filter(trigger__in=MaintenancePlan.BY_METER)
        .annotate(value=Subquery(latest.values("value")), read_at=Subquery(latest.values("recorded_at")))
        .exclude(read_at=None)
        .exclude(meter__seen_at__gte=F("read_at"))
        .order_by("pk")
    )
    moved: list[Any] = list(plans)
    for plan in moved:
        plan.read_meter(plan.value, at=plan.read_at)
    return len(moved)
