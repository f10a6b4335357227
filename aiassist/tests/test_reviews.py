"""What a person makes of an answer, and the alert or the order that comes of it."""

from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from aiassist.models import Analysis, AnalysisReview
from aiassist.reviews import (
    AnalysisHasAlert,
    AnalysisWithoutMachine,
    AnswerRejected,
    NotReviewable,
    ReviewSettled,
    draft_order,
    make_alert,
    make_order,
    review,
)
from aiassist.tests import answers
from aiassist.tests.factories import make_analysis, make_answered
from alerts.services import merge
from alerts.tests.factories import AlertFactory
from alerts.tests.parallel import AtOnce, at_once
from equipment.models import Equipment, FailureMode
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.errors import DomainError, ValidationFailed
from workorders.models import AlreadyConverted, LabourEntry, PartUse, WorkOrder
from workorders.tests.factories import PartFactory, move, order_in

__all__ = ["at_once"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def fan(db: None) -> Any:
    category = CategoryFactory.create(code="FAN", name="Fan")
    FailureModeFactory.create(category=category, code="BEARING", name="Bearing wear")
    FailureModeFactory.create(category=category, code="BELT", name="Belt slips")
    return EquipmentFactory.create(equipment_name="Fan 1", category=category, manufacturer="Ziehl", model="FN-50")


def mode(code: str) -> FailureMode:
    return FailureMode.objects.get(code=code)


def judge(analysis: Analysis, verdict: str, *, by: User, **said: Any) -> AnalysisReview:
    return review(analysis=analysis, by=by, at=timezone.now(), verdict=verdict, **said)


def alert_of(analysis: Analysis, *, by: User, **said: Any) -> Any:
    return make_alert(analysis=analysis, by=by, at=timezone.now(), **said)


def order_of(analysis: Analysis, *, by: User, **said: Any) -> WorkOrder:
    return make_order(analysis=analysis, by=by, at=timezone.now(), **said)


# The verdict ---------------------------------------------------------------------------------------------------------


def test_it_works(fan: Equipment, tess: User) -> None:
    analysis = make_answered(equipment=fan)

    judge(analysis, "EDITED", by=tess, failure_mode=mode("BELT"), note="The belt, I saw it.")

    stored = AnalysisReview.objects.get(analysis=analysis)
    assert (stored.verdict, stored.failure_mode, stored.reviewed_by) == ("EDITED", mode("BELT"), tess)


def test_one_may_change_ones_mind(fan: Equipment, tess: User, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    judge(analysis, "REJECTED", by=tess, note="Nonsense")

    judge(analysis, "ACCEPTED", by=mona)

    stored = AnalysisReview.objects.get(analysis=analysis)
    assert (stored.verdict, stored.note, stored.reviewed_by) == ("ACCEPTED", "", mona)


def test_saying_the_same_again_changes_nothing(fan: Equipment, tess: User, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    first = judge(analysis, "ACCEPTED", by=tess)
    alert_of(analysis, by=tess)

    again = judge(analysis, "ACCEPTED", by=mona)

    assert (again.pk, again.reviewed_by) == (first.pk, tess)


def test_the_verdict_stands_once_something_was_made_of_it(fan: Equipment, tess: User) -> None:
    analysis = make_answered(equipment=fan)
    alert, _ = alert_of(analysis, by=tess)

    with pytest.raises(ReviewSettled) as refusal:
        judge(analysis, "REJECTED", by=tess)

    assert refusal.value.meta == {"alert_id": str(alert.pk), "work_order_id": None}


@pytest.mark.parametrize(
    ("verdict", "said"), [("ACCEPTED", {"severity": "LOW"}), ("EDITED", {}), ("EDITED", {"note": "Hm"})]
)
def test_a_verdict_and_its_changes_must_agree(fan: Equipment, tess: User, verdict: str, said: dict[str, str]) -> None:
    with pytest.raises(ValidationFailed):
        judge(make_answered(equipment=fan), verdict, by=tess, **said)


def test_a_mode_of_another_kind_of_machine_is_refused(fan: Equipment, tess: User) -> None:
    with pytest.raises(ValidationFailed):
        judge(make_answered(equipment=fan), "EDITED", by=tess, failure_mode=FailureModeFactory.create())


def test_what_has_no_answer_cannot_be_judged(fan: Equipment, tess: User) -> None:
    waiting = make_analysis(equipment=fan)

    for act in (partial(judge, waiting, "ACCEPTED"), partial(alert_of, waiting), partial(order_of, waiting)):
        with pytest.raises(NotReviewable):
            act(by=tess)


# An alert of it ------------------------------------------------------------------------------------------------------


def test_an_alert_carries_photo_and_words(fan: Equipment, tess: User) -> None:
    photo = make_attachment(by=tess)
    analysis = make_answered(equipment=fan, images=(photo,), description="It grinds")

    alert, is_new = alert_of(analysis, by=tess)

    analysis.refresh_from_db()
    assert is_new
    assert (alert.source, alert.title, alert.severity, alert.equipment) == ("AI", "Bearing worn", "HIGH", fan)
    assert alert.description == "It grinds\n\nThe fan runs, but its bearing is worn."
    assert list(alert.attachments.all()) == [photo]
    assert (alert.reported_by, analysis.alert, analysis.review.alert) == (tess, alert, alert)
    assert (analysis.review.verdict, analysis.review.reviewed_by) == ("ACCEPTED", tess)


def test_another_severity_is_an_edited_answer(fan: Equipment, tess: User) -> None:
    analysis = make_answered(equipment=fan)

    alert, _ = alert_of(analysis, by=tess, severity="LOW")

    stored = AnalysisReview.objects.get(analysis=analysis)
    assert (alert.severity, stored.verdict, stored.severity) == ("LOW", "EDITED", "LOW")


def test_an_edited_mode_names_the_alert(fan: Equipment, tess: User) -> None:
    analysis = make_answered(equipment=fan)
    judge(analysis, "EDITED", by=tess, failure_mode=mode("BELT"))

    alert, _ = alert_of(analysis, by=tess)

    assert alert.title == "Belt slips"


def test_the_same_fault_twice_counts_on_one_alert(fan: Equipment, tess: User) -> None:
    first, _ = alert_of(make_answered(equipment=fan), by=tess)

    again, is_new = alert_of(make_answered(equipment=fan), by=tess)

    assert (again.pk, is_new, again.occurrences) == (first.pk, False, 2)


def test_an_analysis_of_an_alert_makes_no_second_one(fan: Equipment, tess: User) -> None:
    alert = AlertFactory.create(equipment=fan)

    with pytest.raises(AnalysisHasAlert) as refusal:
        alert_of(make_answered(equipment=fan, alert=alert), by=tess)

    assert refusal.value.meta == {"alert_id": str(alert.pk)}


def test_nothing_is_made_of_a_rejected_answer(fan: Equipment, tess: User) -> None:
    analysis = make_answered(equipment=fan)
    judge(analysis, "REJECTED", by=tess)

    for act in (alert_of, order_of):
        with pytest.raises(AnswerRejected):
            act(analysis, by=tess)


def test_a_question_without_a_machine_leads_to_nothing(tess: User) -> None:
    analysis = make_answered(equipment_type="Fan")

    for act in (alert_of, order_of):
        with pytest.raises(AnalysisWithoutMachine):
            act(analysis, by=tess)
    assert not AnalysisReview.objects.exists()


# An order of it ------------------------------------------------------------------------------------------------------


def test_an_order_is_raised_from_the_draft(fan: Equipment, mona: User) -> None:
    photo = make_attachment(by=mona)
    analysis = make_answered(equipment=fan, images=(photo,))

    order = order_of(analysis, by=mona)

    assert (order.title, order.priority, order.type, order.equipment) == ("Bearing worn", "HIGH", "CORRECTIVE", fan)
    assert "Photo: Grease on the housing" in order.description
    assert "OPENAI gpt-x, confidence 72 %" in order.description
    assert [task.title for task in order.tasks.all()] == [
        "Isolate the machine, lock it out, and prove that it is dead.",
        "Replace the bearing.",
    ]
    assert list(order.attachments.all()) == [photo]
    stored = AnalysisReview.objects.get(analysis=analysis)
    assert (stored.verdict, stored.work_order, stored.reviewed_by) == ("ACCEPTED", order, mona)


def test_an_order_for_an_alert_belongs_to_it(fan: Equipment, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)

    order = order_of(make_answered(equipment=fan, alert=alert), by=mona, title="Mend it", priority="LOW")

    alert.refresh_from_db()
    assert (order.alert, order.title, order.priority) == (alert, "Mend it", "LOW")
    assert alert.status == "ACKNOWLEDGED"


def test_an_order_for_a_merged_alert_belongs_to_the_one_that_stands(fan: Equipment, mona: User) -> None:
    alert, other = AlertFactory.create(equipment=fan), AlertFactory.create(equipment=fan)
    analysis = make_answered(equipment=fan, alert=alert)
    merge(into=other, alert_ids=[alert.pk], by=mona, at=timezone.now())

    assert order_of(analysis, by=mona).alert == other


def test_a_second_order_names_the_first(fan: Equipment, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    order = order_of(analysis, by=mona)

    with pytest.raises(AlreadyConverted) as refusal:
        order_of(analysis, by=mona)

    assert refusal.value.meta["work_order_id"] == str(order.pk)


def test_a_cancelled_order_makes_room_for_another(fan: Equipment, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    move(order_of(analysis, by=mona), "cancel", by=mona)

    assert order_of(analysis, by=mona).status == "OPEN"


# The draft -----------------------------------------------------------------------------------------------------------


def repaired(machine: Equipment, *, by: User, minutes: int, parts: dict[Any, str]) -> None:
    """A bearing replaced on the machine."""
    order = order_in("IN_PROGRESS", by=by, equipment=machine)
    for part, quantity in parts.items():
        PartUse.take(order=order, by=by, at=timezone.now(), part=part, quantity=Decimal(quantity))
    LabourEntry.log(order=order, person=by, by=by, at=timezone.now(), minutes=minutes)
    move(order, "complete", by=by, failure_mode=mode("BEARING"))


def test_the_draft_says_what_such_repairs_took(fan: Equipment, mona: User) -> None:
    alike = EquipmentFactory.create(category=fan.category, manufacturer="Ziehl", model="FN-50")
    other = EquipmentFactory.create(category=fan.category, manufacturer="Ziehl", model="FN-90")
    bearing, grease = PartFactory.create(number="6205", stock=20), PartFactory.create(number="LGMT", stock=20)
    repaired(fan, by=mona, minutes=60, parts={bearing: "2", grease: "1"})
    repaired(alike, by=mona, minutes=90, parts={bearing: "1"})
    repaired(other, by=mona, minutes=999, parts={grease: "9"})

    draft = draft_order(analysis=make_answered(equipment=fan))

    took = draft.experience
    assert (took.repairs, took.minutes, took.repairs_with_minutes) == (2, 75, 2)
    assert [(p.number, p.repairs, p.quantity) for p in took.parts] == [("6205", 2, Decimal("1.5")), ("LGMT", 1, 1)]
    assert "6205 Bearing 6205 (in 2 of 2)" in draft.description
    assert draft.fields()["estimated_minutes"] == 75


def test_without_such_repairs_the_draft_claims_nothing(fan: Equipment) -> None:
    draft = draft_order(analysis=make_answered(equipment=fan))

    assert (draft.experience.repairs, draft.experience.minutes, draft.experience.parts) == (0, None, ())


def test_safety_comes_first(fan: Equipment) -> None:
    steps = [
        {"action": "Clean the cover.", "priority": "LOW", "requires_isolation": False},
        {"action": "Replace the fuse.", "priority": "HIGH", "requires_isolation": True},
    ]
    said = answers.answer(recommendations=steps, safety_warnings=["Live parts behind the cover."])

    draft = draft_order(analysis=make_answered(equipment=fan, answer=said))

    assert [task.title for task in draft.tasks] == [
        "Live parts behind the cover.",
        "Isolate the machine, lock it out, and prove that it is dead.",
        "Clean the cover.",
        "Replace the fuse.",
    ]
    assert draft.tasks[1].instructions == "Replace the fuse."


def test_a_long_step_keeps_all_its_words(fan: Equipment) -> None:
    action = "Replace the bearing and its seal. " * 20
    step = {"action": action, "priority": "LOW", "requires_isolation": False}

    (task,) = draft_order(analysis=make_answered(equipment=fan, answer=answers.answer(recommendations=[step]))).tasks

    assert len(task.title) <= 200
    assert task.instructions == action


def test_an_answer_that_found_nothing_still_makes_an_order(fan: Equipment, mona: User) -> None:
    order = order_of(make_answered(equipment=fan, answer=answers.answer(issues=[])), by=mona)

    assert order.title == "The fan runs, but its bearing is worn."


# Two at once ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_are_one(at_once: AtOnce, fan: Equipment, mona: User, tess: User) -> None:
    analysis = make_answered(equipment=fan)

    done = at_once([lambda by=by: outcome(partial(order_of, analysis, by=by)) for by in (mona, tess)])

    assert sorted(done) == ["ALREADY_CONVERTED", "done"]
    assert WorkOrder.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_the_later_counts(at_once: AtOnce, fan: Equipment, mona: User, tess: User) -> None:
    analysis = make_answered(equipment=fan)
    verdicts = [partial(judge, analysis, "ACCEPTED", by=mona), partial(judge, analysis, "REJECTED", by=tess)]

    done = at_once([lambda act=act: outcome(act) for act in verdicts])

    assert done == ["done", "done"]
    stored = AnalysisReview.objects.get(analysis=analysis)
    assert (stored.verdict, stored.reviewed_by) in [("ACCEPTED", mona), ("REJECTED", tess)]


@pytest.mark.django_db(transaction=True)
def test_a_verdict_and_an_order_at_once_never_contradict(
    at_once: AtOnce, fan: Equipment, mona: User, tess: User
) -> None:
    analysis = make_answered(equipment=fan)
    acts = [partial(order_of, analysis, by=mona), partial(judge, analysis, "REJECTED", by=tess)]

    done = at_once([lambda act=act: outcome(act) for act in acts])

    stored = AnalysisReview.objects.get(analysis=analysis)
    assert sorted(done) in [["ANSWER_REJECTED", "done"], ["REVIEW_SETTLED", "done"]]
    assert (stored.verdict == "REJECTED") == (stored.work_order is None)


def outcome(act: Any) -> str:
    try:
        act()
    except DomainError as error:
        return error.code
    return "done"
