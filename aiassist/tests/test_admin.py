from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from aiassist import pipeline
from aiassist.admin.findings import REASONS
from aiassist.answer import ReviewReason
from aiassist.models import Analysis, AnalysisAttempt, Manual
from aiassist.tests.answers import answer, issue
from aiassist.tests.factories import make_analysis
from alerts.tests.factories import AlertFactory
from equipment.models import TechnicalDiagram
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.attachments.tests.pictures import PDF
from locations.tests.factories import LocationFactory
from telemetry.tests.factories import SeriesFactory
from workorders.tests.factories import WorkOrderFactory

pytestmark = pytest.mark.django_db
BackOffice = Callable[[User], Client]
URL = "/admin/aiassist/analysis/"


def answered(result: dict[str, Any], **fields: Any) -> Analysis:
    """An analysis that somebody has answered like this."""
    photos = fields.pop("images", ())
    question = {name: fields.pop(name) for name in ("equipment", "alert") if name in fields}
    made = make_analysis(images=photos, **question)
    found = {"status": "SUCCEEDED", "stage": "DONE", "finished_at": timezone.now(), "provider": "OPENAI"}
    rest = {"result": result, "severity": "HIGH", "confidence": 0.7}
    Analysis.objects.filter(pk=made.pk).update(**{**found, **rest, **fields})
    made.refresh_from_db()
    return made


def page_of(browser: Client, analysis: Analysis) -> str:
    return browser.get(f"{URL}{analysis.pk}/change/").content.decode()


def test_the_page_shows_photo_answer_and_attempts(backoffice: BackOffice, mona: User) -> None:
    category = CategoryFactory.create()
    FailureModeFactory.create(category=category, name="Bearing wear", keywords=["grind"])
    photo = make_attachment()
    analysis = make_analysis(equipment=EquipmentFactory.create(category=category), images=(photo,))
    pipeline.run(analysis.pk)

    page = page_of(backoffice(mona), analysis)

    assert f"/admin/attachments/attachment/{photo.pk}/file" in page
    assert "Bearing wear" in page
    assert "rulebook-" in page
    assert "Nobody looked at the photo" in page


def test_an_issue_is_drawn_where_it_is_seen(backoffice: BackOffice, mona: User) -> None:
    issues = [issue(), issue(region={"x": 0.5, "y": 0.25, "width": 0.9, "height": 0.25}), issue(region=None)]
    analysis = answered(answer(issues=issues), images=(make_attachment(),))

    page = page_of(backoffice(mona), analysis)

    assert '<rect x="10.00%" y="20.00%" width="30.00%" height="40.00%"' in page
    assert '<rect x="50.00%" y="25.00%" width="50.00%" height="25.00%"' in page  # cut off at the edge
    assert ('href="#issue-1"' in page, 'href="#region-1"' in page, "region-3" in page) == (True, True, False)
    assert "<script>" not in page


def test_evidence_leads_to_what_it_names(backoffice: BackOffice, mona: User) -> None:
    series = SeriesFactory.create()
    machine = series.equipment
    alert, order = AlertFactory.create(equipment=machine), WorkOrderFactory.create(equipment=machine)
    drawing = TechnicalDiagram.add(equipment=machine, title="Wiring", attachment=make_attachment(), by=mona)
    named = {
        "ALERT": str(alert.pk), "READING": series.metric.code, "HISTORY": order.number, "DIAGRAM": f"{drawing.pk}#2",
    }  # fmt: skip
    evidence = [{"kind": kind, "text": "Says so", "reference": reference} for kind, reference in named.items()]
    analysis = answered(answer(issues=[issue(evidence=evidence)]), equipment=machine)

    page = page_of(backoffice(mona), analysis)

    for path in (
        f"alerts/alert/{alert.pk}", f"telemetry/series/{series.pk}", f"workorders/workorder/{order.pk}",
        f"equipment/technicaldiagram/{drawing.pk}",
    ):  # fmt: skip
        assert f'href="/admin/{path}/change/"' in page, path
    assert "Wiring (v1), page 2" in page


def test_a_manual_opens_at_the_page_that_is_cited(backoffice: BackOffice, mona: User) -> None:
    paper = make_attachment(content=PDF, name="fan.pdf")
    manual = Manual.objects.create(category=CategoryFactory.create(), title="Fans FN-50", attachment=paper)
    evidence = [{"kind": "MANUAL", "text": "Bearings last 20,000 h", "reference": f"{manual.pk}#12"}]

    page = page_of(backoffice(mona), answered(answer(issues=[issue(evidence=evidence)])))

    assert f'href="/admin/attachments/attachment/{paper.pk}/file#page=12"' in page
    assert "Fans FN-50, page 12" in page


