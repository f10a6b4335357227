"""How well promises were kept: of the orders raised in a time, how many clocks were met, missed or still run."""

from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q

from workorders.models import SlaPolicy, WorkOrderQuerySet
from workorders.sla import ClockKind

STOPPED_BY = {ClockKind.RESPONSE: "started_at", ClockKind.RESTORE: "completed_at"}


def attainment(orders: WorkOrderQuerySet, *, at: datetime) -> dict[str, Any]:
    """By priority, the most urgent first; one query."""
    counts = {name: count for kind in ClockKind for name, count in counted(kind, at=at).items()}
    rows = orders.filter(sla_terms__isnull=False).order_by().values("priority").annotate(**counts)
    found: dict[str, Any] = {row["priority"]: row for row in rows}
    return {
        "as_of": at,
        "priorities": [
            {"priority": priority} | {kind.lower(): share(found.get(priority, {}), kind) for kind in ClockKind}
            for priority in reversed(SlaPolicy.Priority.values)
        ],
    }


def counted(kind: ClockKind, *, at: datetime) -> dict[str, Count]:
    """What is promised, what was decided, and what was missed, even if the sweep hasn't written that down yet."""
    name, stopped = kind.lower(), STOPPED_BY[kind]
    promised = Q(**{f"sla_terms__{name}_minutes__gte": 1})
    breached = (
        Q(**{f"{name}_breached_at__isnull": False})
        | Q(**{f"{stopped}__isnull": True, f"{name}_due_at__lt": at})
        | Q(**{f"{stopped}__gt": F(f"{name}_due_at")})
    )
    return {
        f"{name}_promised": Count("pk", filter=promised),
        f"{name}_decided": Count("pk", filter=promised & (breached | Q(**{f"{stopped}__isnull": False}))),
        f"{name}_breached": Count("pk", filter=promised & breached),
    }


def share(row: dict[str, int], kind: ClockKind) -> dict[str, Any]:
    """`attainment` is met / (met + missed), None before the first is decided."""
    promised, decided, breached = (row.get(f"{kind.lower()}_{name}", 0) for name in ("promised", "decided", "breached"))
    return {
        "met": decided - breached,
        "breached": breached,
        "running": promised - decided,
        "attainment": round((decided - breached) / decided, 4) if decided else None,
    }
