"""From a fault to the job that mends it."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from alerts.models import Alert
from faultreporter.accounts.models import User
from faultreporter.errors import InvalidTransition, NotFound
from workorders.defaults import HOLD_REASONS, POLICIES
from workorders.models import (
    AlreadyConverted,
    HoldReason,
    SlaPolicy,
    WorkOrder,
    WorkOrderAttachment,
    WorkOrderRelation,
    WorkOrderTask,
)

CLOCKS_AT_ONCE = 100
CLOCK_JOINED = ("equipment__location__site", "assigned_to", "assigned_team")


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
            equipment=alert.equipment, alert=alert, by=by, at=at, attachments=alert.files,
            phase=WorkOrderAttachment.Phase.BEFORE, **(carried | fields),
        )  # fmt: skip
        alert.hand_over(by=by, at=at, number=order.number)
    return order


def refuse_if_converted(alert: Alert) -> None:
    """The alert is locked, so nobody converts it meanwhile."""
    if alert.deleted_at:
        raise NotFound(gettext("This alert was deleted."))
    if alert.is_resolved:
        message = gettext("The alert is resolved; reopen it if the fault is back.")
        raise InvalidTransition(message, source=alert.status, target="WORK_ORDER", allowed=[Alert.Status.OPEN])
    order = WorkOrder.objects.living().unfinished().standing_for(alert).first()
    if order is not None:
        message = gettext("Work order %(number)s was raised for this alert already.") % {"number": order.number}
        raise AlreadyConverted(message, meta={"work_order_id": str(order.pk), "number": order.number})


def raise_follow_up(*, task: WorkOrderTask, by: User, at: datetime, **fields: Any) -> WorkOrder:
    """A corrective order for what a task found, with the task's photo and note; once per task.

    It follows from the task's order and holds it up in nothing: an inspection is done when all was looked at.
    """
    with transaction.atomic():
        task.lock()
        found_by = task.work_order
        if task.outcome != task.Outcome.FAILED:
            message = gettext("Only a failed task raises an order.")
            raise InvalidTransition(message, source=task.outcome or "TO_DO", target="WORK_ORDER", allowed=["FAILED"])
        if task.raised_order is not None:
            message = gettext("Work order %(number)s was raised for this task already.")
            number = task.raised_order.number
            meta = {"work_order_id": str(task.raised_order_id), "number": number}
            raise AlreadyConverted(message % {"number": number}, meta=meta)
        carried = {
            "type": WorkOrder.Type.CORRECTIVE,
            "title": task.title,
            "description": task.finding(),
            "priority": found_by.priority,
        }
        files = [task.attachment] if task.attachment else []
        order = WorkOrder.add(
            equipment=found_by.equipment, by=by, at=at, attachments=files, phase=WorkOrderAttachment.Phase.BEFORE,
            **(carried | fields),
        )  # fmt: skip
        task.raised_order = order
        task.save(update_fields=["raised_order"])
        WorkOrderRelation.follow_up(order, other=found_by, by=by, at=at)
    return order


@transaction.atomic
def note_some_clocks(*, at: datetime) -> int:
    """Write down which targets are at risk or missed by `at`; says how many orders were looked at.

    Several sweeps share the work: each takes orders that no other one, nor a person, is working on.
    """
    orders = WorkOrder.objects.with_news_of_clocks(at).claim().select_related(*CLOCK_JOINED)[:CLOCKS_AT_ONCE]
    return len([order.note_clocks(at=at) for order in orders])


@transaction.atomic
def load_promises() -> int:
    """Adds the policies and hold reasons the product comes with where there are none; what people edited stays."""
    added = 0
    if not SlaPolicy.objects.filter(site=None).exists():
        added += len(SlaPolicy.objects.bulk_create(SlaPolicy(**one) for one in POLICIES))
    known = set(HoldReason.objects.values_list("code", flat=True))
    new = [
        HoldReason(code=code, name=name, pauses_sla=pauses) for code, name, pauses in HOLD_REASONS if code not in known
    ]
    return added + len(HoldReason.objects.bulk_create(new))
