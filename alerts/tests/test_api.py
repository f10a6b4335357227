"""Alerts over REST."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.models import Alert
from alerts.tests.factories import AlertFactory, clear, fire, firing_alert, make_rule
from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.testing import assert_error
from locations.models import SiteMembership
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/alerts"


def report(client: Any, equipment: Equipment, **fields: Any) -> Any:
    return client.post(URL, {"equipment_id": str(equipment.pk), "title": "Drips", **fields}, format="json")


def ids(response: Any) -> set[str]:
    assert response.status_code == 200, response.json()
    return {row["id"] for row in response.json()["data"]}


@pytest.fixture
def machine(tess: User) -> Equipment:
    """A machine that Tess looks after."""
    equipment: Equipment = EquipmentFactory.create()
    equipment.assignments.create(user=tess)
    return equipment


def test_it_works(api: Any, rita: User, tess: User, machine: Equipment) -> None:
    photo = make_attachment(by=rita)
    response = report(api(rita), machine, severity="critical", attachment_ids=[str(photo.pk)], analyze=True)

    assert response.status_code == 201, response.json()
    alert = response.json()["data"]
    assert response["Location"] == f"{URL}/{alert['id']}"
    assert (alert["status"], alert["severity"], alert["equipment"]["status"]) == ("OPEN", "CRITICAL", "ERROR")
    assert [file["id"] for file in alert["attachments"]] == [str(photo.pk)]
    assert (alert["reported_by"]["display_name"], alert["allowed_transitions"]) == ("Rita", [])

    acknowledged = api(tess).post(f"{response['Location']}/acknowledge").json()["data"]
    assert (acknowledged["status"], acknowledged["acknowledged_by"]["display_name"]) == ("ACKNOWLEDGED", "Tess")
    resolved = (
        api(tess).post(f"{response['Location']}/resolve", {"note": "Seal replaced"}, format="json").json()["data"]
    )
    assert (resolved["status"], resolved["resolution"], resolved["resolution_note"]) == (
        "RESOLVED", "FIXED", "Seal replaced",
    )  # fmt: skip
    assert resolved["equipment"]["status"] == "ONLINE"


def test_a_new_alert_reads_the_same_a_moment_later(api: Any, rita: User, machine: Equipment) -> None:
    created = report(api(rita), machine, severity="CRITICAL", attachment_ids=[str(make_attachment(by=rita).pk)])

    read = api(rita).get(created["Location"])

    assert read.json()["data"] == created.json()["data"]
    assert read["ETag"] == created["ETag"]


def test_a_repeat_answers_200_with_the_open_alert(api: Any, rita: User, tess: User, machine: Equipment) -> None:
    first = report(api(rita), machine).json()["data"]

    again = report(api(tess), machine, title=" DRIPS", attachment_ids=[str(make_attachment(by=tess).pk)])

    assert again.status_code == 200
    data = again.json()["data"]
    assert (data["id"], data["occurrences"], len(data["attachments"])) == (first["id"], 2, 1)
    assert "before" in again.json()["message"]


def test_an_idempotent_retry_counts_once(api: Any, rita: User, machine: Equipment) -> None:
    key = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}
    body = {"equipment_id": str(machine.pk), "title": "Drips"}

    first, second = (api(rita).post(URL, body, format="json", **key) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert second["Idempotency-Replayed"] == "true"
    assert Alert.objects.get().occurrences == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"severity": "URGENT"}, "severity"),
        ({"equipment_id": str(uuid.uuid4())}, "equipment_id"),
        ({"occurred_at": (timezone.now() - timedelta(days=8)).isoformat()}, "occurred_at"),
        ({"occurred_at": (timezone.now() + timedelta(hours=1)).isoformat()}, "occurred_at"),
        ({"attachment_ids": [str(uuid.uuid4())]}, "attachment_ids"),
        ({"attachment_ids": "all"}, "attachment_ids"),
    ],
)
def test_a_report_says_which_field_is_wrong(
    fields: dict[str, Any], field: str, api: Any, rita: User, machine: Equipment
) -> None:
    assert_error(report(api(rita), machine, **fields), 400, "VALIDATION_ERROR", field)


def test_an_unknown_field_is_refused(api: Any, rita: User, machine: Equipment) -> None:
    assert_error(report(api(rita), machine, urgency="high"), 400, "UNKNOWN_FIELD", "urgency")


def test_somebody_elses_file_is_refused(api: Any, rita: User, tess: User, machine: Equipment) -> None:
    photo = make_attachment(by=tess)

    assert_error(report(api(rita), machine, attachment_ids=[str(photo.pk)]), 400, "VALIDATION_ERROR", "attachment_ids")


def test_a_machine_out_of_sight_is_unknown(api: Any, olga: User, mona: User) -> None:
    site = LocationFactory.create(restricted=True)
    SiteMembership.objects.create(user=mona, site=site)
    alert = AlertFactory.create(equipment=EquipmentFactory.create(location=site))

    assert_error(report(api(olga), alert.equipment), 400, "VALIDATION_ERROR", "equipment_id")
    assert_error(api(olga).get(f"{URL}/{alert.pk}"), 404, "NOT_FOUND")
    assert_error(api(olga).post(f"{URL}/{alert.pk}/acknowledge"), 404, "NOT_FOUND")
    assert_error(api(olga).get(f"/api/v1/equipment/{alert.equipment_id}/alerts"), 404, "NOT_FOUND")
    assert ids(api(olga).get(URL)) == set()
    assert ids(api(mona).get(URL)) == {str(alert.pk)}


# Who may


MOVES: dict[str, dict[str, Any]] = {
    "acknowledge": {},
    "resolve": {},
    "dismiss": {},
    "silence": {"until": None},
    "reopen": {"reason": "Back"},
}


@pytest.mark.parametrize("move", MOVES)
def test_handling_is_for_managers_and_technicians_concerned(
    move: str, api: Any, rita: User, olga: User, machine: Equipment
) -> None:
    alert = AlertFactory.create(equipment=machine, reported_by=rita)

    for stranger in (rita, olga):
        refused = api(stranger).post(f"{URL}/{alert.pk}/{move}", MOVES[move], format="json")
        assert_error(refused, 403, "PERMISSION_DENIED")


def test_a_technician_handles_what_they_reported(api: Any, olga: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine, reported_by=olga)

    assert api(olga).post(f"{URL}/{alert.pk}/acknowledge").status_code == 200


def test_a_reporter_corrects_what_they_reported(api: Any, rita: User, olga: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine, reported_by=rita)

    saved = api(rita).patch(f"{URL}/{alert.pk}", {"title": "Drips a lot", "severity": "high"}, format="json")

    assert (saved.json()["data"]["title"], saved.json()["data"]["severity"]) == ("Drips a lot", "HIGH")
    assert_error(api(olga).put(f"{URL}/{alert.pk}", {"title": "?"}, format="json"), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("field", ["status", "equipment_id", "resolution", "reported_by"])
def test_what_moves_decide_is_not_edited(field: str, api: Any, mona: User) -> None:
    alert = AlertFactory.create()

    assert_error(api(mona).patch(f"{URL}/{alert.pk}", {field: "RESOLVED"}, format="json"), 400, "UNKNOWN_FIELD", field)


def test_only_managers_delete(api: Any, tess: User, mona: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine)

    assert_error(api(tess).delete(f"{URL}/{alert.pk}"), 403, "PERMISSION_DENIED")
    assert api(mona).delete(f"{URL}/{alert.pk}").status_code == 204
    assert_error(api(mona).get(f"{URL}/{alert.pk}"), 404, "NOT_FOUND")
    assert ids(api(mona).get(URL)) == set()
    assert ids(api(mona).get(URL, {"include_deleted": "true"})) == {str(alert.pk)}


# Moves


def test_the_detail_offers_what_is_possible_now(api: Any, tess: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine)

    offered = api(tess).get(f"{URL}/{alert.pk}").json()["data"]["allowed_transitions"]

    assert [move["action"] for move in offered] == ["acknowledge", "resolve", "dismiss", "silence"]
    assert offered[-1] == {
        "action": "silence", "label": "Silence", "to": "OPEN", "required": ["until"], "optional": [],
        "one_of": [], "blocked": None,
    }  # fmt: skip


def test_a_second_acknowledgement_is_refused(api: Any, tess: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine)
    api(tess).post(f"{URL}/{alert.pk}/acknowledge")

    error = assert_error(api(tess).post(f"{URL}/{alert.pk}/acknowledge"), 409, "INVALID_TRANSITION")

    assert error["meta"] == {"from": "ACKNOWLEDGED", "to": "ACKNOWLEDGED", "allowed": ["RESOLVED"]}


def test_resolving_while_firing_is_refused(api: Any, mona: User) -> None:
    rule, series = make_rule(EquipmentFactory.create())
    alert = fire(rule, series)

    assert_error(api(mona).post(f"{URL}/{alert.pk}/resolve"), 409, "STILL_FIRING")
    clear(rule, series)
    assert api(mona).post(f"{URL}/{alert.pk}/resolve", {"resolution": "self_cleared"}, format="json").status_code == 200


def test_a_firing_alert_says_so(api: Any, mona: User) -> None:
    data = api(mona).get(f"{URL}/{firing_alert().pk}").json()["data"]

    assert (data["is_firing"], data["source"], data["reported_by"]) == (True, "RULE", None)
    assert "resolve" not in [move["action"] for move in data["allowed_transitions"]]


def test_reopening_needs_a_reason(api: Any, mona: User) -> None:
    alert = AlertFactory.create()
    alert.resolve(by=mona, at=timezone.now())

    assert_error(api(mona).post(f"{URL}/{alert.pk}/reopen", {}, format="json"), 400, "VALIDATION_ERROR", "reason")
    reopened = api(mona).post(f"{URL}/{alert.pk}/reopen", {"reason": "Still drips"}, format="json").json()["data"]
    assert (reopened["status"], reopened["resolution"], reopened["resolved_at"]) == ("OPEN", None, None)


def test_silence_and_dismiss(api: Any, mona: User) -> None:
    alert = AlertFactory.create()
    until = (timezone.now() + timedelta(hours=2)).isoformat()

    silenced = api(mona).post(f"{URL}/{alert.pk}/silence", {"until": until}, format="json").json()["data"]
    dismissed = api(mona).post(f"{URL}/{alert.pk}/dismiss", {"note": "Cable"}, format="json").json()["data"]

    assert silenced["silenced_until"] is not None
    assert dismissed["resolution"] == "FALSE_ALARM"


def test_a_stale_version_is_refused(api: Any, mona: User) -> None:
    alert = AlertFactory.create()
    tag = api(mona).get(f"{URL}/{alert.pk}")["ETag"]
    api(mona).patch(f"{URL}/{alert.pk}", {"title": "Newer"}, format="json")

    refused = api(mona).post(f"{URL}/{alert.pk}/acknowledge", HTTP_IF_MATCH=tag)

    error = assert_error(refused, 412, "PRECONDITION_FAILED")
    assert error["meta"]["current"]["title"] == "Newer"


def test_files_and_timeline(api: Any, rita: User, olga: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine, reported_by=rita)
    body = {"attachment_ids": [str(make_attachment(by=rita).pk)]}

    added = api(rita).post(f"{URL}/{alert.pk}/attachments", body, format="json")

    assert len(added.json()["data"]["attachments"]) == 1
    assert len(api(olga).get(f"{URL}/{alert.pk}/attachments").json()["data"]) == 1
    events = api(olga).get(f"{URL}/{alert.pk}/timeline", {"page_size": 1}).json()
    assert [event["kind"] for event in events["data"]] == ["ATTACHED"]
    assert (events["data"][0]["by"]["display_name"], events["pagination"]["total_count"]) == ("Rita", 2)
    body = {"attachment_ids": [str(make_attachment(by=olga).pk)]}
    assert_error(api(olga).post(f"{URL}/{alert.pk}/attachments", body, format="json"), 403, "PERMISSION_DENIED")


# Lists


def test_filters(api: Any, tess: User, rita: User, machine: Equipment) -> None:
    mine = AlertFactory.create(equipment=machine, reported_by=rita, severity="HIGH", title="Drips at the seal")
    other = AlertFactory.create(severity="LOW", description="Smells of oil")
    done = AlertFactory.create(severity="LOW")
    done.resolve(by=tess, at=timezone.now())
    room = machine.location
    assert room is not None
    assert room.site is not None

    for user, query, expected in [
        (tess, {"status": "open"}, {mine, other}),
        (tess, {"status": "OPEN,RESOLVED"}, {mine, other, done}),
        (tess, {"severity": "high,critical"}, {mine}),
        (tess, {"source": "RULE"}, set()),
        (tess, {"equipment_id": str(machine.pk)}, {mine}),
        (tess, {"location_id": str(room.site.pk)}, {mine}),
        (tess, {"assigned_to_me": "true"}, {mine}),
        (tess, {"assigned_to_me": "false"}, {other, done}),
        (rita, {"reported_by_me": "true"}, {mine}),
        (rita, {"reported_by_me": "false"}, {other, done}),
        (tess, {"search": "seal"}, {mine}),
        (tess, {"search": "OIL smells"}, {other}),
        (tess, {"occurred_after": timezone.now().isoformat()}, set()),
        (tess, {"occurred_before": timezone.now().isoformat(), "severity": "HIGH"}, {mine}),
        (tess, {"created_before": timezone.now().isoformat()}, {mine, other, done}),
    ]:
        assert ids(api(user).get(URL, query)) == {str(alert.pk) for alert in expected}, query


@pytest.mark.parametrize(
    "query", [{"status": "WRONG"}, {"location_id": "x"}, {"assigned_to_me": "maybe"}, {"colour": "red"}]
)
def test_a_wrong_parameter_is_refused(query: dict[str, str], api: Any, rita: User) -> None:
    assert_error(api(rita).get(URL, query), 400, "INVALID_PARAMETER", next(iter(query)))


def test_mine_are_those_i_reported_again_and_those_of_my_machines(
    api: Any, tess: User, rita: User, machine: Equipment
) -> None:
    on_mine = AlertFactory.create(equipment=machine)
    reported = AlertFactory.create(reported_by=rita, title="Hums")
    report(api(tess), reported.equipment, title="Hums")
    AlertFactory.create()

    assert ids(api(tess).get("/api/v1/me/alerts")) == {str(on_mine.pk), str(reported.pk)}
    assert ids(api(rita).get("/api/v1/me/alerts")) == {str(reported.pk)}


def test_the_alerts_of_a_machine(api: Any, rita: User, machine: Equipment) -> None:
    alert = AlertFactory.create(equipment=machine)
    AlertFactory.create()

    assert ids(api(rita).get(f"/api/v1/equipment/{machine.pk}/alerts")) == {str(alert.pk)}


def test_a_machine_counts_its_open_alerts(api: Any, tess: User, machine: Equipment) -> None:
    AlertFactory.create(equipment=machine).resolve(by=tess, at=timezone.now())
    AlertFactory.create(equipment=machine)
    quiet = EquipmentFactory.create()

    assert api(tess).get(f"/api/v1/equipment/{machine.pk}").json()["data"]["alert_count"] == 1
    assert ids(api(tess).get("/api/v1/equipment", {"has_open_alerts": "true"})) == {str(machine.pk)}
    assert ids(api(tess).get("/api/v1/equipment", {"has_open_alerts": "false"})) == {str(quiet.pk)}


def test_stats(api: Any, tess: User, machine: Equipment) -> None:
    AlertFactory.create(equipment=machine, severity="HIGH")
    AlertFactory.create(severity="LOW").acknowledge(by=tess, at=timezone.now())
    AlertFactory.create().resolve(by=tess, at=timezone.now())

    whole = api(tess).get(f"{URL}/stats").json()["data"]
    of_one = api(tess).get(f"{URL}/stats", {"equipment_id": str(machine.pk)}).json()["data"]

    assert whole == {
        "unresolved": 2,
        "by_status": {"OPEN": 1, "ACKNOWLEDGED": 1},
        "by_severity": {"LOW": 1, "MEDIUM": 0, "HIGH": 1, "CRITICAL": 0},
        "raised_last_7_days": 3,
        "resolved_last_7_days": 1,
    }
    assert of_one["unresolved"] == 1
