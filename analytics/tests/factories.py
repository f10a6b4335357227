from datetime import UTC, date, datetime
from typing import Any

import factory

from analytics.models import AssetReliability, EnergyConsumption
from analytics.rollup import roll_up
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from locations.models import Location
from workorders.models import WorkOrder

AFTER_Q1 = datetime(2026, 4, 2, tzinfo=UTC)


def at(month: int, day: int, hour: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def machine(**fields: Any) -> Equipment:
    """In service since long ago, on a site of its own that keeps UTC."""
    made: Equipment = EquipmentFactory.create(installed_date=date(2020, 1, 1), **fields)
    return made


def site_of(equipment: Equipment | None) -> Location:
    """Where the machine's address begins."""
    assert equipment
    assert equipment.location
    return equipment.location.site or equipment.location


class IntervalFactory(factory.django.DjangoModelFactory[StatusInterval]):
    """An entry of the status log: an ERROR that counts as a failure. `started_at` is needed."""

    class Meta:
        model = StatusInterval

    status = "ERROR"
    source = "IMPORT"
    ended_at = None
    exclusion_reason = ""

    @classmethod
    def _create(cls, model_class: type[StatusInterval], *args: Any, **kwargs: Any) -> StatusInterval:
        if "equipment" not in kwargs:
            kwargs["equipment"] = machine()
        kwargs.setdefault("holders", 0 if kwargs["ended_at"] else 1)
        kwargs.setdefault("counts_as_failure", kwargs["status"] == "ERROR" and not kwargs["exclusion_reason"])
        return model_class.objects.create(**kwargs)


def golden_machine(**fields: Any) -> Equipment:
    """A machine with the status log of DESIGN.md's golden vector for Q1 2026."""
    equipment = machine(**fields)
    IntervalFactory.create(equipment=equipment, started_at=at(12, 30, year=2025), ended_at=at(1, 2, 12))
    IntervalFactory.create(equipment=equipment, started_at=at(2, 10), ended_at=at(2, 10, 6))
    IntervalFactory.create(equipment=equipment, started_at=at(3, 30))
    return equipment


def completed_order(equipment: Equipment, *, by: Any, done: datetime, **fields: Any) -> WorkOrder:
    """A completed order, whatever way it came there."""
    return WorkOrder.objects.create(
        equipment=equipment,
        number=f"WO-T-{WorkOrder.objects.count()}",
        title="Change the bearing",
        status="COMPLETED",
        assigned_to=by,
        assigned_at=done,
        started_at=done,
        completed_at=done,
        resolution="Changed.",
        **fields,
    )


def rolled_up(equipment: Equipment, as_of: datetime = AFTER_Q1) -> AssetReliability:
    """The machine's row of Q1 2026 in force after a roll-up."""
    roll_up(year=2026, quarter=1, as_of=as_of)
    return AssetReliability.objects.latest_revisions().get(equipment=equipment, year=2026, quarter=1)


class EnergyConsumptionFactory(factory.django.DjangoModelFactory[EnergyConsumption]):
    """Of a machine of its own unless `equipment` or `location` is given."""

    class Meta:
        model = EnergyConsumption

    year = 2026
    quarter = 1
    kwh = 1000
    co2_kg = 363

    @classmethod
    def _create(cls, model_class: type[EnergyConsumption], *args: Any, **kwargs: Any) -> EnergyConsumption:
        if not kwargs.get("location"):
            kwargs["equipment"] = kwargs.get("equipment") or machine()
        return model_class.objects.create(**kwargs)
