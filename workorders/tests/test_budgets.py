"""How many queries an address may cost: what grows with the number of rows fails here."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.tests.factories import AlertFactory
from alerts.tests.test_budgets import cost
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from workorders.tests.factories import WorkOrderFactory, order_in

pytestmark = pytest.mark.django_db
URL = "/api/v1/work-orders"


@pytest.mark.parametrize("query", [{}, {"status": "ASSIGNED"}, {"search": "job"}, {"overdue": "false"}])
def test_lists(query: dict[str, str], api: Any, tess: User) -> None:
    for _ in range(3):
        order_in("ASSIGNED", by=tess)

    assert cost(lambda: api(tess).get(URL, {**query, "page_size": 2})) <= 4


@pytest.mark.parametrize(
    "room", ["me/work-orders", "equipment/{equipment}/work-orders", "work-orders/{order}/timeline"]
)
def test_rooms(room: str, api: Any, tess: User) -> None:
    order = order_in("ASSIGNED", by=tess)
    url = f"/api/v1/{room}".format(order=order.pk, equipment=order.equipment_id)

    assert cost(lambda: api(tess).get(url)) <= 4


def test_a_page_of_your_own_jobs(api: Any, tess: User) -> None:
    for _ in range(3):
        order_in("ASSIGNED", by=tess)

    assert cost(lambda: api(tess).get("/api/v1/me/work-orders", {"page_size": 2})) <= 4


def test_nothing_is_joined_to_rows_that_another_page_shows(api: Any, tess: User) -> None:
    numbers = [order_in("ASSIGNED", by=tess).number for _ in range(3)]

    with CaptureQueriesContext(connection) as captured:
        page = api(tess).get(URL, {"page": 2, "page_size": 2, "ordering": "number"}).json()["data"]

    assert [order["number"] for order in page] == numbers[2:]
    assert [query["sql"] for query in captured if "OFFSET" in query["sql"] and "JOIN" in query["sql"]] == []


def test_a_detail(api: Any, tess: User) -> None:
    order = WorkOrderFactory.create(alert=AlertFactory.create(reported_by=tess), attachments=[make_attachment(by=tess)])

    assert cost(lambda: api(tess).get(f"{URL}/{order.pk}")) <= 5


# One of them asks whether a webhook wants to hear of it, one tells the screens that are open.
@pytest.mark.parametrize(("files", "most"), [(0, 9), (2, 10)])
def test_raising(files: int, most: int, api: Any, mona: User) -> None:
    body = {
        "equipment_id": str(EquipmentFactory.create().pk),
        "title": "Look at it",
        "attachment_ids": [str(make_attachment(by=mona).pk) for _ in range(files)],
    }

    assert cost(lambda: api(mona).post(URL, body, format="json")) <= most


def test_stats(api: Any, tess: User) -> None:
    WorkOrderFactory.create_batch(3)

    assert cost(lambda: api(tess).get(f"{URL}/stats")) <= 5
