from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory, SiteMembershipFactory
from telemetry.models import Detector, Insight
from telemetry.tests.factories import DetectorFactory, InsightFactory, MetricFactory, SeriesFactory

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
Browse = Callable[[User], Any]
INSIGHTS, DETECTORS = "/api/v1/iot-insights", "/api/v1/iot-detectors"


@pytest.fixture
def insight() -> Insight:
    return InsightFactory.create()


def ids(response: Any) -> set[str]:
    assert response.status_code == 200, response.json()
    return {row["id"] for row in response.json()["data"]}


def test_it_works(api: Api, tess: User, insight: Insight) -> None:
    [row] = api(tess).get(INSIGHTS).json()["data"]
    assert row["summary"] == "Temperature reached 95 °C; 20 to 30 °C was usual."
    assert (row["state"], row["kind"], row["my_verdict"]) == ("SHOWN", "RUNNING_Z", None)

    said = api(tess).post(f"{INSIGHTS}/{insight.pk}/feedback", {"verdict": "useful", "note": "Filter was clogged"})

    assert said.status_code == 200
    assert said.json()["data"]["verdicts"] == {"useful": 1, "false_alarms": 0, "known": 0}
    assert api(tess).get(f"{INSIGHTS}/{insight.pk}").json()["data"]["my_verdict"] == "USEFUL"


def test_a_verdict_can_be_changed_and_is_audited(api: Api, tess: User, mona: User, insight: Insight) -> None:
    for person, verdict in ((tess, "USEFUL"), (mona, "KNOWN"), (tess, "FALSE_ALARM")):
        answer = api(person).post(f"{INSIGHTS}/{insight.pk}/feedback", {"verdict": verdict})

    assert answer.json()["data"]["verdicts"] == {"useful": 0, "false_alarms": 1, "known": 1}
    assert AuditLog.objects.filter(entity_type="iot_insight_feedback").count() == 3


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "VALIDATION_ERROR", "verdict"),
        ({"verdict": "MAYBE"}, "VALIDATION_ERROR", "verdict"),
        ({"verdict": "USEFUL", "note": "x" * 501}, "VALIDATION_ERROR", "note"),
        ({"verdict": "USEFUL", "stars": 5}, "UNKNOWN_FIELD", "stars"),
    ],
)
def test_bad_feedback_is_refused(
    api: Api, tess: User, insight: Insight, body: dict[str, Any], code: str, field: str
) -> None:
    assert_error(api(tess).post(f"{INSIGHTS}/{insight.pk}/feedback", body), 400, code, field)


def test_technicians_see_what_is_shown_and_managers_everything(api: Api, tess: User, mona: User, rita: User) -> None:
    shown, hidden, over = (InsightFactory.create(state=state) for state in ("SHOWN", "SHADOW", "OVER_BUDGET"))

    assert ids(api(tess).get(INSIGHTS)) == {str(shown.pk)}
    assert ids(api(mona).get(INSIGHTS)) == {str(one.pk) for one in (shown, hidden, over)}
    assert_error(api(tess).get(f"{INSIGHTS}/{hidden.pk}"), 404, "NOT_FOUND")
    assert_error(api(tess).post(f"{INSIGHTS}/{hidden.pk}/feedback", {"verdict": "USEFUL"}), 404, "NOT_FOUND")
    assert_error(api(rita).get(INSIGHTS), 403, "PERMISSION_DENIED")


def test_a_restricted_site_and_a_deleted_machine_are_out_of_sight(api: Api, tess: User, olga: User, mona: User) -> None:
    site = LocationFactory.create(restricted=True)
    SiteMembershipFactory.create(user=tess, site=site)
    there = InsightFactory.create(series__equipment=EquipmentFactory.create(location=site))
    gone = InsightFactory.create()
    gone.equipment.soft_delete(by=mona, at=timezone.now())

    assert ids(api(tess).get(INSIGHTS)) == {str(there.pk)}
    assert ids(api(olga).get(INSIGHTS)) == set()


def test_the_detail_names_the_others_of_the_group(api: Api, tess: User, insight: Insight) -> None:
    vibration = SeriesFactory.create(equipment=insight.equipment, metric=MetricFactory.create(vibration=True))
    member = InsightFactory.create(series=vibration, leader=insight)

    of_leader, of_member = (api(tess).get(f"{INSIGHTS}/{one.pk}").json()["data"] for one in (insight, member))
    assert ([row["id"] for row in of_leader["group"]], of_leader["group_id"]) == ([str(member.pk)], str(insight.pk))
    assert ([row["metric"] for row in of_member["group"]], of_member["group_id"]) == (["temperature"], str(insight.pk))
    assert ids(api(tess).get(INSIGHTS, {"group_id": str(insight.pk)})) == {str(insight.pk), str(member.pk)}
    assert ids(api(tess).get(INSIGHTS, {"is_leading": "true"})) == {str(insight.pk)}


