"""Many machines' numbers as one: sums of reliability rows, totals of energy rows."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, CharField, Count, F, Min, Q, QuerySet, Sum, Value, When

from analytics.models import AssetReliability, EnergyConsumption
from analytics.reliability import LOWER_90_DIVISOR

SUMMED = (
    "required_hours",
    "operating_hours",
    "unplanned_down_hours",
    "planned_down_hours",
    "standby_hours",
    "failure_count",
    "restoration_count",
    "open_count",
    "open_hours_so_far",
    "work_order_count",
)
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
    """Two queries. `rows` are revisions in force of that quarter."""
    rows = rows.order_by()
    sums = rows.aggregate(
        **{f"total_{name}": Sum(name, default=0) for name in SUMMED},
        restoring=Sum(F("mttr_hours") * F("restoration_count")),
        machines=Count("pk"),
        running=Count("pk", filter=Q(frozen_at=None)),
        several=Count("pk", filter=Q(cost_total=None)),
        as_of=Min("as_of"),
    )
    total = {name: sums[f"total_{name}"] for name in SUMMED}
    operating, failures, required = total["operating_hours"], total["failure_count"], total["required_hours"]
    costs = rows.filter(cost_total__gt=0).values("currency").annotate(amount=Sum("cost_total")).order_by("currency")
    return ReliabilitySummary(
        year=year,
        quarter=quarter,
        equipment_count=sums["machines"],
        **total,
        mtbf_hours=operating / failures if failures else None,
        mtbf_lower_90_hours=operating / LOWER_90_DIVISOR if operating and not failures else None,
        mttr_hours=sums["restoring"] / total["restoration_count"] if total["restoration_count"] else None,
        availability=max(0.0, 1 - total["unplanned_down_hours"] / required) if required else None,
        costs=[Money(**cost) for cost in costs],
        several_currencies_count=sums["several"],
        is_frozen=sums["machines"] > 0 and not sums["running"],
        as_of=sums["as_of"],
    )


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
