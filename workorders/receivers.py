"""What open work forbids below."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext

from alerts.models import Alert
from alerts.signals import alert_deleting, alert_merging, alerts_merging
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


@receiver(alerts_merging)
def lock_their_orders(alert_ids: Any, **_: Any) -> None:
    list(WorkOrder.objects.living().unfinished().filter(alert__in=alert_ids).order_by("pk").lock())


@receiver(alert_merging)
def carry_order_over(alert: Alert, into: Alert, by: Any, at: Any, **_: Any) -> None:
    """The duplicate's unfinished order goes on for the alert that stands for it; of two, somebody has to drop one."""
    order = WorkOrder.objects.living().unfinished().filter(alert=alert).first()
    if order is None:
        return
    refuse(WorkOrder.objects.living().unfinished().filter(alert=into).first())
    order.carry_over(into, by=by, at=at)


def refuse(order: WorkOrder | None) -> None:
    if order is not None:
        message = gettext("Work order %(number)s is not finished; complete or cancel it first.")
        raise HasOpenWork(message % {"number": order.number}, meta={"work_order_id": str(order.pk)})
