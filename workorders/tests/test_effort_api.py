"""Hours, parts and other cost over REST."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.parallel import AtOnce
from alerts.tests.test_budgets import cost
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.models import SiteMembership
from workorders.models import CostEntry, LabourEntry, Part, PartUse, WorkOrder
from workorders.tests.factories import PartFactory, order_in

pytestmark = pytest.mark.django_db
URL = "/api/v1/work-orders"


def room(order: WorkOrder, name: str) -> str:
    return f"{URL}/{order.pk}/{name}"


def post(client: Any, url: str, **body: Any) -> Any:
    return client.post(url, body, format="json")


@pytest.fixture
def order(tess: User) -> WorkOrder:
    return order_in("IN_PROGRESS", by=tess)


class TestTimer:
    def test_it_works(self, api: Any, order: WorkOrder, tess: User) -> None:
        at = timezone.now()
        began = post(api(tess), room(order, "labour/start"), occurred_at=(at - timedelta(hours=1)).isoformat())
        assert began.status_code == 201, began.json()
        assert began.json()["data"]["is_running"] is True
        assert api(tess).get(began["Location"]).json()["data"] == began.json()["data"]
        assert [e["id"] for e in api(tess).get("/api/v1/me/labour?running=true").json()["data"]] == [
            began.json()["data"]["id"]
        ]

        ended = post(api(tess), room(order, "labour/stop"), note="Greased").json()["data"]

        assert (ended["minutes"], ended["note"], ended["is_running"]) == (60, "Greased", False)
        assert api(tess).get(f"{URL}/{order.pk}").json()["data"]["labour_minutes"] == 60
        assert_error(post(api(tess), room(order, "labour/stop")), 409, "TIMER_NOT_RUNNING")

    def test_elsewhere_it_runs_already(self, api: Any, order: WorkOrder, tess: User) -> None:
        post(api(tess), room(order, "labour/start"))

        error = assert_error(
            post(api(tess), room(order_in("IN_PROGRESS", by=tess), "labour/start")), 409, "TIMER_RUNNING"
        )

        assert error["meta"]["number"] == order.number


class TestLabour:
    def test_own_hours(self, api: Any, order: WorkOrder, tess: User, mona: User, olga: User) -> None:
        url = room(order, "labour")
        made = post(api(tess), url, minutes=30, kind="travel", note="Drove")
        assert made.status_code == 201, made.json()
        entry = made["Location"]

        assert_error(post(api(tess), url, minutes=30, person_id=str(olga.pk)), 400, "VALIDATION_ERROR")
        assert_error(post(api(tess), url, minutes=30, hourly_rate="9"), 403, "PERMISSION_DENIED")
        assert_error(post(api(olga), url, minutes=30), 403, "PERMISSION_DENIED")
        assert_error(api(olga).put(entry, {"minutes": 3}, format="json"), 403, "PERMISSION_DENIED")
        assert api(tess).put(entry, {"minutes": 45}, format="json").json()["data"]["minutes"] == 45
        assert api(mona).put(entry, {"hourly_rate": "40.00"}, format="json").json()["data"]["cost"] == "30.00"
        assert api(tess).get(entry).json()["data"]["cost"] is None
        assert api(tess).delete(entry).status_code == 204
        assert api(mona).get(url).json()["data"] == []

    def test_managers_enter_for_others(self, api: Any, order: WorkOrder, tess: User, mona: User) -> None:
        made = post(api(mona), room(order, "labour"), minutes=30, person_id=str(tess.pk)).json()["data"]

        assert made["person"]["display_name"] == "Tess"

    def test_rates_are_for_managers(self, api: Any, tess: User, mona: User) -> None:
        body = {"role": "technician", "valid_from": "2020-01-01", "hourly_rate": "58.00"}

        assert_error(post(api(tess), "/api/v1/labour-rates", **body), 403, "PERMISSION_DENIED")
        assert post(api(mona), "/api/v1/labour-rates", **body).status_code == 201
        assert_error(post(api(mona), "/api/v1/labour-rates", **body), 409, "DUPLICATE")
        nobodys = {"valid_from": "2020-01-01", "hourly_rate": "58.00"}
        assert_error(post(api(mona), "/api/v1/labour-rates", **nobodys), 400, "VALIDATION_ERROR")


class TestParts:
    def test_it_works(self, api: Any, order: WorkOrder, tess: User, mona: User) -> None:
        made = post(api(mona), "/api/v1/parts", number="B-6205", name="Bearing", unit_cost="12.50", minimum_stock="4")
        assert made.status_code == 201, made.json()
        url = made["Location"]
        assert post(api(mona), f"{url}/receive", quantity="5", reason="Delivery 17").json()["data"]["stock"] == "5.000"

        used = post(api(tess), room(order, "parts"), part_id=made.json()["data"]["id"], quantity="2")

        assert used.status_code == 201, used.json()
        assert (used.json()["data"]["part"]["number"], used.json()["data"]["cost"]) == ("B-6205", None)
        seen = api(mona).get(url).json()["data"]
        assert (seen["stock"], seen["is_low"]) == ("3.000", True)
        assert [p["number"] for p in api(tess).get("/api/v1/parts?low_stock=true&search=bear").json()["data"]] == [
            "B-6205"
        ]
        assert [m["quantity"] for m in api(tess).get(f"{url}/movements").json()["data"]] == ["-2.000", "5.000"]
        suggested = api(tess).get(room(order, "parts/suggestions")).json()["data"]
        assert [(p["number"], p["times_here"]) for p in suggested] == [("B-6205", 1)]
        assert api(mona).get(f"{URL}/{order.pk}").json()["data"]["parts_cost"] == "25.00"
        assert api(tess).delete(used["Location"]).status_code == 204
        assert api(tess).get(url).json()["data"]["stock"] == "5.000"

    def test_refusals(self, api: Any, order: WorkOrder, tess: User, mona: User) -> None:
        part = PartFactory.create(stock=1)
        url = f"/api/v1/parts/{part.pk}"

        error = assert_error(
            post(api(tess), room(order, "parts"), part_id=str(part.pk), quantity="2"), 409, "OUT_OF_STOCK", "quantity"
        )
        assert error["meta"]["in_stock"] == "1.000"
        assert_error(post(api(tess), room(order, "parts"), quantity="2"), 400, "VALIDATION_ERROR", "part_id")
        assert_error(
            post(api(mona), f"{url}/correct", stock="3", expected_stock="2", reason="Counted"), 409, "VERSION_CONFLICT"
        )
        assert_error(api(mona).delete(url), 409, "PART_IN_STOCK")
        assert_error(post(api(tess), f"{url}/receive", quantity="2"), 403, "PERMISSION_DENIED")
        tag = api(mona).get(url)["ETag"]
        post(api(mona), f"{url}/receive", quantity="1")
        stale = api(mona).put(url, {"name": "Seal"}, format="json", HTTP_IF_MATCH=tag)
        assert_error(stale, 412, "PRECONDITION_FAILED")

    def test_out_of_sight(self, api: Any, order: WorkOrder, olga: User, tess: User) -> None:
        assert order.equipment.location
        site = order.equipment.location.site or order.equipment.location
        site.open_to_all = False
        site.save()
        SiteMembership.objects.create(site=site, user=tess)

        for name in ("labour", "parts", "costs"):
            assert_error(api(olga).get(room(order, name)), 404, "NOT_FOUND")


class TestCosts:
    def test_it_works(self, api: Any, order: WorkOrder, tess: User, mona: User, rita: User) -> None:
        body = {"kind": "rental", "description": "Crane", "amount": "250.00", "supplier": "Hebewerk"}
        made = post(api(tess), room(order, "costs"), **body)
        assert made.status_code == 201, made.json()
        assert made.json()["data"]["amount"] is None

        assert api(mona).put(made["Location"], {"amount": "260"}, format="json").json()["data"]["amount"] == "260.00"
        assert api(mona).get(f"{URL}/{order.pk}").json()["data"]["other_cost"] == "260.00"
        assert_error(api(rita).get(room(order, "costs")), 403, "PERMISSION_DENIED")

    def test_a_closed_order_is_read_only(self, api: Any, tess: User, mona: User) -> None:
        order = order_in("CLOSED", by=tess)

        for name, body in (
            ("labour", {"minutes": 5}),
            ("parts", {"description": "Hose", "quantity": "1"}),
            ("costs", {"description": "Crane", "amount": "1"}),
        ):
            assert_error(post(api(mona), room(order, name), **body), 409, "INVALID_TRANSITION")


@pytest.mark.parametrize("name", ["labour", "parts", "costs", "parts/suggestions"])
def test_lists_cost_few_queries(name: str, api: Any, order: WorkOrder, tess: User) -> None:
    now = timezone.now()
    for _ in range(3):
        LabourEntry.log(order=order, person=tess, by=tess, at=now, minutes=5)
        PartUse.take(order=order, part=PartFactory.create(stock=1), quantity=Decimal(1), by=tess, at=now)
        CostEntry.add(order=order, by=tess, at=now, description="Skip", amount=Decimal(1))

    assert cost(lambda: api(tess).get(room(order, name))) <= 4


def test_parts_cost_few_queries(api: Any, tess: User) -> None:
    parts = PartFactory.create_batch(3, stock=1)

    assert cost(lambda: api(tess).get("/api/v1/parts")) <= 4
    assert cost(lambda: api(tess).get(f"/api/v1/parts/{parts[0].pk}/movements")) <= 4


@pytest.mark.django_db(transaction=True)
class TestManyAtOnce:
    def test_of_twenty_who_want_the_last_five_five_get_one(self, at_once: AtOnce, api: Any, tess: User) -> None:
        part = PartFactory.create(stock=5, unit_cost=Decimal(10))
        orders = [order_in("IN_PROGRESS", by=tess) for _ in range(4)]
        body = {"part_id": str(part.pk), "quantity": "1"}

        answers = at_once([lambda o=o: post(api(tess), room(o, "parts"), **body) for o in orders * 5])  # type: ignore[misc]

        assert sorted(a.status_code for a in answers) == [201] * 5 + [409] * 15
        part = Part.objects.get()
        assert (part.stock, sum(m.quantity for m in part.movements.all())) == (0, 0)
        assert sum(o.parts_cost or 0 for o in WorkOrder.objects.all()) == 50

    def test_one_person_starts_one_timer(self, at_once: AtOnce, api: Any, tess: User) -> None:
        orders = [order_in("IN_PROGRESS", by=tess) for _ in range(6)]

        answers = at_once([lambda o=o: post(api(tess), room(o, "labour/start")) for o in orders * 2])  # type: ignore[misc]

        assert sorted(a.status_code for a in answers) == [201] + [409] * 11
        assert LabourEntry.objects.running().count() == 1

    def test_totals_survive_many_who_book_at_once(self, at_once: AtOnce, api: Any, tess: User) -> None:
        order = order_in("IN_PROGRESS", by=tess)
        entries = [LabourEntry.log(order=order, person=tess, by=tess, at=timezone.now(), minutes=1) for _ in range(5)]

        answers = at_once(
            [lambda: post(api(tess), room(order, "labour"), minutes=10)] * 6
            + [
                lambda e=e: api(tess).put(room(order, f"labour/{e.pk}"), {"minutes": 3}, format="json")  # type: ignore[misc]
                for e in entries
            ]
            + [lambda: post(api(tess), f"{URL}/{order.pk}/hold", reason="Wait")]
        )

        assert {a.status_code for a in answers} <= {200, 201}
        order.refresh_from_db()
        assert order.labour_minutes == 75
