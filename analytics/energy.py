"""From electricity meters to `energy_consumption`: what each machine and place used in a quarter, written every night.

A row that a person has entered or edited is theirs and stays as it is; those that were computed here say so by
`computed_at` and are brought up to date while the quarter runs and in the one after it, for readings that come late.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from analytics.models import EnergyConsumption
from analytics.reliability import Span, local_midnight, quarter_before, quarter_of, quarter_span
from locations.models import Location
from telemetry.metering.meters import consumption_between
from telemetry.models import Meter, Tariff, Utility
from telemetry.units import exact_conversion

KWH = "kW.h"
GRAMS, CENTS = Decimal("0.001"), Decimal("0.01")
Subject = tuple[UUID | None, UUID | None]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was used in a quarter. Cost and CO₂ are None unless tariffs say them for all of it."""

    kwh: Decimal
    cost: Decimal | None
    currency: str
    co2_kg: Decimal | None
    coverage_percent: Decimal


def feed(*, at: datetime) -> int:
    """The running quarter and the one before it, of all that has a meter; answers how many rows were written."""
    written = 0
    for (equipment_id, location_id), meters in metered().items():
        zone = meters[0].zone()
        running = quarter_of(at, zone)
        for year, quarter in (quarter_before(*running), running):
            figures = figures_of(meters, quarter_span(year, quarter, zone))
            if figures is not None:
                written += write(equipment_id, location_id, year, quarter, figures, at=at)
    return written


def metered() -> dict[Subject, list[Meter]]:
    """The electricity meters of each machine and place; not those behind another meter of the same."""
    joined = ("series__metric", "equipment__location__site", "location__site")
    rows = Meter.objects.living().filter(utility=Utility.ELECTRICITY, series__equipment__deleted_at=None)
    known = {meter.pk: meter for meter in rows.select_related(*joined).prefetch_related("exchanges").order_by("pk")}
    found = defaultdict(list)
    for meter in known.values():
        if not any(subject_of(above) == subject_of(meter) for above in meters_above(meter, known)):
            found[subject_of(meter)].append(meter)
    return found


def subject_of(meter: Meter) -> Subject:
    return meter.equipment_id, meter.location_id


def meters_above(meter: Meter, known: dict[UUID, Meter]) -> Iterable[Meter]:
    above = known.get(meter.parent_id) if meter.parent_id else None
    while above is not None:
        yield above
        above = known.get(above.parent_id) if above.parent_id else None


def figures_of(meters: Sequence[Meter], quarter: Span) -> Figures | None:
    """What these meters of one machine or place counted in a quarter; None without a reading that says something."""
    place = meters[0].place
    tariffs = Tariff.objects.of(Utility.ELECTRICITY, site_id_of(place))
    edges = tariff_edges(quarter, tariffs, meters[0])
    spent: list[tuple[Tariff | None, Decimal]] = []
    coverages = []
    for meter in meters:
        to_kwh = float(exact_conversion(meter.unit, KWH)[0])
        found = consumption_between(meter, edges)
        coverages.append(found.coverage)
        for (start, _end), use in zip(pairwise(edges), found.uses, strict=True):
            if use.amount is not None:
                spent.append((tariff_at(start, tariffs, meter), Decimal(repr(use.amount * to_kwh))))
    if not spent:
        return None
    cost, currency = cost_of(spent)
    return Figures(
        kwh=sum((kwh for _tariff, kwh in spent), Decimal(0)).quantize(GRAMS),
        cost=cost,
        currency=currency,
        co2_kg=co2_of(spent),
        coverage_percent=Decimal(100 * min(coverages)).quantize(CENTS),
    )


def site_id_of(place: Location | None) -> UUID | None:
    return None if place is None else place.site_id or place.pk


def tariff_edges(quarter: Span, tariffs: Sequence[Tariff], meter: Meter) -> list[datetime]:
    """The quarter, cut where a tariff begins."""
    zone = meter.zone()
    begins = {local_midnight(tariff.valid_from, zone) for tariff in tariffs}
    return [quarter.start, *sorted(at for at in begins if quarter.start < at < quarter.end), quarter.end]


def tariff_at(at: datetime, tariffs: Sequence[Tariff], meter: Meter) -> Tariff | None:
    day = at.astimezone(meter.zone()).date()
    return next((tariff for tariff in reversed(tariffs) if tariff.valid_from <= day), None)


def cost_of(spent: Sequence[tuple[Tariff | None, Decimal]]) -> tuple[Decimal | None, str]:
    """In one currency and with a price for all of it, or not at all."""
    prices = {(tariff and tariff.price, tariff.currency if tariff else "") for tariff, kwh in spent if kwh}
    currencies = {currency for _price, currency in prices}
    if len(currencies) != 1 or any(price is None for price, _currency in prices):
        return None, ""
    cost = sum((kwh * (tariff.price or 0) for tariff, kwh in spent if tariff), Decimal(0))
    return cost.quantize(CENTS), currencies.pop()


def co2_of(spent: Sequence[tuple[Tariff | None, Decimal]]) -> Decimal | None:
    if any(tariff is None or tariff.co2_kg is None for tariff, kwh in spent if kwh):
        return None
    return sum((kwh * (tariff.co2_kg or 0) for tariff, kwh in spent if tariff), Decimal(0)).quantize(GRAMS)


def write(
    equipment_id: UUID | None, location_id: UUID | None, year: int, quarter: int, figures: Figures, *, at: datetime
) -> bool:
    """Adds the row, or brings a computed one up to date; whether anything was written."""
    key = {"equipment_id": equipment_id, "location_id": location_id, "year": year, "quarter": quarter}
    new = {name: getattr(figures, name) for name in Figures.__slots__}
    with transaction.atomic():
        row = EnergyConsumption.objects.living().select_for_update(of=("self",)).filter(**key).first()
        if row is None:
            return add(key, new, at=at)
        if row.computed_at is None or all(getattr(row, name) == value for name, value in new.items()):
            return False
        for name, value in new.items():
            setattr(row, name, value)
        row.computed_at = at
        row.save(update_fields=[*new, "computed_at"])
        return True


def add(key: Mapping[str, Any], new: Mapping[str, Any], *, at: datetime) -> bool:
    """A row that somebody enters in the same moment is as good as one that was there before."""
    try:
        with transaction.atomic():
            EnergyConsumption.objects.create(**key, **new, source=EnergyConsumption.Source.METER, computed_at=at)
    except IntegrityError:
        return False
    return True
