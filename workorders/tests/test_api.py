"""Work orders over REST."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from equipment.models import Equipment
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.testing import assert_error
from locations.models import SiteMembership
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder
from workorders.services import raise_work_order
from workorders.tests.factories import WorkOrderFactory, order_in

pytestmark = pytest.mark.django_db
URL = "/api/v1/work-orders"


def ids(response: Any) -> set[str]:
    assert response.status_code == 200, response.json()
    return {row["id"] for row in response.json()["data"]}


def post(client: Any, url: str, **body: Any) -> Any:
    return client.post(url, body, format="json")


def moved(client: Any, order: str, move: str, **body: Any) -> Any:
    response = post(client, f"{order}/{move}", **body)
    assert response.status_code == 200, response.json()
    return response.json()["data"]


@pytest.fixture
def machine(tess: User) -> Equipment:
    """A chiller that Tess looks after."""
    equipment: Equipment = EquipmentFactory.create(category=CategoryFactory.create(code="CHILLER"))
    equipment.assignments.create(user=tess)
    return equipment


def test_the_main_job(api: Any, mona: User, tess: User, rita: User, machine: Equipment) -> None:
    photo = make_attachment(by=rita)
    alert = AlertFactory.create(equipment=machine, title="Hums", severity="CRITICAL", attachments=[photo])
    mode = FailureModeFactory.create(category=machine.category, code="VIBRATION")

    raised = post(api(mona), f"/api/v1/alerts/{alert.pk}/work-order")
    assert raised.status_code == 201, raised.json()
    order = raised.json()["data"]
    assert (order["title"], order["priority"], order["alert"]["status"]) == ("Hums", "CRITICAL", "ACKNOWLEDGED")
    assert [file["id"] for file in order["attachments"]] == [str(photo.pk)]
    url = raised["Location"]
    assert api(mona).get(url).json()["data"] == order

    assert moved(api(mona), url, "assign", user_id=str(tess.pk))["assigned_to"]["display_name"] == "Tess"
    assert moved(api(tess), url, "start")["equipment"]["status"] == "ERROR"
    done = moved(
        api(tess), url, "complete", resolution="New bearing", failure_mode="vibration", cause="Wear", remedy="Replaced",
        labour_minutes=90, labour_cost="75.00",
    )  # fmt: skip
    assert (done["status"], done["failure_mode"]["id"], done["labour_minutes"]) == ("COMPLETED", str(mode.pk), 90)
    assert (done["alert"]["status"], done["equipment"]["status"]) == ("RESOLVED", "ONLINE")
    assert moved(api(mona), url, "close")["status"] == "CLOSED"
    assert api(rita).get(f"/api/v1/alerts/{alert.pk}").json()["data"]["work_order"]["number"] == order["number"]


def test_on_hold_and_sent_back(api: Any, mona: User, tess: User) -> None:
    url = f"{URL}/{order_in('IN_PROGRESS', by=tess).pk}"

    assert moved(api(tess), url, "hold", reason="Waiting for a bearing")["hold_reason"] == "Waiting for a bearing"
    assert moved(api(tess), url, "resume")["hold_reason"] is None
    moved(api(tess), url, "complete", resolution="Greased")
    again = moved(api(mona), url, "reopen", reason="Still hums", equipment_down=False)
    assert (again["status"], again["completed_at"], again["equipment"]["status"]) == ("IN_PROGRESS", None, "ONLINE")


def test_raising_an_order_directly(api: Any, mona: User, machine: Equipment) -> None:
    response = post(
        api(mona), URL, equipment_id=str(machine.pk), title="Look at the seal", type="inspection", priority="low",
        due_at="2030-01-01T08:00:00Z", attachment_ids=[str(make_attachment(by=mona).pk)],
    )  # fmt: skip

    assert response.status_code == 201, response.json()
    data = response.json()["data"]
    assert response["Location"] == f"{URL}/{data['id']}"
    assert data["number"] == f"WO-{timezone.now().year}-000001"
    assert (data["type"], data["priority"], data["status"]) == ("INSPECTION", "LOW", "OPEN")
    assert (data["created_by"]["display_name"], len(data["attachments"]), data["alert"]) == ("Mona", 1, None)
    assert api(mona).get(response["Location"]).json()["data"] == data


def test_who_raises_orders(api: Any, tess: User, rita: User, olga: User, machine: Equipment) -> None:
    body = {"equipment_id": str(machine.pk), "title": "Look at it"}

    assert post(api(tess), URL, **body).status_code == 201
    for stranger in (rita, olga):
        assert_error(post(api(stranger), URL, **body), 403, "PERMISSION_DENIED")


def test_an_alert_is_converted_once(api: Any, mona: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine)
    first = post(api(mona), f"/api/v1/alerts/{alert.pk}/work-order", priority="HIGH").json()["data"]

    error = assert_error(post(api(mona), f"/api/v1/alerts/{alert.pk}/work-order"), 409, "ALREADY_CONVERTED")

    assert first["priority"] == "HIGH"
    assert error["meta"] == {"work_order_id": first["id"], "number": first["number"]}


def test_who_converts(api: Any, tess: User, rita: User, olga: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine, reported_by=rita)

    for stranger in (rita, olga):
        assert_error(post(api(stranger), f"/api/v1/alerts/{alert.pk}/work-order"), 403, "PERMISSION_DENIED")
    assert post(api(tess), f"/api/v1/alerts/{alert.pk}/work-order").status_code == 201


def test_a_stale_alert_is_not_converted(api: Any, mona: User) -> None:
    alert = AlertFactory.create(title="Drips")

    refused = api(mona).post(f"/api/v1/alerts/{alert.pk}/work-order", HTTP_IF_MATCH='"1-0"')

    error = assert_error(refused, 412, "PRECONDITION_FAILED")
    assert error["meta"]["current"]["title"] == "Drips"


def test_out_of_sight(api: Any, olga: User) -> None:
    site = LocationFactory.create(restricted=True)
    order = WorkOrderFactory.create(equipment=EquipmentFactory.create(location=site))

    assert ids(api(olga).get(URL)) == set()
    assert_error(api(olga).get(f"{URL}/{order.pk}"), 404, "NOT_FOUND")
    assert_error(api(olga).get(f"/api/v1/equipment/{order.equipment_id}/work-orders"), 404, "NOT_FOUND")
    refused = post(api(olga), URL, equipment_id=str(order.equipment_id), title="?")
    assert_error(refused, 400, "VALIDATION_ERROR", "equipment_id")


# Who may, and what


MOVES: dict[str, dict[str, Any]] = {
    "start": {},
    "hold": {"reason": "Waiting"},
    "resume": {},
    "complete": {"resolution": "Done"},
    "close": {},
    "reopen": {"reason": "Not done"},
    "cancel": {"reason": "Twice"},
}


@pytest.mark.parametrize("move", [*MOVES, "assign"])
def test_moves_are_for_managers_and_technicians_concerned(
    move: str, api: Any, rita: User, olga: User, machine: Equipment
) -> None:
    order = WorkOrderFactory.create(equipment=machine)

    for stranger in (rita, olga):
        body = MOVES.get(move, {"user_id": str(olga.pk)})
        assert_error(post(api(stranger), f"{URL}/{order.pk}/{move}", **body), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("move", [move for move in MOVES if move != "start"])
def test_an_assigned_order_only_starts_or_is_cancelled(move: str, api: Any, tess: User, mona: User) -> None:
    order = order_in("ASSIGNED", by=tess)

    response = post(api(mona), f"{URL}/{order.pk}/{move}", **MOVES[move])

    if move == "cancel":
        assert response.json()["data"]["cancel_reason"] == "Twice"
    else:
        error = assert_error(response, 409, "INVALID_TRANSITION")
        assert (error["meta"]["from"], error["meta"]["allowed"]) == ("ASSIGNED", ["IN_PROGRESS", "CANCELLED"])


@pytest.mark.parametrize(
    ("status", "move", "field"),
    [
        ("OPEN", "assign", "user_id"),
        ("IN_PROGRESS", "hold", "reason"),
        ("IN_PROGRESS", "complete", "resolution"),
        ("COMPLETED", "reopen", "reason"),
        ("OPEN", "cancel", "reason"),
    ],
)
def test_what_a_move_asks_for(status: str, move: str, field: str, api: Any, mona: User) -> None:
    order = order_in(status, by=mona)

    offered = api(mona).get(f"{URL}/{order.pk}").json()["data"]["allowed_transitions"]
    assert next((m["required"] or m["one_of"])[0] for m in offered if m["action"] == move) == field
    assert_error(post(api(mona), f"{URL}/{order.pk}/{move}"), 400, "VALIDATION_ERROR", field)


def test_whom_nobody_assigns(api: Any, mona: User, rita: User) -> None:
    order = WorkOrderFactory.create()

    for nobody in (str(rita.pk), str(uuid.uuid4())):
        refused = post(api(mona), f"{URL}/{order.pk}/assign", user_id=nobody)
        assert_error(refused, 400, "VALIDATION_ERROR", "user_id")


def test_an_unknown_failure_mode(api: Any, tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    refused = post(api(tess), f"{URL}/{order.pk}/complete", resolution="Done", failure_mode="NONE-SUCH")

    assert_error(refused, 400, "VALIDATION_ERROR", "failure_mode")


def test_a_general_failure_mode_fits_every_machine(machine: Equipment) -> None:
    general = FailureModeFactory.create(category=None, code="LEAK")

    assert WorkOrderFactory.create(equipment=machine).failure_mode_named("leak") == general


@pytest.mark.parametrize("cost", ["-1", "1.005", "lots", "12345678901.00"])
def test_money_is_a_decimal_string(cost: str, api: Any, tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)

    refused = post(api(tess), f"{URL}/{order.pk}/complete", resolution="Done", parts_cost=cost)

    assert_error(refused, 400, "VALIDATION_ERROR", "parts_cost")


def test_costs_are_for_managers(api: Any, mona: User, tess: User) -> None:
    order = order_in("IN_PROGRESS", by=tess)
    moved(api(tess), f"{URL}/{order.pk}", "complete", resolution="Done", labour_cost="75.00", parts_cost="0.50")

    seen = api(mona).get(f"{URL}/{order.pk}").json()["data"]
    hidden = api(tess).get(URL).json()["data"][0]

    assert (seen["labour_cost"], seen["total_cost"], seen["currency"]) == ("75.00", "75.50", "EUR")
    assert (hidden["labour_cost"], hidden["total_cost"]) == (None, None)


def test_editing(api: Any, tess: User, olga: User, machine: Equipment) -> None:
    order = WorkOrderFactory.create(equipment=machine)

    saved = api(tess).patch(f"{URL}/{order.pk}", {"priority": "high", "due_at": "2030-01-01T00:00:00Z"}, format="json")

    assert (saved.json()["data"]["priority"], saved.json()["data"]["due_at"]) == ("HIGH", "2030-01-01T00:00:00Z")
    assert_error(api(olga).put(f"{URL}/{order.pk}", {"title": "?"}, format="json"), 403, "PERMISSION_DENIED")
    assert_error(
        api(tess).patch(f"{URL}/{order.pk}", {"status": "OPEN"}, format="json"), 400, "UNKNOWN_FIELD", "status"
    )


def test_deleting(api: Any, mona: User, tess: User, machine: Equipment) -> None:
    order = WorkOrderFactory.create(equipment=machine)
    running = order_in("IN_PROGRESS", by=tess)

    assert_error(api(tess).delete(f"{URL}/{order.pk}"), 403, "PERMISSION_DENIED")
    assert_error(api(mona).delete(f"{URL}/{running.pk}"), 409, "INVALID_TRANSITION")
    assert api(mona).delete(f"{URL}/{order.pk}").status_code == 204
    assert ids(api(mona).get(URL)) == {str(running.pk)}


def test_a_machine_with_an_open_order_is_not_deleted(api: Any, mona: User, machine: Equipment) -> None:
    WorkOrderFactory.create(equipment=machine)

    assert_error(api(mona).delete(f"/api/v1/equipment/{machine.pk}"), 409, "HAS_OPEN_WORK")


def test_an_alert_with_an_open_order_is_not_deleted(api: Any, mona: User) -> None:
    alert = AlertFactory.create()
    raise_work_order(alert=alert, by=mona, at=timezone.now())

    assert_error(api(mona).delete(f"/api/v1/alerts/{alert.pk}"), 409, "HAS_OPEN_WORK")


def test_files_and_timeline(api: Any, tess: User, rita: User) -> None:
    order = order_in("ASSIGNED", by=tess)

    added = post(api(tess), f"{URL}/{order.pk}/attachments", attachment_ids=[str(make_attachment(by=tess).pk)])

    assert len(added.json()["data"]["attachments"]) == 1
    assert len(api(rita).get(f"{URL}/{order.pk}/attachments").json()["data"]) == 1
    events = api(rita).get(f"{URL}/{order.pk}/timeline").json()["data"]
    assert [event["kind"] for event in events] == ["ATTACHED", "ASSIGNED", "RAISED"]


# Lists


def test_filters(api: Any, tess: User, mona: User, machine: Equipment) -> None:
    now = timezone.now()
    mine = order_in("IN_PROGRESS", by=tess, equipment=machine, priority="HIGH", title="Seal of the pump")
    late = WorkOrderFactory.create(due_at=now - timedelta(days=1), type="INSPECTION")
    alert = AlertFactory.create()
    converted = raise_work_order(alert=alert, by=mona, at=now, due_at=now + timedelta(days=1))
    assert machine.location is not None

    for query, expected in [
        ({"status": "in_progress,on_hold"}, {mine}),
        ({"priority": "HIGH"}, {mine}),
        ({"type": "INSPECTION"}, {late}),
        ({"equipment_id": str(machine.pk)}, {mine}),
        ({"location_id": str(machine.location.site_id)}, {mine}),
        ({"alert_id": str(alert.pk)}, {converted}),
        ({"assigned_to": str(tess.pk)}, {mine}),
        ({"assigned_to_me": "true"}, {mine}),
        ({"assigned_to_me": "false"}, {late, converted}),
        ({"overdue": "true"}, {late}),
        ({"overdue": "false"}, {mine, converted}),
        ({"due_after": now.isoformat()}, {converted}),
        ({"due_before": now.isoformat()}, {late}),
        ({"search": "pump"}, {mine}),
        ({"search": converted.number}, {converted}),
    ]:
        assert ids(api(tess).get(URL, query)) == {str(order.pk) for order in expected}, query


def test_rooms(api: Any, tess: User, machine: Equipment) -> None:
    mine = order_in("ASSIGNED", by=tess)
    on_machine = WorkOrderFactory.create(equipment=machine)

    assert ids(api(tess).get("/api/v1/me/work-orders")) == {str(mine.pk)}
    assert ids(api(tess).get(f"/api/v1/equipment/{machine.pk}/work-orders")) == {str(on_machine.pk)}


def test_stats(api: Any, tess: User) -> None:
    order_in("COMPLETED", by=tess)
    order_in("ON_HOLD", by=tess, priority="CRITICAL", due_at=timezone.now() - timedelta(hours=1))
    WorkOrderFactory.create()

    assert api(tess).get(f"{URL}/stats").json()["data"] == {
        "unfinished": 2,
        "overdue": 1,
        "by_status": {"OPEN": 1, "ASSIGNED": 0, "IN_PROGRESS": 0, "ON_HOLD": 1},
        "by_priority": {"LOW": 0, "MEDIUM": 1, "HIGH": 0, "CRITICAL": 1},
        "raised_last_7_days": 3,
        "completed_last_7_days": 1,
    }
    assert api(tess).get(f"{URL}/stats", {"assigned_to": str(tess.pk)}).json()["data"]["unfinished"] == 1


def test_a_member_sees_a_closed_site(api: Any, olga: User) -> None:
    site = LocationFactory.create(restricted=True)
    SiteMembership.objects.create(user=olga, site=site)
    order = WorkOrderFactory.create(equipment=EquipmentFactory.create(location=site))

    assert ids(api(olga).get(URL)) == {str(order.pk)}
    assert WorkOrder.objects.count() == 1
