"""Escalation over REST: policies with their steps, where an alert stands, the next step at once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts import escalation
from alerts.models import Alert, EscalationPolicy
from alerts.tests.factories import AlertFactory
from alerts.tests.policies import TELL_MANAGERS, WAIT_10, again, make_policy, wait
from alerts.tests.test_budgets import cost
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/escalation-policies"


def post(client: Any, **fields: Any) -> Any:
    body = {"name": "Nights", "steps": [WAIT_10, TELL_MANAGERS], **fields}
    return client.post(URL, body, format="json")


def alert_of(client: Any, alert: Alert) -> Any:
    return client.get(f"/api/v1/alerts/{alert.pk}").json()["data"]


def test_it_works(api: Any, mona: User, tess: User) -> None:
    site = LocationFactory.create()
    person = {"kind": "notify_person", "person_id": str(tess.pk)}

    response = post(
        api(mona), site_id=str(site.pk), minimum_severity="high", remind_after_minutes=30,
        steps=[person, wait(15), TELL_MANAGERS, wait(30), again(2)],
    )  # fmt: skip

    assert response.status_code == 201, response.json()
    policy = response.json()["data"]
    assert (policy["site"]["id"], policy["source"], policy["version"], policy["warnings"]) == (
        str(site.pk),
        None,
        1,
        [],
    )
    assert [step["kind"] for step in policy["steps"]] == ["NOTIFY_PERSON", "WAIT", "NOTIFY_ROLE", "WAIT", "REPEAT"]
    assert policy["steps"][0] == {
        "kind": "NOTIFY_PERSON", "minutes": None, "person_id": str(tess.pk), "role": None, "severity": None,
        "times": None, "person": {"id": str(tess.pk), "display_name": "Tess"},
    }  # fmt: skip
    assert api(tess).get(response["Location"]).json()["data"]["id"] == policy["id"]


def test_the_whole_list_is_replaced(api: Any, mona: User) -> None:
    url = post(api(mona))["Location"]

    changed = api(mona).patch(url, {"steps": [wait(5), {"kind": "RAISE_SEVERITY"}]}, format="json").json()["data"]

    assert [(step["kind"], step["minutes"]) for step in changed["steps"]] == [("WAIT", 5), ("RAISE_SEVERITY", None)]
    assert (changed["version"], changed["warnings"]) == (2, ["This policy tells nobody."])


def test_a_list_that_makes_no_sense_leaves_the_old_one(api: Any, mona: User) -> None:
    url = post(api(mona))["Location"]

    answer = api(mona).patch(url, {"steps": [TELL_MANAGERS, again(3)]}, format="json")

    assert_error(answer, 400, "VALIDATION_ERROR", "steps[1].kind")
    assert len(api(mona).get(url).json()["data"]["steps"]) == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [{"kind": "SING"}]}, "steps[0].kind"),
        ({"steps": [{"kind": "WAIT", "minutes": 0}]}, "steps[0].minutes"),
        ({"steps": [{"kind": "NOTIFY_PERSON", "person_id": str(uuid.uuid4())}]}, "steps[0].person_id"),
        ({"steps": [{"kind": "NOTIFY_ROLE", "role": "REPORTER"}]}, "steps[0].role"),
        ({"steps": [{"kind": "NOTIFY_ASSIGNED", "minutes": 5}]}, "steps[0].minutes"),
        ({"remind_after_minutes": 1}, "remind_after_minutes"),
        ({"site_id": str(uuid.uuid4())}, "site_id"),
    ],
)
def test_mistakes_are_named(api: Any, mona: User, fields: dict[str, Any], field: str) -> None:
    assert_error(post(api(mona), **fields), 400, "VALIDATION_ERROR", field)


def test_two_in_force_for_the_same_alerts_are_a_duplicate(api: Any, mona: User) -> None:
    post(api(mona))

    assert_error(post(api(mona), name="Days"), 409, "DUPLICATE")
    assert post(api(mona), name="Days", is_active=False).status_code == 201


def test_a_policy_of_a_hidden_site_is_out_of_sight(api: Any, mona: User, olga: User) -> None:
    site = LocationFactory.create(open_to_all=False)
    policy = make_policy(site=site)

    assert_error(api(olga).get(f"{URL}/{policy.pk}"), 404, "NOT_FOUND")
    assert api(olga).get(URL).json()["data"] == []


def test_a_deleted_policy_reaches_no_new_alert(api: Any, mona: User) -> None:
    policy = make_policy()

    assert api(mona).delete(f"{URL}/{policy.pk}").status_code == 204

    assert not AlertFactory.create().escalations.exists()


def test_an_alert_says_where_it_stands(api: Any, mona: User) -> None:
    make_policy(WAIT_10, TELL_MANAGERS, wait(20), again(1))
    raised_at = timezone.now() - timedelta(minutes=12)
    alert = AlertFactory.create(at=raised_at)
    escalation.sweep(at=raised_at + timedelta(minutes=10))

    stands = alert_of(api(mona), alert)["escalation"]

    assert (stands["policy"]["name"], stands["state"], stands["stop_reason"]) == ("Whoever is there", "ACTIVE", None)
    assert [(line["text"], line["people"]) for line in stands["notified"]] == [
        ("Told Mona.", [{"id": str(mona.pk), "name": "Mona"}])
    ]
    assert [(step["round"], step["step"], step["text"]) for step in stands["planned"]] == [
        (1, 1, "start again, once"), (2, 0, "tell every maintenance manager here"),
    ]  # fmt: skip
    assert stands["next_at"] == stands["planned"][0]["at"]


def test_a_new_alert_says_it_in_the_answer(api: Any, mona: User) -> None:
    make_policy()
    body = {"equipment_id": str(EquipmentFactory.create().pk), "title": "Drips"}

    alert = api(mona).post("/api/v1/alerts", body, format="json").json()["data"]

    assert (alert["escalation"]["state"], alert["escalation"]["notified"]) == ("ACTIVE", [])
    same = api(mona).get(f"/api/v1/alerts/{alert['id']}").json()["data"]
    assert same["escalation"] == alert["escalation"]


def test_the_next_step_now(api: Any, mona: User) -> None:
    make_policy()
    alert = AlertFactory.create()

    answer = api(mona).post(f"/api/v1/alerts/{alert.pk}/escalate")

    assert answer.status_code == 200, answer.json()
    assert answer.json()["data"]["escalation"]["state"] == "DONE"
    assert Notification.objects.get(kind="ALERT_ESCALATED").user == mona
    assert alert.events.get(kind="ESCALATED").by == mona
    assert_error(api(mona).post(f"/api/v1/alerts/{alert.pk}/escalate"), 409, "NOT_ESCALATING")


def test_a_preview_names_times_and_people(api: Any, mona: User, tess: User) -> None:
    policy = make_policy({"kind": "NOTIFY_ASSIGNED"}, WAIT_10, TELL_MANAGERS, wait(15), {"kind": "RAISE_SEVERITY"})
    alert = AlertFactory.create()
    alert.equipment.assignments.create(user=tess)

    steps = api(mona).get(f"{URL}/{policy.pk}/preview", {"alert_id": str(alert.pk)}).json()["data"]

    assert [[person["display_name"] for person in step["people"]] for step in steps] == [["Tess"], ["Mona"], []]
    assert steps[2]["text"] == "raise the severity to the next level"
    assert_error(api(mona).get(f"{URL}/{policy.pk}/preview"), 400, "INVALID_PARAMETER", "alert_id")


def test_what_it_costs(api: Any, mona: User) -> None:
    for severity in ("LOW", "MEDIUM", "HIGH"):
        policy = make_policy(minimum_severity=severity)
    alert = AlertFactory.create()
    escalation.sweep(at=timezone.now() + timedelta(hours=1))

    assert cost(lambda: api(mona).get(URL)) <= 4
    assert cost(lambda: api(mona).get(f"{URL}/{policy.pk}")) <= 5
    assert cost(lambda: post(api(mona), name="Own", source="RULE")) <= 8
    assert cost(lambda: api(mona).get(f"/api/v1/alerts/{alert.pk}")) <= 5
    assert EscalationPolicy.objects.count() == 4
