from typing import Any

from django.utils import timezone

from workorders.models import ChecklistItem, ChecklistTemplate, WorkOrder, WorkOrderTask


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
