"""The review queue in the back office: what is in it, in which order, and where a verdict leads."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiassist.models import Analysis, AnalysisReview
from aiassist.tests.answers import answer
from aiassist.tests.factories import make_analysis, make_answered
from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.audit.models import AuditLog
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder

pytestmark = pytest.mark.django_db
QUEUE = "/admin/aiassist/analysis/review/"


@pytest.fixture
def browser(backoffice: Any, mona: User) -> Any:
    return backoffice(mona)


def doubtful(**fields: Any) -> Analysis:
    fields.setdefault("equipment", EquipmentFactory.create())
    return make_answered(needs_review=True, **fields)


def judge(browser: Any, analysis: Analysis, verdict: str, **said: Any) -> Any:
    return browser.post(f"{QUEUE}{analysis.pk}/", {"verdict": verdict, **said})


def words(answer: Any) -> str:
    return str(answer.content.decode())


def listed(browser: Any, query: str = "") -> list[Any]:
    return [line["analysis"].pk for line in browser.get(QUEUE + query).context["lines"]]


def test_the_worst_comes_first_and_of_equal_ones_the_oldest(browser: Any) -> None:
    now = timezone.now()
    low = doubtful(severity="LOW", at=now - timedelta(days=3))
    newer = doubtful(severity="CRITICAL")
    older = doubtful(severity="CRITICAL", at=now - timedelta(days=2))

    assert listed(browser) == [older.pk, newer.pk, low.pk]


def test_what_is_judged_sure_or_unanswered_does_not_wait(browser: Any, mona: User) -> None:
    AnalysisReview.objects.create(analysis=doubtful(), verdict="ACCEPTED", reviewed_by=mona, reviewed_at=timezone.now())
    sure = make_answered(equipment=EquipmentFactory.create())
    make_analysis()

    assert listed(browser) == []
    assert "Nothing waits for a review" in words(browser.get(QUEUE))
    assert listed(browser, "?scope=all") == [sure.pk]


def test_the_queue_of_one_site_and_never_of_a_hidden_one(browser: Any) -> None:
    here, there = LocationFactory.create(), LocationFactory.create()
    wanted = doubtful(equipment=EquipmentFactory.create(location=here))
    doubtful(equipment=EquipmentFactory.create(location=there))
    doubtful(equipment=EquipmentFactory.create(location=LocationFactory.create(restricted=True)))

    assert listed(browser, f"?site={here.pk}") == [wanted.pk]
    assert len(listed(browser)) == 2
    assert len(listed(browser, "?site=nonsense")) == 2


def test_the_menu_counts_what_waits(browser: Any) -> None:
    doubtful(), doubtful()

    groups = browser.get(QUEUE).context["sidebar_navigation"]

    badges = [entry["badge"] for group in groups for entry in group["items"] if entry.get("badge")]
    assert badges == ["2"]


def test_a_verdict_is_kept_audited_and_leads_to_the_next_one(browser: Any, mona: User) -> None:
    first, second = doubtful(severity="CRITICAL"), doubtful(severity="LOW")

    after = judge(browser, first, "ACCEPTED", note="I saw it")

    said = AnalysisReview.objects.get(analysis=first)
    assert (said.verdict, said.reviewed_by, said.note) == ("ACCEPTED", mona, "I saw it")
    assert AuditLog.objects.filter(entity_type="ai_reviews", actor_id=mona.pk, source="ADMIN").exists()
    assert after.url == f"{QUEUE}{second.pk}/"
    assert judge(browser, second, "REJECTED").url == QUEUE


def test_what_was_passed_over_comes_round_again(browser: Any) -> None:
    first, second = doubtful(severity="CRITICAL"), doubtful(severity="LOW")

    assert browser.get(f"{QUEUE}{first.pk}/").context["next_url"] == f"{QUEUE}{second.pk}/"
    assert browser.get(f"{QUEUE}{second.pk}/").context["next_url"] == f"{QUEUE}{first.pk}/"


def test_one_says_what_is_right_instead(browser: Any) -> None:
    category = CategoryFactory.create()
    mode = FailureModeFactory.create(category=category)
    other = FailureModeFactory.create(category=CategoryFactory.create(), name="Of other machines")
    analysis = doubtful(equipment=EquipmentFactory.create(category=category))

    judge(browser, analysis, "EDITED", failure_mode=str(mode.pk), severity="LOW")

    said = AnalysisReview.objects.get(analysis=analysis)
    assert (said.verdict, said.failure_mode, said.severity) == ("EDITED", mode, "LOW")
    assert str(other.pk) not in words(browser.get(f"{QUEUE}{analysis.pk}/"))


@pytest.mark.parametrize(
    ("verdict", "said", "refusal"),
    [("EDITED", {}, "Say what is right"), ("ACCEPTED", {"severity": "LOW"}, "say EDITED"), ("", {}, "Say whether")],
)
def test_a_refusal_is_told_and_changes_nothing(browser: Any, verdict: str, said: dict[str, str], refusal: str) -> None:
    analysis = doubtful()

    page = judge(browser, analysis, verdict, **said)

    assert refusal in words(page)
    assert not AnalysisReview.objects.exists()


def test_a_question_without_an_answer_cannot_be_judged(browser: Any) -> None:
    assert browser.get(f"{QUEUE}{make_analysis().pk}/").status_code == 404


def test_an_alert_is_made_only_once_it_is_confirmed(browser: Any, mona: User) -> None:
    analysis = doubtful(images=(make_attachment(),))
    url = f"{QUEUE}{analysis.pk}/alert/"

    page = words(browser.get(url))
    assert ("What will happen" in page, "The photo comes along" in page) == (True, True)
    assert not Alert.objects.exists()

    browser.post(url, {"title": "Bearing worn", "severity": "CRITICAL", "description": "", "equipment_down": "on"})

    alert, said = Alert.objects.get(), AnalysisReview.objects.get()
    assert (alert.title, alert.severity, alert.reported_by) == ("Bearing worn", "CRITICAL", mona)
    assert (said.alert, said.verdict, said.reviewed_by) == (alert, "EDITED", mona)
    assert "belongs to the alert" in words(browser.post(url, {"title": "Again", "severity": "LOW"}))


def test_an_order_is_drafted_changed_and_raised(browser: Any) -> None:
    machine = EquipmentFactory.create()
    analysis = doubtful(equipment=machine, alert=AlertFactory.create(equipment=machine))
    url = f"{QUEUE}{analysis.pk}/order/"
    drafted = browser.get(url).context["form"]
    lines = [form.initial for form in drafted.tasks.forms if form.initial]
    tasks = {f"tasks-{n}-{name}": value for n, line in enumerate(lines) for name, value in line.items()}
    counts = {"tasks-TOTAL_FORMS": len(lines) + 1, "tasks-INITIAL_FORMS": len(lines)}
    more = {"tasks-0-title": "", f"tasks-{len(lines)}-title": "Take a photo"}

    browser.post(url, {**drafted.initial, "estimated_minutes": "", "priority": "LOW", **counts, **tasks, **more})

    order = WorkOrder.objects.get()
    titles = list(order.tasks.order_by("position").values_list("title", flat=True))
    assert (order.priority, order.alert, order.title) == ("LOW", analysis.alert, "Bearing worn")
    assert titles == [*(line["title"] for line in lines[1:]), "Take a photo"]
    page = words(browser.get(f"{QUEUE}{analysis.pk}/"))
    assert (order.number in page, url in page) == (True, False)
    assert "made of it already" in words(browser.post(url, {"title": "x", "priority": "LOW", **counts}))


def test_an_answer_about_no_machine_becomes_nothing(browser: Any) -> None:
    analysis = make_answered(needs_review=True, equipment_type="A pump")

    page = words(browser.get(f"{QUEUE}{analysis.pk}/order/", follow=True))

    assert "names no machine" in page


def test_only_managers_come_here(backoffice: Any, tess: User) -> None:
    assert backoffice(tess).get(QUEUE).status_code == 302


def test_the_pages_stay_within_their_budget(browser: Any, django_assert_max_num_queries: Any) -> None:
    rows = [doubtful(images=(make_attachment(),), answer=answer()) for _number in range(4)]

    for path in ("", f"{rows[0].pk}/", f"{rows[0].pk}/alert/", f"{rows[0].pk}/order/"):
        with django_assert_max_num_queries(30):
            assert browser.get(QUEUE + path).status_code == 200
