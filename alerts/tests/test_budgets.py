"""How many queries an address may cost: what grows with the number of rows fails here."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.tests.factories import AlertFactory
from alerts.tests.policies import make_policy
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment

pytestmark = pytest.mark.django_db
URL = "/api/v1/alerts"
UNCOUNTED = re.compile("set_config|^SAVEPOINT|^RELEASE")


def cost(call: Any) -> int:
    """Queries of one request. Telling the audit who acts and the test's own savepoint are not counted."""
    with CaptureQueriesContext(connection) as queries:
        response = call()
    assert response.status_code < 300, response.json()
    return sum(not UNCOUNTED.search(query["sql"]) for query in queries)


@pytest.mark.parametrize("query", [{}, {"status": "OPEN"}, {"search": "fault"}, {"assigned_to_me": "true"}])
def test_lists(query: dict[str, str], api: Any, tess: User) -> None:
    for alert in AlertFactory.create_batch(3, reported_by=tess):
        alert.equipment.assignments.create(user=tess)

    assert cost(lambda: api(tess).get(URL, {**query, "page_size": 2})) <= 4


@pytest.mark.parametrize("room", ["me/alerts", "equipment/{equipment}/alerts", "alerts/{alert}/timeline"])
def test_rooms(room: str, api: Any, tess: User) -> None:
    alert = AlertFactory.create(reported_by=tess)
    url = f"/api/v1/{room}".format(alert=alert.pk, equipment=alert.equipment_id)

    assert cost(lambda: api(tess).get(url)) <= 4


def test_a_detail(api: Any, tess: User) -> None:
    alert = AlertFactory.create(attachments=[make_attachment(by=tess)])

    assert cost(lambda: api(tess).get(f"{URL}/{alert.pk}")) <= 5


# One of them asks whether a webhook wants to hear of it, one tells the screens that are open.
@pytest.mark.parametrize(("files", "most"), [(0, 9), (2, 11)])
def test_a_report(files: int, most: int, api: Any, tess: User) -> None:
    body = {
        "equipment_id": str(EquipmentFactory.create().pk),
        "title": "Drips",
        "attachment_ids": [str(make_attachment(by=tess).pk) for _ in range(files)],
    }

    assert cost(lambda: api(tess).post(URL, body, format="json")) <= most


def test_stats(api: Any, tess: User) -> None:
    AlertFactory.create_batch(3)

    assert cost(lambda: api(tess).get(f"{URL}/stats")) <= 4


def test_a_report_that_escalates_costs_two_more(api: Any, tess: User) -> None:
    make_policy(minimum_severity="HIGH")
    body = {"equipment_id": str(EquipmentFactory.create().pk), "title": "Drips", "severity": "HIGH"}

    assert cost(lambda: api(tess).post(URL, body, format="json")) <= 11
