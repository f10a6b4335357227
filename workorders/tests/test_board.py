"""The board and the calendar of the back office: cards make real moves, and a refusal changes nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from equipment.models import Team
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.api.concurrency import row_version
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder
from workorders.tests.factories import WorkOrderFactory, order_in

pytestmark = pytest.mark.django_db
PAGES = "/admin/workorders/workorder"
BOARD, CALENDAR = f"{PAGES}/board/", f"{PAGES}/calendar/"


@pytest.fixture
def browser(backoffice: Any, mona: User) -> Any:
    return backoffice(mona)


def put(browser: Any, order: WorkOrder, to: str, *, on: str = "board-move", version: str = "") -> Any:
    order.refresh_from_db()
    body = json.dumps({"to": to, "version": version or row_version(order)})
    url = f"{PAGES}/{order.pk}/{on}/"
    return browser.post(url, body, content_type="application/json", headers={"X-Page": BOARD})


def test_a_card_makes_the_orders_move(browser: Any, tess: User) -> None:
    order = order_in("ASSIGNED", by=tess)

    answer = put(browser, order, "IN_PROGRESS")

    order.refresh_from_db()
    assert (answer.status_code, order.status) == (200, "IN_PROGRESS")
    assert answer.json()["message"] == f"{order.number}: In progress."
    assert order.events.get(kind="STARTED").by.display_name == "Mona"


@pytest.mark.parametrize(
    ("status", "to", "move"),
    [
        ("OPEN", "ASSIGNED", "assign"),
        ("IN_PROGRESS", "ON_HOLD", "hold"),
        ("IN_PROGRESS", "COMPLETED", "complete"),
        ("COMPLETED", "IN_PROGRESS", "reopen"),
        ("OPEN", "CANCELLED", "cancel"),
    ],
)
def test_a_move_that_asks_something_has_its_page(status: str, to: str, move: str, browser: Any, tess: User) -> None:
    order = order_in(status, by=tess)

    form = put(browser, order, to).json()["form"]

    assert form.startswith(f"{PAGES}/{order.pk}/{move}/?next=%2Fadmin%2F")
    assert browser.get(form).status_code == 200
    order.refresh_from_db()
    assert order.status == status


def test_the_page_comes_back_to_the_board(browser: Any, tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)
    form = put(browser, order, "ON_HOLD").json()["form"]

    assert browser.post(form, {"reason": "No parts"}).url == BOARD
    evil = form.replace("%2Fadmin%2Fworkorders%2Fworkorder%2Fboard%2F", "https%3A%2F%2Fexample.org%2F")
    order.resume(by=tess, at=timezone.now())
    assert browser.post(evil, {"reason": "No parts"}).url == f"{PAGES}/{order.pk}/change/"


def test_a_refusal_says_what_is_possible(browser: Any, tess: User) -> None:
    order = order_in("ASSIGNED", by=tess)

    answer = put(browser, order, "COMPLETED")

    order.refresh_from_db()
    assert (answer.status_code, answer.json()["code"], order.status) == (409, "INVALID_TRANSITION", "ASSIGNED")
    assert "can't go from “Assigned” to “Completed”. It can go to: In progress, Cancelled" in answer.json()["message"]


def test_the_models_own_refusal_is_shown(browser: Any, mona: User, tess: User) -> None:
    order = WorkOrderFactory.create()
    crew = Team.add(name="Crew", members=[tess], by=None, at=timezone.now())
    order.assign(team=crew, by=mona, at=timezone.now())

    answer = put(browser, order, "IN_PROGRESS")

    assert (answer.status_code, order.events.filter(kind="STARTED").exists()) == (409, False)
    assert "It was given to a team" in answer.json()["message"]


def test_a_card_that_somebody_else_changed(browser: Any, tess: User) -> None:
    order = order_in("ASSIGNED", by=tess)
    seen = row_version(order)
    order.change(by=tess, at=timezone.now(), title="Another title")

    answer = put(browser, order, "IN_PROGRESS", version=seen)

    order.refresh_from_db()
    assert (answer.status_code, order.status) == (412, "ASSIGNED")
    assert "changed by somebody else" in answer.json()["message"]


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"to": "OPEN"}', "nonsense"])
def test_nonsense_is_refused(body: str, browser: Any) -> None:
    order = WorkOrderFactory.create()

    answer = browser.post(f"{PAGES}/{order.pk}/board-move/", body, content_type="application/json")

    assert answer.status_code == 400
    assert browser.get(f"{PAGES}/{order.pk}/board-move/").status_code == 405


def test_others_move_nothing(backoffice: Any, tess: User, client: Any) -> None:
    order = order_in("ASSIGNED", by=tess)
    technician = backoffice(tess)

    assert put(technician, order, "IN_PROGRESS").status_code == 302
    assert technician.get(BOARD).status_code == 302
    order.refresh_from_db()
    assert order.status == "ASSIGNED"


def test_the_token_against_forgery_is_asked_for(mona: User, tess: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(mona, backend="django.contrib.auth.backends.ModelBackend")
    assert put(strict, order_in("ASSIGNED", by=tess), "IN_PROGRESS").status_code == 403


def test_the_board_is_filtered_and_costs_few_queries(
    browser: Any, tess: User, mona: User, django_assert_max_num_queries: Any
) -> None:
    site = LocationFactory.create()
    here = order_in("ASSIGNED", by=tess, equipment=EquipmentFactory.create(location=site), priority="HIGH")
    crew = Team.add(name="Crew", members=[tess], by=None, at=timezone.now())
    for status in ("OPEN", "ASSIGNED", "IN_PROGRESS", "ON_HOLD", "COMPLETED", "CLOSED"):
        for _ in range(3):
            order_in(status, by=mona, title="Another job")

    with django_assert_max_num_queries(30):
        page = browser.get(BOARD)
    assert [column["count"] for column in page.context["columns"]] == [3, 4, 3, 3, 3]
    for query in (
        {"site": str(site.pk)}, {"team": str(crew.pk)}, {"person": str(tess.pk)}, {"priority": "HIGH"},
        {"q": here.number},
    ):  # fmt: skip
        found = browser.get(BOARD, query).context["columns"]
        assert [[c["order"].pk for c in column["cards"]] for column in found] == [[], [here.pk], [], [], []], query
    assert len(browser.get(BOARD, {"site": "nonsense"}).context["columns"]) == 5


def test_a_long_column_says_how_many_more(browser: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("workorders.admin.board.MOST_CARDS", 2)
    WorkOrderFactory.create_batch(5)

    page = browser.get(BOARD)

    assert (len(page.context["columns"][0]["cards"]), page.context["columns"][0]["more"]) == (2, 3)
    assert "3 more" in page.content.decode()


def test_an_empty_board_says_what_to_do(browser: Any) -> None:
    assert "Raise one from an alert" in browser.get(BOARD).content.decode()
    assert "Everything has its day" in browser.get(CALENDAR).content.decode()


def test_a_card_is_put_on_a_day(browser: Any, tess: User) -> None:
    order, day = order_in("ASSIGNED", by=tess), timezone.localdate() + timedelta(days=2)

    assert put(browser, order, f"{day}", on="plan-day").status_code == 200
    order.refresh_from_db()
    assert (order.planned_date, order.assigned_to) == (day, tess)
    assert put(browser, order, "", on="plan-day").status_code == 200
    order.refresh_from_db()
    assert order.planned_date is None


def test_a_card_is_put_into_somebodys_lane(browser: Any, tess: User, olga: User) -> None:
    order, day = WorkOrderFactory.create(), timezone.localdate() + timedelta(days=2)

    assert put(browser, order, f"{day}|{tess.pk}", on="plan-day").status_code == 200
    order.refresh_from_db()
    assert (order.status, order.assigned_to, order.planned_date) == ("ASSIGNED", tess, day)
    put(browser, order, f"{day}|{olga.pk}", on="plan-day")
    order.refresh_from_db()
    assert order.assigned_to == olga


@pytest.mark.parametrize("to", ["2020-01-01", "2020-13-01", "tomorrow", "{day}|nobody", "{day}|{rita}", "{day}|x"])
def test_days_and_lanes_that_are_refused(to: str, browser: Any, tess: User, rita: User) -> None:
    order = order_in("ASSIGNED", by=tess)
    day = timezone.localdate() + timedelta(days=2)

    answer = put(browser, order, to.format(day=day, rita=rita.pk), on="plan-day")

    order.refresh_from_db()
    assert (answer.status_code, order.planned_date, order.assigned_to) == (400, None, tess)
    assert answer.json()["message"]


@pytest.mark.parametrize("view", ["month", "week"])
def test_the_calendar_shows_load_and_cards(
    view: str, browser: Any, mona: User, tess: User, django_assert_max_num_queries: Any
) -> None:
    today = timezone.localdate()
    for minutes in (400, 400, 30):
        order = order_in("ASSIGNED", by=tess)
        order.schedule(day=today, minutes=minutes, by=mona, at=timezone.now())
    WorkOrderFactory.create(title="Without a day")

    with django_assert_max_num_queries(30):
        page = browser.get(CALENDAR, {"view": view})
    html = page.content.decode()

    assert html.count(" data-card ") == 4
    assert "Without a day" in html
    assert "too much" in html
    for date in ("2031-02-10", "nonsense", "9999-99-99"):
        assert browser.get(CALENDAR, {"view": view, "date": date}).status_code == 200


def test_both_are_in_the_menu(browser: Any) -> None:
    html = browser.get("/admin/").content.decode()

    assert BOARD in html
    assert CALENDAR in html
