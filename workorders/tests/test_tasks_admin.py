"""Tasks, links and the report in the back office."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from workorders.models import ChecklistTemplate, WorkOrder, WorkOrderRelation, WorkOrderTask
from workorders.tests.checklists import checklist, task_on
from workorders.tests.factories import order_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(backoffice: Any, mona: User) -> Any:
    return backoffice(mona)


@pytest.fixture
def order(tess: User) -> WorkOrder:
    return order_in("IN_PROGRESS", by=tess)


def page(record: Any) -> str:
    return reverse(f"admin:workorders_{record._meta.model_name}_change", args=[record.pk])


def press(browser: Any, record: Any, button: str, **body: Any) -> Any:
    url = reverse(f"admin:workorders_{record._meta.model_name}_{button}", args=[record.pk])
    assert browser.get(url).status_code == 200
    return browser.post(url, body)


def test_a_checklist_is_added_and_worked_through(browser: Any, order: WorkOrder) -> None:
    press(browser, order, "apply_checklist", template=str(checklist().pk))
    tick, verdict, number = order.tasks.all()

    assert "Write the result" in browser.get(page(order)).content.decode()
    assert press(browser, tick, "complete").url == page(order)
    press(browser, verdict, "complete", passed="no", note="Rattles")
    refused = press(browser, number, "complete", value="a lot")
    press(browser, number, "skip", reason="No gauge")
    raised = press(browser, verdict, "follow_up")

    assert "This is no number" in refused.content.decode()
    assert list(order.tasks.values_list("outcome", flat=True)) == ["OK", "FAILED", "SKIPPED"]
    assert WorkOrderTask.objects.get(pk=verdict.pk).raised_order.number in browser.get(raised.url).content.decode()


def test_orders_are_linked_and_unlinked(browser: Any, order: WorkOrder, tess: User) -> None:
    other = order_in("OPEN", by=tess)

    press(browser, order, "link", kind="BLOCKED_BY", number=other.number.lower())
    shown = browser.get(page(other)).content.decode()
    press(browser, order, "unlink", relation=str(WorkOrderRelation.objects.get().pk))

    assert "Blocks" in shown
    assert page(order) in shown
    assert not WorkOrderRelation.objects.exists()


def test_photos_stand_side_by_side_and_the_report_is_a_click_away(browser: Any, order: WorkOrder, tess: User) -> None:
    for phase in ("BEFORE", "AFTER"):
        order.attach([make_attachment(by=tess)], by=tess, at=timezone.now(), phase=phase)

    html = browser.get(page(order)).content.decode()
    report = browser.get(reverse("admin:workorders_workorder_report", args=[order.pk]))

    assert "Before the work" in html
    assert "After the work" in html
    assert report["Content-Type"] == "application/pdf"


def test_a_finished_orders_tasks_have_no_buttons(browser: Any, order: WorkOrder, tess: User) -> None:
    task = task_on(order, required=False)
    order.complete(by=tess, at=timezone.now(), resolution="Done")

    assert "Write the result" not in browser.get(page(task)).content.decode()


def test_a_checklist_is_written_with_its_lines(browser: Any) -> None:
    line = {"position": "1", "title": "Pressure", "kind": "NUMBER", "unit": "bar", "minimum": "2", "maximum": "6"}
    body = {"name": "Round", "description": "", "category": "", "items-TOTAL_FORMS": "1", "items-INITIAL_FORMS": "0"}
    body |= {f"items-0-{name}": value for name, value in line.items()}

    made = browser.post(reverse("admin:workorders_checklisttemplate_add"), body)
    wrong = browser.post(
        reverse("admin:workorders_checklisttemplate_add"), {**body, "name": "Other", "items-0-minimum": "9"}
    )

    assert made.status_code == 302
    assert ChecklistTemplate.objects.get().items.get().title == "Pressure"
    assert "lowest good value is above" in wrong.content.decode()