def test_every_reason_has_its_words() -> None:
    assert set(ReviewReason) <= REASONS.keys()


def test_evidence_of_a_hidden_site_and_made_up_ids_stay_words(backoffice: BackOffice, mona: User) -> None:
    hidden = AlertFactory.create(equipment=EquipmentFactory.create(location=LocationFactory.create(restricted=True)))
    evidence = [{"kind": "ALERT", "text": "Says so", "reference": ref} for ref in (str(hidden.pk), "the one of today")]
    analysis = answered(answer(issues=[issue(evidence=evidence)]))

    page = page_of(backoffice(mona), analysis)

    assert str(hidden.pk) not in page
    assert page.count("Says so") == 2


def test_reasons_and_dropped_citations_are_told_in_words(backoffice: BackOffice, mona: User) -> None:
    reasons = ["SAFETY", "INSTRUCTIONS_FOUND"]
    analysis = answered(answer(), needs_review=True, review_reasons=reasons, dropped_citations=2)

    page = page_of(backoffice(mona), analysis)

    assert "Somebody could get hurt" in page
    assert "carries instructions" in page
    assert "2 pieces of evidence named things that don't exist" in page


def test_the_ledger_says_what_each_call_cost(backoffice: BackOffice, mona: User) -> None:
    analysis, now = answered(answer()), timezone.now()
    called: dict[str, Any] = {"analysis": analysis, "provider": "OPENAI", "started_at": now, "finished_at": now}
    counted = {"input_tokens": 4211, "cached_tokens": 1024, "output_tokens": 811, "cost_micro_usd": 12_230}
    AnalysisAttempt.objects.create(number=1, outcome="INVALID", error_message="issues: missing", **counted, **called)
    AnalysisAttempt.objects.create(number=2, outcome="ANSWERED", kind="REPAIR", **counted, **called)

    page = page_of(backoffice(mona), analysis)

    for words in ("issues: missing", "4,211 (1,024) / 811", "0.0122 USD", "0.0245 USD", "Correction of an unusable"):
        assert words in page, words


@pytest.mark.parametrize(("status", "asks_again"), [("PENDING", True), ("FAILED", False)])
def test_the_page_looks_again_until_it_is_done(
    backoffice: BackOffice, mona: User, status: str, asks_again: bool
) -> None:
    analysis = make_analysis()
    if status == "FAILED":
        Analysis.objects.filter(pk=analysis.pk).update(
            status=status, finished_at=timezone.now(), failure_message="It declines"
        )

    page = page_of(backoffice(mona), analysis)

    assert ("data-running" in page) is ('http-equiv="refresh"' in page) is asks_again
    assert ("It declines" in page) is not asks_again


def test_words_of_strangers_stay_words(backoffice: BackOffice, mona: User) -> None:
    script = "<script>alert(1)</script>"
    analysis = answered(answer(condition=script, issues=[issue(title=script)]), images=(make_attachment(),))
    Analysis.objects.filter(pk=analysis.pk).update(description=script)

    page = page_of(backoffice(mona), analysis)

    assert script not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3


def test_the_list_is_read_only(backoffice: BackOffice, adam: User) -> None:
    make_analysis()

    assert backoffice(adam).get(URL).status_code == 200
    assert backoffice(adam).get(f"{URL}add/").status_code == 403


def test_the_page_stays_within_its_budget(
    backoffice: BackOffice, mona: User, django_assert_max_num_queries: Any
) -> None:
    references = ("ALERT", "READING", "HISTORY", "MANUAL", "DIAGRAM")
    evidence = [{"kind": kind, "text": "Says so", "reference": str(mona.pk)} for kind in references]
    series = SeriesFactory.create()
    issues = [issue(evidence=evidence)] * 8
    analysis = answered(answer(issues=issues), equipment=series.equipment, images=(make_attachment(),))
    browser = backoffice(mona)

    with django_assert_max_num_queries(30):
        browser.get(f"{URL}{analysis.pk}/change/")


def test_a_question_is_taken_back(backoffice: BackOffice, mona: User) -> None:
    analysis, browser = make_analysis(), backoffice(mona)
    url = f"{URL}{analysis.pk}/cancel/"

    assert url in page_of(browser, analysis)
    assert browser.get(url).status_code == 405
    browser.post(url)

    assert "Mona stopped it" in page_of(browser, analysis)
    assert "nothing left to cancel" in browser.post(url, follow=True).content.decode()
