"""From a fault to the job that mends it."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from alerts.models import Alert
from faultreporter.accounts.models import User
from faultreporter.errors import InvalidTransition, NotFound
from workorders.models import AlreadyConverted, WorkOrder


def raise_work_order(*, alert: Alert, by: User | None, at: datetime, **fields: Any) -> WorkOrder:
    """An order that carries everything the alert says; `fields` overrides what it would carry.

    One unfinished order at a time: ALREADY_CONVERTED otherwise. A fault that is over needs none: reopen it first.
    """
    with transaction.atomic():
        alert.lock()
        refuse_if_converted(alert)
        carried = {
            "type": WorkOrder.Type.CORRECTIVE,
            "title": alert.title,
            "description": alert.description,
            "priority": alert.severity,
        }
        order = WorkOrder.add(
            equipment=alert.equipment, alert=alert, by=by, at=at, attachments=alert.files, **(carried | fields)
        )
        alert.hand_over(by=by, at=at, number=order.number)
    return order


def refuse_if_converted(alert: Alert) -> None:
    """The alert is locked, so nobody converts it meanwhile."""
    if alert.deleted_at:
        raise NotFound(gettext("This alert was deleted."))
    if alert.is_resolved:
        message = gettext("The alert is resolved; reopen it if the fault is back.")
        raise InvalidTransition(message, source=alert.status, target="WORK_ORDER", allowed=[Alert.Status.OPEN])
    order = WorkOrder.objects.living().unfinished().filter(alert=alert).first()
    if order is not None:
        message = gettext("Work order %(number)s was raised for this alert already.") % {"number": order.number}
        raise AlreadyConverted(message, meta={"work_order_id": str(order.pk), "number": order.number})
