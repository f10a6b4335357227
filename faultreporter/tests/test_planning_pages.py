"""The board and the calendar in a real browser: with the mouse, with the keyboard, on a phone."""

from typing import Any, NamedTuple

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from faultreporter.accounts.models import User
from faultreporter.roles import Role
from faultreporter.tests.browsing import DESKTOP, PHONE, Visitor, chromium, started
from faultreporter.tests.test_browser import person, sign_in
from workorders.models import WorkOrder
from workorders.tests.factories import order_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: apt install chromium"),
]
BOARD, CALENDAR = "/admin/workorders/workorder/board/", "/admin/workorders/workorder/calendar/"


class Plan(NamedTuple):
    manager: User
    given: WorkOrder
    stale: WorkOrder


@pytest.fixture
def plan(transactional_db: None) -> Plan:
    manager, technician = person(Role.MANAGER), person(Role.TECHNICIAN)
    order_in("COMPLETED", by=technician)
    given, stale = (order_in("ASSIGNED", by=technician, title=title) for title in ("Grease the bearings", "Old news"))
    return Plan(manager, given, stale)


def card(order: WorkOrder, page: Page) -> Any:
    return page.locator(f"#card-{order.pk}")


def said(page: Page, words: str) -> str:
    """What the page says, once it says it and shows what the server knows."""
    page.wait_for_function("words => document.querySelector('[data-said]').textContent.includes(words)", arg=words)
    page.wait_for_selector("[data-planning][aria-busy=false]")
    return page.inner_text("[data-said]")


def test_cards_are_dragged_over_the_board(live_server: Any, plan: Plan) -> None:
    number, zone = plan.given.number, "[data-zone={}]".format
    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, plan.manager.email)
        visitor.visit(BOARD, PHONE, DESKTOP, shows="[data-card]")
        page = visitor.page

        card(plan.given, page).drag_to(page.locator(zone("COMPLETED")))
        refusal = said(page, "can't go from")
        back = page.locator(f"{zone('ASSIGNED')} #card-{plan.given.pk}").count()

        visitor.faults.clear()  # the browser's own line about the answer 409
        card(plan.given, page).drag_to(page.locator(zone("IN_PROGRESS")))
        said(page, f"{number}: In progress.")
        page.wait_for_selector(f"{zone('IN_PROGRESS')} #card-{plan.given.pk}")

        card(plan.given, page).drag_to(page.locator(zone("ON_HOLD")))
        page.wait_for_url("**/hold/**")
        for field in page.locator("select[name=hold_reason], select[name=reason_code], select[name=reason]").all():
            field.select_option(index=1)
        page.fill("textarea >> nth=0", "Waiting for grease")
        page.click("form[method=post] button[type=submit] >> nth=-1")
        page.wait_for_url(f"**{BOARD}")
        held = page.locator(f"{zone('ON_HOLD')} #card-{plan.given.pk}").count()

    plan.given.refresh_from_db()
    assert "It can go to: In progress" in refusal
    assert (back, held, plan.given.status) == (1, 1, "ON_HOLD")
    assert visitor.faults == []


def test_cards_are_moved_without_a_mouse_and_on_a_phone(live_server: Any, plan: Plan) -> None:
    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, plan.manager.email)
        visitor.visit(BOARD, PHONE, shows="[data-card]")
        page = visitor.page

        menu = card(plan.given, page).locator("[data-move]")
        menu.focus()
        menu.select_option("IN_PROGRESS")
        said(page, "In progress.")
        page.wait_for_selector(f"[data-zone=IN_PROGRESS] #card-{plan.given.pk}")
        visitor.look(PHONE)

    plan.given.refresh_from_db()
    assert plan.given.status == "IN_PROGRESS"
    assert visitor.faults == []


def test_a_card_that_changed_meanwhile_is_shown_anew(live_server: Any, plan: Plan) -> None:
    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, plan.manager.email)
        visitor.visit(BOARD, DESKTOP, shows="[data-card]")
        page = visitor.page
        page.evaluate(f"document.getElementById('card-{plan.stale.pk}').dataset.version = '0'")
        card(plan.stale, page).drag_to(page.locator("[data-zone=IN_PROGRESS]"))
        said(page, "changed by somebody else")
        page.wait_for_selector(f"[data-zone=ASSIGNED] #card-{plan.stale.pk}:not([data-version='0'])")

    plan.stale.refresh_from_db()
    assert plan.stale.status == "ASSIGNED"


@pytest.mark.parametrize("view", ["month", "week"])
def test_cards_are_dragged_to_a_day(view: str, live_server: Any, plan: Plan) -> None:
    day = timezone.localdate()
    zone = f"{day}" if view == "month" else f"{day}|{plan.given.assigned_to_id}"
    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, plan.manager.email)
        visitor.visit(f"{CALENDAR}?view={view}", PHONE, DESKTOP, shows="[data-card]")
        page = visitor.page
        waiting = page.locator(f"#unplanned-card-{plan.given.pk}")
        waiting.drag_to(page.locator(f"[data-zone='{zone}']"))
        said(page, plan.given.number)
        page.wait_for_selector(f"[data-zone='{zone}'] #card-{plan.given.pk}")
        visitor.look(PHONE)
        page.click(f"#card-{plan.given.pk} a[data-plan]")
        page.wait_for_url("**/schedule/?next=**")

    plan.given.refresh_from_db()
    assert plan.given.planned_date == day
    assert visitor.faults == []
