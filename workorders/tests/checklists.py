from typing import Any

from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from workorders.models import ChecklistItem, ChecklistTemplate, WorkOrder, WorkOrderSignature, WorkOrderTask
from workorders.services import raise_follow_up


def checklist(name: str = "Monthly visit", **fields: Any) -> ChecklistTemplate:
    """A reusable checklist: a tick, a verdict, a number from 2 to 6 bar."""
    template = ChecklistTemplate.objects.create(name=name, **fields)
    lines: tuple[dict[str, Any], ...] = (
        {"title": "Housing clean"},
        {"title": "Runs quietly", "kind": "PASS_FAIL"},
        {"title": "Pressure", "kind": "NUMBER", "unit": "bar", "minimum": 2, "maximum": 6},
    )
    for position, line in enumerate(lines, start=1):
        ChecklistItem.objects.create(template=template, position=position, **line)
    return template


def task_on(order: WorkOrder, **line: Any) -> WorkOrderTask:
    """A task of the order; a required tick unless said otherwise."""
    task = WorkOrderTask.add(work_order=order, by=None, at=timezone.now(), **({"title": "Look at it"} | line))
    task.refresh_from_db()
    return task


def look_through(order: WorkOrder, *, by: User) -> None:
    """A checklist of which one line failed and led to another order; then signed, with a photo before and after."""
    at = timezone.now()
    tick, verdict, number = WorkOrderTask.add_from_template(order, checklist(f"Visit {order.number}"), by=by, at=at)
    for phase in ("BEFORE", "AFTER"):
        order.attach([make_attachment(by=by)], by=by, at=at, phase=phase)
    tick.complete(by=by, at=at, attachment=make_attachment(by=by))
    verdict.complete(by=by, at=at, passed=False, note="Rattles")
    raise_follow_up(task=verdict, by=by, at=at)
    number.skip(by=by, at=at, reason="No gauge")
    order.complete(by=by, at=at, resolution="Looked through")
    WorkOrderSignature.add(
        work_order=order, role="TECHNICIAN", name="T", attachment=make_attachment(by=by), by=by, at=at
    )
