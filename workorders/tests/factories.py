from datetime import date
from decimal import Decimal
from typing import Any

import factory
from django.utils import timezone

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from workorders.models import MaintenancePlan, Part, WorkOrder

# The moves that bring an order into a state, from OPEN.
WAY_TO = {
    "OPEN": (),
    "ASSIGNED": ("assign",),
    "IN_PROGRESS": ("assign", "start"),
    "ON_HOLD": ("assign", "start", "hold"),
    "COMPLETED": ("assign", "start", "complete"),
    "CLOSED": ("assign", "start", "complete", "close"),
    "CANCELLED": ("cancel",),
}


class WorkOrderFactory(factory.django.DjangoModelFactory[WorkOrder]):
    """An open corrective order."""

    class Meta:
        model = WorkOrder

    equipment = factory.SubFactory(EquipmentFactory)
    title = factory.Sequence(lambda n: f"Job {n}")

    @classmethod
    def _create(cls, model_class: type[WorkOrder], *args: Any, **kwargs: Any) -> WorkOrder:
        return model_class.add(by=kwargs.pop("created_by", None), at=kwargs.pop("at", timezone.now()), **kwargs)


def move(order: WorkOrder, name: str, *, by: User, **fields: Any) -> None:
    """Make one move with believable words."""
    usual: dict[str, dict[str, Any]] = {
        "assign": {"to": by},
        "hold": {"reason": "Waiting for a bearing"},
        "complete": {"resolution": "Bearing replaced"},
        "close": {"no_failure_found": True},
        "reopen": {"reason": "Still hums"},
        "cancel": {"reason": "Ordered twice"},
    }
    getattr(order, name)(by=by, at=timezone.now(), **(usual.get(name, {}) | fields))


def order_in(status: str, *, by: User, **fields: Any) -> WorkOrder:
    """An order in that state; `by` is who it is assigned to."""
    order = WorkOrderFactory.create(**fields)
    for name in WAY_TO[status]:
        move(order, name, by=by)
    return order


class PartFactory(factory.django.DjangoModelFactory[Part]):
    """A part; `stock` pieces of it were delivered."""

    class Meta:
        model = Part

    number = factory.Sequence(lambda n: f"P-{n:05d}")
    name = "Bearing 6205"

    @classmethod
    def _create(cls, model_class: type[Part], *args: Any, **kwargs: Any) -> Part:
        stock = Decimal(kwargs.pop("stock", 0))
        part = model_class.objects.create(**kwargs)
        if stock:
            keeper, _made = User.objects.get_or_create(email="store@example.org", role=User.Role.MANAGER)
            part.receive(quantity=stock, by=keeper, at=timezone.now())
        return part


class PlanFactory(factory.django.DjangoModelFactory[MaintenancePlan]):
    """A fixed monthly plan of a place in UTC, from the first of January 2026 on."""

    class Meta:
        model = MaintenancePlan

    equipment = factory.SubFactory(EquipmentFactory)
    title = factory.Sequence(lambda n: f"Service {n}")
    rule = "FREQ=MONTHLY"
    start_date = date(2026, 1, 1)
    lead_days = 0

    class Params:
        floating = factory.Trait(schedule="FLOATING")
        by_meter = factory.Trait(trigger="METER", rule="", start_date=None, meter_interval=500.0)

    @classmethod
    def _create(cls, model_class: type[MaintenancePlan], *args: Any, **kwargs: Any) -> MaintenancePlan:
        return model_class.add(by=kwargs.pop("created_by", None), at=kwargs.pop("at", timezone.now()), **kwargs)
