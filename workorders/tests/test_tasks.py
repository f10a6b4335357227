"""The tasks of an order: what counts as done, what as failed, and what a failure leads to."""

from typing import Any

import pytest
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.errors import DomainError, InvalidTransition, ValidationFailed
from workorders.models import AlreadyConverted, TasksOpen, WorkOrder, WorkOrderTask
from workorders.services import raise_follow_up
from workorders.tests.checklists import checklist, task_on
from workorders.tests.factories import move, order_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(tess: User) -> WorkOrder:
    return order_in("IN_PROGRESS", by=tess)


def finish(task: WorkOrderTask, by: User, **said: Any) -> WorkOrderTask:
    task.complete(by=by, at=timezone.now(), **said)
    return task


def test_it_works(order: WorkOrder, tess: User) -> None:
    tasks = WorkOrderTask.add_from_template(order, checklist(), by=tess, at=timezone.now())

    for task, said in zip(tasks, ({}, {"passed": True}, {"value": "4.2"}), strict=True):
        finish(task, tess, **said)
    move(order, "complete", by=tess)

    assert [task.outcome for task in order.tasks.all()] == ["OK", "OK", "OK"]
    assert order.progress == {"total": 3, "done": 3, "failed": 0}
    assert order.status == "COMPLETED"


def test_applying_a_checklist_twice_changes_nothing(order: WorkOrder, tess: User) -> None:
    template = checklist()

    first, second = (WorkOrderTask.add_from_template(order, template, by=tess, at=timezone.now()) for _ in "ab")

    assert [task.pk for task in first] == [task.pk for task in second]
    assert order.events.filter(kind="TASKS_ADDED").count() == 1


def test_a_later_change_of_the_checklist_leaves_the_order_alone(order: WorkOrder, tess: User) -> None:
    template = checklist()
    WorkOrderTask.add_from_template(order, template, by=tess, at=timezone.now())

    template.items.update(title="Something else")

    assert "Something else" not in order.tasks.values_list("title", flat=True)


@pytest.mark.parametrize(
    ("value", "outcome"), [("2", "OK"), ("6", "OK"), ("1.999999", "FAILED"), ("6.1", "FAILED"), (" 5e0 ", "OK")]
)
def test_a_number_out_of_its_limits_has_failed(value: str, outcome: str, order: WorkOrder, tess: User) -> None:
    task = task_on(order, kind="NUMBER", unit="bar", minimum="2", maximum="6")

    assert finish(task, tess, value=value).outcome == outcome


@pytest.mark.parametrize(
    ("kind", "said", "field"),
    [
        ("NUMBER", {}, "value"),
        ("NUMBER", {"value": "a lot"}, "value"),
        ("NUMBER", {"value": "NaN"}, "value"),
        ("NUMBER", {"value": "1e400"}, "value"),
        ("NUMBER", {"value": "9", "passed": True}, "passed"),
        ("TEXT", {"value": "  "}, "value"),
        ("PHOTO", {}, "attachment_id"),
        ("PASS_FAIL", {}, "passed"),
        ("CHECK", {"value": "7"}, "value"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_refused(
    kind: str, said: dict[str, Any], field: str, order: WorkOrder, tess: User
) -> None:
    task = task_on(order, kind=kind, **({"maximum": "6"} if kind == "NUMBER" else {}))

    with pytest.raises(ValidationFailed) as error:
        finish(task, tess, **said)

    assert error.value.details[0].field == field


def test_an_order_with_open_required_tasks_is_not_completed(order: WorkOrder, tess: User) -> None:
    needed, optional = task_on(order, title="Torque"), task_on(order, required=False)

    with pytest.raises(TasksOpen) as error:
        move(order, "complete", by=tess)
    (blocked,) = (m["blocked"] for m in order.allowed_transitions() if m["action"] == "complete")
    needed.skip(by=tess, at=timezone.now(), reason="No wrench at hand")
    move(order, "complete", by=tess)

    assert error.value.meta["tasks"] == [{"id": str(needed.pk), "title": "Torque"}]
    assert blocked is not None
    assert blocked["code"] == "TASKS_OPEN"
    assert "1 required task" in blocked["message"]
    assert not optional.is_done


def test_tasks_of_a_finished_order_are_only_read(order: WorkOrder, tess: User) -> None:
    task = task_on(order, required=False)
    move(order, "complete", by=tess)

    for act in (
        lambda: finish(task, tess),
        lambda: task.skip(by=tess, at=timezone.now(), reason="x"),
        lambda: task.change(by=tess, at=timezone.now(), title="x"),
        task.remove,
        lambda: task_on(order),
    ):
        with pytest.raises(InvalidTransition):
            act()


def test_a_result_is_corrected_by_reopening(order: WorkOrder, tess: User) -> None:
    task = finish(task_on(order, kind="PASS_FAIL"), tess, passed=False, note="Leaks")

    with pytest.raises(InvalidTransition):
        finish(task, tess, passed=True)
    task.reopen(by=tess, at=timezone.now())
    finish(task, tess, passed=True)

    assert (task.outcome, task.note) == ("OK", "")
    assert list(order.events.filter(kind__startswith="TASK_").values_list("kind", flat=True)) == [
        "TASK_REOPENED",
        "TASK_FAILED",
    ]


def test_a_failed_task_raises_one_order_with_photo_and_note(order: WorkOrder, tess: User) -> None:
    photo = make_attachment(by=tess)
    task = task_on(order, title="Oil pressure", kind="NUMBER", unit="bar", minimum="2")
    finish(task, tess, value="1.2", note="Gauge hardly moves", attachment=photo)

    raised = raise_follow_up(task=task, by=tess, at=timezone.now())
    with pytest.raises(AlreadyConverted):
        raise_follow_up(task=task, by=tess, at=timezone.now())
    move(order, "complete", by=tess)

    assert (raised.type, raised.title, raised.equipment_id) == ("CORRECTIVE", "Oil pressure", order.equipment_id)
    assert "Gauge hardly moves\n1.2 bar (good from 2 to …)" in raised.description
    assert [(f.pk, f.phase) for f in raised.files] == [(photo.pk, "BEFORE")]  # type: ignore[attr-defined]
    assert raised.relations.get().seen_from(raised) == ("FOLLOW_UP_OF", order)


def test_a_good_task_raises_none(order: WorkOrder, tess: User) -> None:
    with pytest.raises(InvalidTransition):
        raise_follow_up(task=finish(task_on(order), tess), by=tess, at=timezone.now())


def test_tasks_are_moved_and_taken_off(order: WorkOrder, tess: User) -> None:
    a, b, c = (task_on(order, title=title) for title in "ABC")

    c.change(by=tess, at=timezone.now(), position=1)
    a.remove()

    assert list(order.tasks.values_list("title", "position")) == [("C", 1), ("B", 2)]
    with pytest.raises(DomainError):
        a.complete(by=tess, at=timezone.now())
    assert b.position == 2
