"""What becomes of answers: repairs that say what it was."""

from typing import Any

from django.utils import timezone

from aiassist.models import Analysis
from aiassist.reviews import make_order
from aiassist.tests import answers
from aiassist.tests.factories import make_answered
from equipment.models import FailureMode
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from workorders.models import WorkOrder
from workorders.tests.factories import move


def make_fan() -> Any:
    """A fan that can fail in two ways."""
    category = CategoryFactory.create(code="FAN", name="Fan")
    FailureModeFactory.create(category=category, code="BEARING", name="Bearing wear", keywords=["grinding"])
    FailureModeFactory.create(category=category, code="BELT", name="Belt slips")
    return EquipmentFactory.create(equipment_name="Fan 1", category=category)


def mode(code: str) -> FailureMode:
    return FailureMode.objects.get(code=code)


def repair(order: WorkOrder, *, by: User, **found: Any) -> WorkOrder:
    """The work is done; `found` is what it says of the fault."""
    for step in ("assign", "start"):
        move(order, step, by=by)
    tick_tasks(order, by=by)
    move(order, "complete", by=by, **found)
    return order


def tick_tasks(order: WorkOrder, *, by: User) -> None:
    for task in order.tasks.all():
        task.complete(by=by, at=timezone.now())


def told(fan: Any, by: User, code: str | None, **answered: Any) -> Analysis:
    """An answer and what was found then: a mode, or "" for nothing wrong; None if nobody knows yet."""
    analysis = make_answered(equipment=fan, **answered)
    if code is not None:
        found = {"failure_mode": mode(code)} if code else {"no_failure_found": True}
        repair(make_order(analysis=analysis, by=by, at=timezone.now()), by=by, **found)
    return analysis


def naming(*codes: str | None) -> dict[str, Any]:
    return answers.answer(issues=[answers.issue(failure_mode=code) for code in codes])