def test_the_list_is_filtered_searched_and_ordered(api: Api, mona: User) -> None:
    weak = InsightFactory.create(peak_score=7, ended_at=None)
    strong = InsightFactory.create(peak_score=70, state="SHADOW", started_at=timezone.now() - timedelta(days=3))
    strong.give_feedback(by=mona, verdict="USEFUL")

    def found(**query: Any) -> list[str]:
        return [row["id"] for row in api(mona).get(INSIGHTS, query).json()["data"]]

    assert found(ordering="-peak_score") == [str(strong.pk), str(weak.pk)]
    assert found(is_open="true") == found(state="shown") == found(kind="running_z", is_open="true") == [str(weak.pk)]
    assert found(state="shadow") == found(verdict="useful,known") == [str(strong.pk)]
    assert found(equipment_id=str(weak.equipment_id)) == found(search=weak.equipment.equipment_code) == [str(weak.pk)]
    assert found(series_id=weak.series_id) == found(started_after=timezone.now() - timedelta(days=1)) == [str(weak.pk)]
    assert found(metric="vibration") == []


def test_lists_and_details_cost_a_fixed_number_of_queries(
    api: Api, mona: User, django_assert_max_num_queries: Any
) -> None:
    for _number in range(5):
        InsightFactory.create().give_feedback(by=mona, verdict="USEFUL")
    client, one = api(mona), Insight.objects.latest("created_at")
    client.get(INSIGHTS)

    with django_assert_max_num_queries(4):
        client.get(INSIGHTS)
    with django_assert_max_num_queries(5):
        client.get(f"{INSIGHTS}/{one.pk}")
    with django_assert_max_num_queries(4):
        client.get(DETECTORS)


def test_a_manager_switches_a_detector_to_shown(api: Api, mona: User, tess: User) -> None:
    detector = DetectorFactory.create()

    changed = api(mona).put(f"{DETECTORS}/{detector.pk}", {"visibility": "SHOWN"})

    assert (changed.status_code, changed.json()["data"]["visibility"]) == (200, "SHOWN")
    assert AuditLog.objects.filter(entity_type="iot_detectors", action="UPDATE").exists()
    assert_error(api(tess).get(DETECTORS), 403, "PERMISSION_DENIED")


def test_the_switch_shows_what_people_said(api: Api, mona: User) -> None:
    detector = InsightFactory.create().detector
    for verdict in ["USEFUL"] * 8 + ["FALSE_ALARM"] * 2 + ["KNOWN"]:
        InsightFactory.create(detector=detector).give_feedback(by=mona, verdict=verdict)

    row = api(mona).get(f"{DETECTORS}/{detector.pk}").json()["data"]

    assert (row["insight_count"], row["feedback"]["precision"], row["feedback"]["known"]) == (12, 0.8, 1)
    assert row["feedback"]["summary"] == "8 of 10 useful (49 to 94 %)"


def test_a_few_verdicts_give_no_share(api: Api, mona: User) -> None:
    insight = InsightFactory.create()
    insight.give_feedback(by=mona, verdict="USEFUL")

    feedback = api(mona).get(f"{DETECTORS}/{insight.detector_id}").json()["data"]["feedback"]

    assert (feedback["is_enough"], feedback["precision"]) == (False, None)
    assert feedback["summary"] == "1 verdict, too few to say"


def test_a_category_may_have_its_own_detector_once(api: Api, mona: User) -> None:
    body = {"metric": MetricFactory.create().code, "category_id": str(CategoryFactory.create().pk)}

    created = api(mona).post(DETECTORS, body)
    assert (created.status_code, created.json()["data"]["visibility"]) == (201, "SHADOW")
    assert_error(api(mona).post(DETECTORS, body), 409, "DUPLICATE")
    changed = api(mona).put(f"{DETECTORS}/{created.json()['data']['id']}", {"kind": "RELATIVE_ENTROPY"})
    assert_error(changed, 400, "VALIDATION_ERROR", "kind")
    assert api(mona).delete(f"{DETECTORS}/{created.json()['data']['id']}").status_code == 204


def test_the_back_office_shows_insights_and_takes_verdicts(
    backoffice: Browse, mona: User, insight: Insight, django_assert_max_num_queries: Any
) -> None:
    browser = backoffice(mona)
    for path in ("insight", f"insight/{insight.pk}/change", "detector", f"detector/{insight.detector_id}/change"):
        with django_assert_max_num_queries(30):
            assert browser.get(f"/admin/telemetry/{path}/").status_code == 200

    browser.post("/admin/telemetry/insight/", {"action": "say_useful", "_selected_action": [str(insight.pk)]})
    browser.post(
        f"/admin/telemetry/detector/{insight.detector_id}/change/", {"is_enabled": "on", "visibility": "SHOWN"}
    )

    assert insight.feedback.get().verdict == "USEFUL"
    assert Detector.objects.get().visibility == "SHOWN"


def test_a_verdict_with_a_note_is_given_on_the_insights_page(backoffice: Browse, mona: User, insight: Insight) -> None:
    browser = backoffice(mona)

    form = browser.get(f"/admin/telemetry/insight/{insight.pk}/judge/").content.decode()
    sent = {"action": "judge", "_selected_action": [str(insight.pk)], "confirmed": "yes"}
    browser.post("/admin/telemetry/insight/", {**sent, "verdict": "KNOWN", "note": "Filters were changed"})

    assert "Known already" in form
    said = insight.feedback.get()
    assert (said.verdict, said.note, said.user) == ("KNOWN", "Filters were changed", mona)


def test_empty_pages_say_what_to_do(backoffice: Browse, mona: User) -> None:
    assert "Nothing unusual was found yet" in backoffice(mona).get("/admin/telemetry/insight/").content.decode()
    assert "Every gauge gets a detector" in backoffice(mona).get("/admin/telemetry/detector/").content.decode()
