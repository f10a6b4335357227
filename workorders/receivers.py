"""What open work forbids below."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext

from alerts.models import Alert
from alerts.signals import alert_deleting
from equipment.models import Equipment
from equipment.signals import leaving_service
from faultreporter.errors import HasOpenWork
from workorders.models import WorkOrder


@receiver(leaving_service)
def keep_machine_with_open_orders(equipment: Equipment, **_: Any) -> None:
    refuse(WorkOrder.objects.living().unfinished().filter(equipment=equipment).first())


@receiver(alert_deleting)
def keep_alert_with_open_order(alert: Alert, **_: Any) -> None:
    refuse(WorkOrder.objects.living().unfinished().filter(alert=alert).first())


def refuse(order: WorkOrder | None) -> None:
    if order is not None:
        message = gettext("Work order %(number)s is not finished; complete or cancel it first.")
        raise HasOpenWork(message % {"number": order.number}, meta={"work_order_id": str(order.pk)})
