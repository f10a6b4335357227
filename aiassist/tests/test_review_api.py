"""Feedback on answers, and alerts and orders made of them, over the API."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from aiassist.models import AnalysisReview
from aiassist.tests.factories import make_analysis, make_answered
from alerts.models import Alert
from alerts.tests.test_budgets import cost
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder

pytestmark = pytest.mark.django_db
Api = Callable[[User | None], APIClient]
URL = "/api/v1/ai/analyses"


@pytest.fixture
def fan(db: None) -> Any:
    category = CategoryFactory.create(code="FAN", name="Fan")
    FailureModeFactory.create(category=category, code="BEARING", name="Bearing wear")
    FailureModeFactory.create(category=category, code="BELT", name="Belt slips")
    return EquipmentFactory.create(equipment_name="Fan 1", category=category)


@pytest.fixture
def looked_after(fan: Any, tess: User) -> Any:
    """The fan, and Tess looks after it."""
    fan.assignments.create(user=tess)
    return fan


# Feedback ------------------------------------------------------------------------------------------------------------


def test_feedback_works(api: Api, fan: Any, rita: User) -> None:
    analysis = make_answered(equipment=fan, by=rita)
    body = {"verdict": "edited", "failure_mode": "belt", "severity": "low", "note": "It was the belt."}

    response = api(rita).post(f"{URL}/{analysis.pk}/feedback", body)

    said = response.json()["data"]["review"]
    assert response.status_code == 200, response.json()
    assert (said["verdict"], said["failure_mode"], said["severity"], said["note"]) == (
        "EDITED", "BELT", "LOW", "It was the belt.",
    )  # fmt: skip
    assert said["reviewed_by"]["id"] == str(rita.pk)
    assert (said["alert_id"], said["work_order_id"]) == (None, None)
    assert api(rita).get(f"{URL}/{analysis.pk}").json()["data"]["review"] == said


def test_an_analysis_nobody_judged_has_no_review(api: Api, fan: Any, rita: User) -> None:
    analysis = make_answered(equipment=fan, by=rita)

    assert api(rita).get(f"{URL}/{analysis.pk}").json()["data"]["review"] is None


def test_whoever_handles_faults_may_judge_what_others_asked(api: Api, fan: Any, rita: User, tess: User) -> None:
    analysis = make_answered(equipment=fan, by=rita)

    assert api(tess).post(f"{URL}/{analysis.pk}/feedback", {"verdict": "ACCEPTED"}).status_code == 200


def test_a_reporter_judges_only_what_they_asked(api: Api, fan: Any, rita: User, tess: User) -> None:
    analysis = make_answered(equipment=fan, by=tess)

    assert_error(api(rita).post(f"{URL}/{analysis.pk}/feedback", {"verdict": "ACCEPTED"}), 404, "NOT_FOUND")


def test_what_is_out_of_sight_is_not_judged(api: Api, olga: User) -> None:
    secret = EquipmentFactory.create(location=LocationFactory.create(restricted=True))
    analysis = make_answered(equipment=secret)

    for move in ("feedback", "alert", "work-order"):
        assert_error(api(olga).post(f"{URL}/{analysis.pk}/{move}", {"verdict": "ACCEPTED"}), 404, "NOT_FOUND")
    assert_error(api(olga).get(f"{URL}/{analysis.pk}/draft-order"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "verdict"),
        ({"verdict": "PERHAPS"}, "verdict"),
        ({"verdict": "EDITED"}, "verdict"),
        ({"verdict": "EDITED", "failure_mode": "NOSE"}, "failure_mode"),
        ({"verdict": "EDITED", "severity": "AWFUL"}, "severity"),
    ],
)
def test_bad_feedback_names_its_field(api: Api, fan: Any, tess: User, body: dict[str, str], field: str) -> None:
    analysis = make_answered(equipment=fan)

    assert_error(api(tess).post(f"{URL}/{analysis.pk}/feedback", body), 400, "VALIDATION_ERROR", field=field)
    assert not AnalysisReview.objects.exists()


def test_what_is_not_answered_yet_is_not_judged(api: Api, fan: Any, tess: User) -> None:
    analysis = make_analysis(equipment=fan)

    response = api(tess).post(f"{URL}/{analysis.pk}/feedback", {"verdict": "ACCEPTED"})

    assert assert_error(response, 409, "ANALYSIS_NOT_REVIEWABLE")["meta"] == {"status": "PENDING"}


def test_feedback_on_a_verdict_one_has_not_seen_is_refused(api: Api, fan: Any, tess: User, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    seen = api(tess).get(f"{URL}/{analysis.pk}")["ETag"]
    api(mona).post(f"{URL}/{analysis.pk}/feedback", {"verdict": "REJECTED"})

    response = api(tess).post(f"{URL}/{analysis.pk}/feedback", {"verdict": "ACCEPTED"}, headers={"If-Match": seen})

    assert assert_error(response, 412, "PRECONDITION_FAILED")["meta"]["current"]["review"]["verdict"] == "REJECTED"


def test_the_list_can_be_narrowed_to_verdicts(api: Api, fan: Any, tess: User) -> None:
    good, bad, unseen = (make_answered(equipment=fan) for _ in range(3))
    api(tess).post(f"{URL}/{good.pk}/feedback", {"verdict": "ACCEPTED"})
    api(tess).post(f"{URL}/{bad.pk}/feedback", {"verdict": "REJECTED"})

    def found(query: str) -> set[str]:
        return {row["id"] for row in api(tess).get(f"{URL}?{query}").json()["data"]}

    assert found("verdict=rejected") == {str(bad.pk)}
    assert found("reviewed=true") == {str(good.pk), str(bad.pk)}
    assert found("reviewed=false") == {str(unseen.pk)}


# An alert ------------------------------------------------------------------------------------------------------------


def test_a_reporter_makes_an_alert_of_their_answer(api: Api, fan: Any, rita: User) -> None:
    photo = make_attachment(by=rita)
    analysis = make_answered(equipment=fan, by=rita, images=(photo,))

    response = api(rita).post(f"{URL}/{analysis.pk}/alert", {"severity": "medium"})

    made = response.json()["data"]
    assert response.status_code == 201, response.json()
    assert response["Location"] == f"/api/v1/alerts/{made['id']}"
    assert (made["source"], made["severity"], made["title"]) == ("AI", "MEDIUM", "Bearing worn")
    assert [file["id"] for file in made["attachments"]] == [str(photo.pk)]
    found = api(rita).get(f"{URL}/{analysis.pk}").json()["data"]
    assert (found["alert_id"], found["review"]["alert_id"]) == (made["id"], made["id"])


def test_a_second_alert_is_refused_and_the_first_named(api: Api, fan: Any, rita: User) -> None:
    analysis = make_answered(equipment=fan, by=rita)
    first = api(rita).post(f"{URL}/{analysis.pk}/alert").json()["data"]

    again = api(rita).post(f"{URL}/{analysis.pk}/alert")

    assert assert_error(again, 409, "ANALYSIS_HAS_ALERT")["meta"] == {"alert_id": first["id"]}


def test_a_known_fault_counts_and_answers_200(api: Api, fan: Any, rita: User, tess: User) -> None:
    first = api(rita).post(f"{URL}/{make_answered(equipment=fan, by=rita).pk}/alert").json()["data"]

    again = api(tess).post(f"{URL}/{make_answered(equipment=fan, by=tess).pk}/alert")

    assert again.status_code == 200
    assert (again.json()["data"]["id"], again.json()["data"]["occurrences"]) == (first["id"], 2)


def test_the_verdict_stands_after_that(api: Api, fan: Any, tess: User) -> None:
    analysis = make_answered(equipment=fan)
    made = api(tess).post(f"{URL}/{analysis.pk}/alert").json()["data"]

    response = api(tess).post(f"{URL}/{analysis.pk}/feedback", {"verdict": "REJECTED"})

    assert assert_error(response, 409, "REVIEW_SETTLED")["meta"]["alert_id"] == made["id"]


def test_repeating_a_request_makes_one_alert(api: Api, fan: Any, tess: User) -> None:
    analysis = make_answered(equipment=fan)
    key = {"Idempotency-Key": str(uuid4())}

    first, again = (api(tess).post(f"{URL}/{analysis.pk}/alert", headers=key) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again["Idempotency-Replayed"] == "true"
    assert Alert.objects.count() == 1


# An order ------------------------------------------------------------------------------------------------------------


def test_a_caretaker_raises_the_drafted_order(api: Api, looked_after: Any, tess: User) -> None:
    analysis = make_answered(equipment=looked_after)
    draft = api(tess).get(f"{URL}/{analysis.pk}/draft-order").json()["data"]

    response = api(tess).post(f"{URL}/{analysis.pk}/work-order")

    made = response.json()["data"]
    assert response.status_code == 201, response.json()
    assert response["Location"] == f"/api/v1/work-orders/{made['id']}"
    for name in ("title", "description", "type", "priority", "estimated_minutes"):
        assert made[name] == draft[name]
    order = WorkOrder.objects.get(pk=made["id"])
    assert [task.title for task in order.tasks.all()] == [task["title"] for task in draft["tasks"]]


def test_the_draft_can_be_changed(api: Api, fan: Any, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    body = {"title": "Swap the bearing", "priority": "low", "estimated_minutes": 45, "tasks": [{"title": "Swap it"}]}

    made = api(mona).post(f"{URL}/{analysis.pk}/work-order", body, format="json").json()["data"]

    assert (made["title"], made["priority"], made["estimated_minutes"]) == ("Swap the bearing", "LOW", 45)
    assert made["task_progress"]["total"] == 1
    assert AnalysisReview.objects.get(analysis=analysis).verdict == "ACCEPTED"


def test_only_who_gives_work_sees_who_should_do_it(api: Api, looked_after: Any, tess: User, mona: User) -> None:
    url = f"{URL}/{make_answered(equipment=looked_after).pk}/draft-order"

    suggested = api(mona).get(url).json()["data"]["suggested_assignees"]

    assert suggested[0]["user"]["id"] == str(tess.pk)
    assert api(tess).get(url).json()["data"]["suggested_assignees"] is None


def test_who_does_not_look_after_the_machine_raises_no_order(api: Api, fan: Any, olga: User, rita: User) -> None:
    analysis = make_answered(equipment=fan, by=rita)

    for person in (olga, rita):
        response = api(person).post(f"{URL}/{analysis.pk}/work-order")
        assert_error(response, 403, "PERMISSION_DENIED")
    assert not WorkOrder.objects.exists()
    assert not AnalysisReview.objects.exists()


def test_a_second_order_is_refused_and_the_first_named(api: Api, fan: Any, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    first = api(mona).post(f"{URL}/{analysis.pk}/work-order").json()["data"]

    again = api(mona).post(f"{URL}/{analysis.pk}/work-order")

    assert assert_error(again, 409, "ALREADY_CONVERTED")["meta"]["work_order_id"] == first["id"]


def test_repeating_a_request_makes_one_order(api: Api, fan: Any, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    key = {"Idempotency-Key": str(uuid4())}

    first, again = (api(mona).post(f"{URL}/{analysis.pk}/work-order", headers=key) for _ in range(2))

    assert first.content == again.content
    assert WorkOrder.objects.count() == 1


def test_a_refused_order_leaves_no_trace(api: Api, fan: Any, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    body = {"tasks": [{"title": f"Step {number}"} for number in range(300)]}

    assert_error(api(mona).post(f"{URL}/{analysis.pk}/work-order", body, format="json"), 400, "VALIDATION_ERROR")

    assert not WorkOrder.objects.exists()
    assert not AnalysisReview.objects.exists()


# What it costs -------------------------------------------------------------------------------------------------------


def test_queries(api: Api, looked_after: Any, tess: User, mona: User) -> None:
    reviewed, judged, alerted, ordered = (
        make_answered(equipment=looked_after, images=(make_attachment(by=mona),)) for _ in range(4)
    )
    api(mona).post(f"{URL}/{reviewed.pk}/feedback", {"verdict": "ACCEPTED"})

    def moved(analysis: Any, move: str, **body: str) -> int:
        return cost(lambda: api(mona).post(f"{URL}/{analysis.pk}/{move}", body))

    assert cost(lambda: api(mona).get(f"{URL}?reviewed=false")) <= 4
    assert cost(lambda: api(mona).get(f"{URL}/{reviewed.pk}")) <= 5
    assert cost(lambda: api(tess).get(f"{URL}/{ordered.pk}/draft-order")) <= 5
    assert cost(lambda: api(mona).get(f"{URL}/{ordered.pk}/draft-order")) <= 11  # seven of them rank the people
    assert moved(judged, "feedback", verdict="REJECTED") <= 9
    assert moved(alerted, "alert") <= 18  # fourteen of them are the alert's own
    assert moved(ordered, "work-order") <= 26  # as above: the order's own, and its tasks'
