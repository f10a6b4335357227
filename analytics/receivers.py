"""What the numbers make of news from below."""

from typing import Any

from django.dispatch import receiver

from faultreporter.outbox import publish
from workorders.models import WorkOrder
from workorders.signals import work_order_completed


@receiver(work_order_completed)
def recalculate_its_machine(work_order: WorkOrder, **_kwargs: Any) -> None:
    publish("analytics.tasks.recalculate_equipment", equipment_id=work_order.equipment_id)
