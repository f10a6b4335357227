"""Work orders in the back office."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from workorders.models import LabourEntry, Part, WorkOrder
from workorders.tests.factories import PartFactory, WorkOrderFactory, order_in

pytestmark = pytest.mark.django_db
LIST = "/admin/workorders/workorder/"


def page(order: WorkOrder) -> str:
    return reverse("admin:workorders_workorder_change", args=[order.pk])


def button(order: WorkOrder, name: str) -> str:
    return reverse(f"admin:workorders_workorder_{name}", args=[order.pk])


@pytest.fixture
def browser(backoffice: Any, mona: User) -> Any:
    return backoffice(mona)


def test_the_list_shows_status_and_lateness_in_colour(browser: Any, django_assert_max_num_queries: Any) -> None:
    WorkOrderFactory.create_batch(2)
    WorkOrderFactory.create(due_at=timezone.now(), priority="CRITICAL")

    with django_assert_max_num_queries(30):
        html = browser.get(LIST).content.decode()

    assert "Overdue" in html
    assert html.count("bg-red-100") >= 5


def test_the_list_is_searched_and_filtered(browser: Any) -> None:
    order = WorkOrderFactory.create(due_at=timezone.now())

    for query in (f"?q={order.number}", "?priority__exact=MEDIUM", "?due_at_to_0=2999-01-01&due_at_to_1=00:00"):
        assert order.title in browser.get(LIST + query).content.decode(), query


def test_the_whole_job_by_buttons(browser: Any, mona: User, tess: User) -> None:
    mode = FailureModeFactory.create(category=None)
    order = WorkOrderFactory.create(attachments=[make_attachment(by=mona)])
    done = {"resolution": "New bearing", "failure_mode": str(mode.pk), "labour_minutes": "90", "parts_cost": "12.50"}

    for move, body, status in [
        ("assign", {"to": str(tess.pk)}, "ASSIGNED"),
        ("start", {}, "IN_PROGRESS"),
        ("hold", {"reason": "Waiting"}, "ON_HOLD"),
        ("resume", {}, "IN_PROGRESS"),
        ("complete", done, "COMPLETED"),
        ("reopen", {"reason": "Hums", "equipment_down": "no"}, "IN_PROGRESS"),
        ("complete", done, "COMPLETED"),
        ("close", {"note": "Good"}, "CLOSED"),
    ]:
        assert button(order, move) in browser.get(page(order)).content.decode(), move
        assert browser.get(button(order, move)).status_code == 200
        answer = browser.post(button(order, move), body)
        assert answer.status_code == 302, answer.content.decode()
        order.refresh_from_db()
        assert order.status == status

    assert (order.assigned_to, order.failure_mode, str(order.total_cost)) == (tess, mode, "12.50")
    assert "Completed" in browser.get(page(order)).content.decode()


def test_a_page_costs_few_queries(browser: Any, tess: User, django_assert_max_num_queries: Any) -> None:
    order = order_in("COMPLETED", by=tess)

    with django_assert_max_num_queries(30):
        browser.get(page(order))


def test_only_people_who_can_do_it_are_offered(browser: Any, tess: User, rita: User, mona: User) -> None:
    html = browser.get(button(WorkOrderFactory.create(), "assign")).content.decode()

    assert (str(tess.pk) in html, str(mona.pk) in html, str(rita.pk) in html) == (True, True, False)


def test_what_is_missing_is_said_at_its_field(browser: Any, tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    assert "This field is required" in browser.post(button(order, "complete"), {}).content.decode()
    assert "not possible" in browser.post(button(order, "close"), {}).content.decode()
    order.refresh_from_db()
    assert order.status == "IN_PROGRESS"


def test_starting_without_stopping_the_machine(browser: Any, tess: User) -> None:
    order = order_in("ASSIGNED", by=tess)

    browser.post(button(order, "start"), {"equipment_down": "no"})

    assert Equipment.objects.get().status == "ONLINE"


def test_adding_and_editing(browser: Any) -> None:
    body = {"title": "Look at it", "type": "INSPECTION", "priority": "LOW", "due_at_0": "", "due_at_1": ""}
    added = browser.post(f"{LIST}add/", {**body, "equipment": str(EquipmentFactory.create().pk), "description": ""})
    assert added.status_code == 302, added.content.decode()
    order = WorkOrder.objects.get()
    assert (order.number[:3], order.type, order.created_by.display_name) == ("WO-", "INSPECTION", "Mona")  # type: ignore[union-attr]

    events = {"events-TOTAL_FORMS": "0", "events-INITIAL_FORMS": "0"}
    edited = browser.post(page(order), {**body, **events, "description": "", "title": "Seal"})
    assert edited.status_code == 302, edited.content.decode()
    order.refresh_from_db()
    assert (order.title, order.status) == ("Seal", "OPEN")


def test_what_is_over_is_not_edited(browser: Any, tess: User) -> None:
    order = order_in("CLOSED", by=tess)

    assert 'name="title"' not in browser.get(page(order)).content.decode()


def test_deleting(browser: Any, tess: User) -> None:
    open_, running = WorkOrderFactory.create(), order_in("IN_PROGRESS", by=tess)

    for order in (open_, running):
        browser.post(reverse("admin:workorders_workorder_delete", args=[order.pk]), {"post": "yes"})

    assert list(WorkOrder.objects.living()) == [running]


def test_hours_parts_and_costs_by_buttons(browser: Any, tess: User) -> None:
    order, part = order_in("IN_PROGRESS", by=tess), PartFactory.create(stock=5, unit_cost=Decimal(10))

    for name, body in [
        ("enter_labour", {"person": str(tess.pk), "kind": "NORMAL", "minutes": "30"}),
        ("use_parts", {"part": str(part.pk), "quantity": "2"}),
        ("enter_cost", {"kind": "RENTAL", "description": "Crane", "amount": "250"}),
        ("judge_downtime", {"exclusion_reason": "EXTERNAL_SUPPLY", "reason": "No gas"}),
    ]:
        assert browser.get(button(order, name)).status_code == 200
        answer = browser.post(button(order, name), body)
        assert answer.status_code == 302, answer.content.decode()

    html = browser.get(page(order)).content.decode()
    assert all(word in html for word in ("Crane", "Bearing 6205", "270.00 EUR"))
    refused = browser.post(button(order, "use_parts"), {"part": str(part.pk), "quantity": "9"})
    assert "are in stock" in refused.content.decode()


def test_the_store(browser: Any, tess: User) -> None:
    body = {"number": "B-1", "name": "Belt", "unit": "pcs", "minimum_stock": "2", "unit_cost": "5"}
    added = browser.post("/admin/workorders/part/add/", body)
    assert added.status_code == 302, added.content.decode()
    url = f"/admin/workorders/part/{Part.objects.get().pk}"

    browser.post(f"{url}/receive/", {"quantity": "3"})
    browser.post(f"{url}/correct/", {"stock": "1", "reason": "Counted"})

    part = Part.objects.get()
    assert (part.stock, part.is_low, part.movements.count()) == (1, True, 2)
    edited = browser.post(f"{url}/change/", {**body, "name": "V-belt"})
    assert edited.status_code == 302, edited.content.decode()
    assert Part.objects.get().name == "V-belt"


def test_an_entry_is_corrected_on_its_page(browser: Any, tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)
    entry = LabourEntry.log(order=order, person=tess, by=tess, at=timezone.now(), minutes=30)
    url = f"/admin/workorders/labourentry/{entry.pk}"
    body = {"kind": "NORMAL", "minutes": "45", "hourly_rate": "60", "note": ""}

    edited = browser.post(
        f"{url}/change/", {**body, **{f"{n}_{i}": "" for n in ("started_at", "ended_at") for i in (0, 1)}}
    )
    assert edited.status_code == 302, edited.content.decode()
    order.refresh_from_db()
    assert (order.labour_minutes, order.labour_cost) == (45, 45)

    browser.post(f"{url}/delete/", {"post": "yes"})
    order.refresh_from_db()
    assert order.labour_minutes is None
