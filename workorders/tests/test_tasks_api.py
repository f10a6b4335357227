"""Tasks, links, signatures and phases over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from alerts.tests.test_budgets import cost
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder
from workorders.services import raise_work_order
from workorders.tests.checklists import checklist, task_on
from workorders.tests.factories import WorkOrderFactory, move, order_in

pytestmark = pytest.mark.django_db
URL = "/api/v1/work-orders"
Call = Callable[..., Any]


@pytest.fixture
def order(tess: User) -> WorkOrder:
    return order_in("IN_PROGRESS", by=tess)


@pytest.fixture
def post(api: Any, tess: User) -> Call:
    return lambda path, body=None, by=None, **more: api(by or tess).post(f"{URL}/{path}", body, format="json", **more)


def test_a_checklist_from_template_to_completed_order(order: WorkOrder, post: Call, api: Any, tess: User) -> None:
    template = checklist()
    applied = post(f"{order.pk}/tasks/apply-template", {"template_id": str(template.pk)})
    tick, verdict, number = applied.json()["data"]

    early = post(f"{order.pk}/complete", {"resolution": "Done"})
    post(f"{order.pk}/tasks/{tick['id']}/complete")
    post(f"{order.pk}/tasks/{verdict['id']}/complete", {"passed": False, "note": "Rattles"})
    measured = post(f"{order.pk}/tasks/{number['id']}/complete", {"value": 4.5})
    raised = post(f"{order.pk}/tasks/{verdict['id']}/work-order", {"priority": "high"})
    again = post(f"{order.pk}/tasks/{verdict['id']}/work-order")
    done = post(f"{order.pk}/complete", {"resolution": "Done"})

    assert applied.status_code == 200
    assert len(assert_error(early, 409, "TASKS_OPEN")["meta"]["tasks"]) == 3
    assert (measured.json()["data"]["value"], measured.json()["data"]["outcome"]) == ("4.5", "OK")
    assert (raised.status_code, raised.json()["data"]["priority"]) == (201, "HIGH")
    assert api(tess).get(raised["Location"]).status_code == 200
    assert assert_error(again, 409, "ALREADY_CONVERTED")["meta"]["number"] == raised.json()["data"]["number"]
    assert done.status_code == 200
    assert done.json()["data"]["task_progress"] == {"total": 3, "done": 3, "failed": 1}


def test_progress_stands_in_every_list(order: WorkOrder, api: Any, tess: User) -> None:
    task_on(order).complete(by=tess, at=timezone.now())
    task_on(order)

    for path in ("work-orders", "me/work-orders", f"equipment/{order.equipment_id}/work-orders"):
        (row,) = api(tess).get(f"/api/v1/{path}").json()["data"]
        assert row["task_progress"] == {"total": 2, "done": 1, "failed": 0}, path


def test_lists_stay_within_their_budget(order: WorkOrder, post: Call, api: Any, tess: User) -> None:
    for _ in range(4):
        task_on(order)
        order_in("IN_PROGRESS", by=tess)
    post(f"{order.pk}/relations", {"kind": "BLOCKED_BY", "work_order_id": str(order_in("OPEN", by=tess).pk)})
    checklist("One")
    checklist("Two")

    for path in (f"{URL}/{order.pk}/tasks", f"{URL}/{order.pk}/relations", URL, "/api/v1/checklist-templates"):
        assert cost(lambda path=path: api(tess).get(path)) <= 4, path
    assert cost(lambda: api(tess).get(f"{URL}/{order.pk}")) <= 5


def test_a_move_in_the_way_says_why(order: WorkOrder, api: Any, tess: User) -> None:
    task_on(order)

    moves = {m["action"]: m for m in api(tess).get(f"{URL}/{order.pk}").json()["data"]["allowed_transitions"]}

    assert moves["complete"]["blocked"]["code"] == "TASKS_OPEN"
    assert moves["hold"]["blocked"] is None


def test_tasks_are_written_moved_and_taken_off(order: WorkOrder, post: Call, api: Any, tess: User) -> None:
    made = post(f"{order.pk}/tasks", {"title": "Pressure", "kind": "number", "unit": "bar", "maximum": "6"})
    second = post(f"{order.pk}/tasks", {"title": "Clean"}).json()["data"]
    url = made["Location"]

    changed = api(tess).put(f"{URL}/{order.pk}/tasks/{second['id']}", {"position": 1}, format="json")
    wrong = api(tess).put(url, {"minimum": "9"}, format="json")
    gone = api(tess).delete(url)

    assert (made.status_code, made.json()["data"]["maximum"]) == (201, "6")
    assert changed.json()["data"]["position"] == 1
    assert_error(wrong, 400, "VALIDATION_ERROR", field="minimum")
    assert (gone.status_code, order.tasks.count()) == (204, 1)


@pytest.mark.parametrize(
    ("body", "field"), [({"value": True}, "value"), ({"value": "x" * 10_001}, "value"), ({"verdict": True}, "verdict")]
)
def test_a_malformed_result_is_refused(body: dict[str, Any], field: str, order: WorkOrder, post: Call) -> None:
    answer = post(f"{order.pk}/tasks/{task_on(order, kind='TEXT').pk}/complete", body)

    assert field in [detail["field"] for detail in answer.json()["error"]["details"]]
    assert answer.status_code == 400


def test_somebody_elses_photo_is_unknown(order: WorkOrder, post: Call, mona: User) -> None:
    task = task_on(order, kind="PHOTO")

    answer = post(f"{order.pk}/tasks/{task.pk}/complete", {"attachment_id": str(make_attachment(by=mona).pk)})

    assert_error(answer, 400, "VALIDATION_ERROR", field="attachment_id")


def test_technicians_without_the_order_and_reporters_only_read(
    order: WorkOrder, post: Call, olga: User, rita: User
) -> None:
    task = task_on(order)

    for person in (olga, rita):
        assert post(f"{order.pk}/tasks", {"title": "x"}, by=person).status_code == 403
        assert post(f"{order.pk}/tasks/{task.pk}/complete", by=person).status_code == 403


def test_a_task_out_of_sight_is_404(order: WorkOrder, api: Any, olga: User) -> None:
    site = LocationFactory.create(restricted=True)
    order.equipment.location = site
    order.equipment.save()
    task = task_on(order)

    for path in ("tasks", f"tasks/{task.pk}", "relations", "signature"):
        assert api(olga).get(f"{URL}/{order.pk}/{path}").status_code == 404, path


def test_a_link_is_seen_from_both_sides(order: WorkOrder, post: Call, api: Any, tess: User) -> None:
    other = order_in("ASSIGNED", by=tess)

    made = post(f"{order.pk}/relations", {"kind": "blocks", "work_order_id": str(other.pk)})
    (from_here,) = api(tess).get(f"{URL}/{order.pk}/relations").json()["data"]
    (from_there,) = api(tess).get(f"{URL}/{other.pk}/relations").json()["data"]
    refused = post(f"{other.pk}/start")
    assert api(tess).delete(made["Location"]).status_code == 204
    started = post(f"{other.pk}/start")

    assert (made.status_code, made.json()["data"]["kind"]) == (201, "BLOCKS")
    assert (from_here["kind"], from_here["work_order"]["number"]) == ("BLOCKS", other.number)
    assert (from_there["kind"], from_there["work_order"]["number"]) == ("BLOCKED_BY", order.number)
    assert assert_error(refused, 409, "BLOCKED")["meta"]["work_orders"] == [
        {"id": str(order.pk), "number": order.number}
    ]
    assert started.status_code == 200


def test_links_that_make_no_sense_are_refused(order: WorkOrder, post: Call, tess: User) -> None:
    other = order_in("ASSIGNED", by=tess)
    link = {"kind": "BLOCKED_BY", "work_order_id": str(other.pk)}
    post(f"{order.pk}/relations", link)

    assert_error(post(f"{order.pk}/relations", link), 409, "DUPLICATE")
    assert_error(post(f"{other.pk}/relations", {**link, "work_order_id": str(order.pk)}), 409, "RELATION_CYCLE")
    assert_error(post(f"{order.pk}/relations", {**link, "work_order_id": str(order.pk)}), 400, "VALIDATION_ERROR")


def test_finished_work_is_signed_and_a_later_change_shows(order: WorkOrder, post: Call, api: Any, tess: User) -> None:
    body = {"attachment_id": str(make_attachment(by=tess).pk), "name": "Tess Taylor", "role": "technician"}
    early = post(f"{order.pk}/signature", body)
    move(order, "complete", by=tess)

    signed = post(f"{order.pk}/signature", body)
    WorkOrder.objects.filter(pk=order.pk).update(resolution="Something else")
    (later,) = api(tess).get(f"{URL}/{order.pk}/signature").json()["data"]

    assert_error(early, 409, "INVALID_TRANSITION")
    assert (signed.status_code, signed.json()["data"]["still_matches"]) == (201, True)
    assert later["still_matches"] is False
    assert order.events.filter(kind="SIGNED").exists()


def test_files_know_what_they_show(order: WorkOrder, post: Call, api: Any, tess: User) -> None:
    photo = make_attachment(by=tess)
    body = {"attachment_ids": [str(photo.pk)]}

    for phase, body_phase in (("OTHER", {}), ("AFTER", {"phase": "after"}), ("BEFORE", {"phase": "BEFORE"})):
        (file,) = post(f"{order.pk}/attachments", body | body_phase).json()["data"]["attachments"]
        assert file["phase"] == phase
    (listed,) = api(tess).get(f"{URL}/{order.pk}/attachments").json()["data"]

    assert listed["phase"] == "BEFORE"


def test_an_alerts_photos_show_the_machine_before(api: Any, mona: User) -> None:
    alert = AlertFactory.create(attachments=[make_attachment(by=mona)])

    order = raise_work_order(alert=alert, by=mona, at=timezone.now())

    (file,) = api(mona).get(f"{URL}/{order.pk}").json()["data"]["attachments"]
    assert file["phase"] == "BEFORE"


def test_checklists_are_found_by_kind_of_machine(api: Any, tess: User) -> None:
    checklist("For all")
    order = WorkOrderFactory.create()
    checklist("For lifts", category=order.equipment.category)

    rows = api(tess).get("/api/v1/checklist-templates").json()["data"]

    assert [row["name"] for row in rows] == ["For all", "For lifts"]
    assert [item["title"] for item in rows[0]["items"]] == ["Housing clean", "Runs quietly", "Pressure"]
