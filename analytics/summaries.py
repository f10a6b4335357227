"""Many machines' numbers as one: sums of reliability rows, totals of energy rows."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, CharField, Count, F, Min, Q, QuerySet, Sum, Value, When

from analytics.models import AssetReliability, EnergyConsumption
from analytics.reliability import LOWER_90_DIVISOR

HOURS = ("required", "operating", "unplanned_down", "planned_down", "standby")
EQUIPMENT = "EQUIPMENT"


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class ReliabilitySummary:
    """Machines of one quarter taken together: sums of hours and counts, and what MTBF, MTTR and availability come to.

    `costs` has one entry a currency; the `several_currencies_count` machines with orders in more than one are in none.
    """

    year: int
    quarter: int
    equipment_count: int
    required_hours: float
    operating_hours: float
    unplanned_down_hours: float
    planned_down_hours: float
    standby_hours: float
    failure_count: int
    restoration_count: int
    mtbf_hours: float | None
    mtbf_lower_90_hours: float | None
    mttr_hours: float | None
    availability: float | None
    open_count: int
    open_hours_so_far: float
    work_order_count: int
    costs: list[Money]
    several_currencies_count: int
    is_frozen: bool
    as_of: datetime | None


def summarize(rows: QuerySet[AssetReliability], *, year: int, quarter: int) -> ReliabilitySummary:
    """One query. `rows` are revisions in force of that quarter."""
    groups = list(rows.order_by("currency").values("currency").annotate(**_sums()))
    total = {name: sum(group[name] or 0 for group in groups) for name in _sums() if name not in ("as_of", "cost")}
    operating, failures, restored = total["operating_hours"], total["failure_count"], total["restoration_count"]
    restoring = total.pop("restoring_hours")
    running, several = total.pop("running"), total.pop("several")
    required = total["required_hours"]
    return ReliabilitySummary(
        year=year,
        quarter=quarter,
        **total,
        mtbf_hours=operating / failures if failures else None,
        mtbf_lower_90_hours=operating / LOWER_90_DIVISOR if operating and not failures else None,
        mttr_hours=restoring / restored if restored else None,
        availability=max(0.0, 1 - total["unplanned_down_hours"] / required) if required else None,
        costs=[Money(group["cost"], group["currency"]) for group in groups if group["cost"]],
        several_currencies_count=several,
        is_frozen=bool(groups) and not running,
        as_of=min((group["as_of"] for group in groups), default=None),
    )


def _sums() -> dict[str, Any]:
    return {
        **{f"{name}_hours": Sum(f"{name}_hours") for name in HOURS},
        **{name: Sum(name) for name in ("failure_count", "restoration_count", "open_count", "open_hours_so_far")},
        "work_order_count": Sum("work_order_count"),
        "equipment_count": Count("pk"),
        "restoring_hours": Sum(F("mttr_hours") * F("restoration_count")),
        "running": Count("pk", filter=Q(frozen_at=None)),
        "several": Count("pk", filter=Q(cost_total=None)),
        "cost": Sum("cost_total"),
        "as_of": Min("as_of"),
    }


@dataclass(frozen=True, slots=True)
class EnergySummary:
    """One level's use in one quarter. Levels overlap (a room's meter is part of its building's): never add them up."""

    year: int
    quarter: int
    level: str
    count: int
    kwh: Decimal
    co2_kg: Decimal | None
    lowest_coverage_percent: Decimal
    costs: list[Money]


def summarize_energy(rows: QuerySet[EnergyConsumption]) -> list[EnergySummary]:
    """Newest quarter first, one entry per quarter and level: EQUIPMENT or a kind of location. Two queries."""
    level = Case(
        When(equipment__isnull=False, then=Value(EQUIPMENT)), default=F("location__kind"), output_field=CharField()
    )
    rows = rows.annotate(level=level).order_by("-year", "-quarter", "level")
    costs: defaultdict[tuple[Any, ...], list[Money]] = defaultdict(list)
    priced = rows.filter(cost__isnull=False).order_by("currency")
    for *key, currency, amount in priced.values_list("year", "quarter", "level", "currency").annotate(Sum("cost")):
        costs[tuple(key)].append(Money(amount, currency))
    groups = rows.values("year", "quarter", "level").annotate(
        count=Count("pk"), kwh=Sum("kwh"), co2_kg=Sum("co2_kg"), lowest_coverage_percent=Min("coverage_percent")
    )
    return [EnergySummary(**group, costs=costs[group["year"], group["quarter"], group["level"]]) for group in groups]
