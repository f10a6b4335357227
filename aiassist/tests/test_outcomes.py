"""What turned out to be wrong with the machines that were asked about."""

from typing import Any

import pytest
from django.utils import timezone

from aiassist.models import Analysis
from aiassist.outcomes import Truth, truths
from aiassist.reviews import make_order, review
from aiassist.tests.factories import make_answered
from aiassist.tests.repairs import make_fan, mode, repair
from alerts.services import merge
from alerts.tests.factories import AlertFactory
from faultreporter.accounts.models import User
from workorders.models import WorkOrder, WorkOrderRelation
from workorders.services import raise_work_order
from workorders.tests.factories import WorkOrderFactory, move

pytestmark = pytest.mark.django_db
ALL = Analysis.objects.all


@pytest.fixture
def fan(db: None) -> Any:
    return make_fan()


def order_for(alert: Any, *, by: User) -> WorkOrder:
    return raise_work_order(alert=alert, by=by, at=timezone.now())


def truth_of(analysis: Analysis) -> Truth | None:
    return truths(ALL()).get(analysis.pk)


def test_nobody_knows_before_the_repair(fan: Any, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)
    analysis = make_answered(equipment=fan, alert=alert)
    order_for(alert, by=mona)

    assert truth_of(analysis) is None


def test_the_order_of_its_alert_tells(fan: Any, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)
    analysis = make_answered(equipment=fan, alert=alert)

    order = repair(order_for(alert, by=mona), by=mona, failure_mode=mode("BELT"))

    assert truth_of(analysis) == Truth("BELT", None, order.pk, order.number)


def test_the_order_made_of_it_tells(fan: Any, mona: User) -> None:
    analysis = make_answered(equipment=fan)

    order = repair(make_order(analysis=analysis, by=mona, at=timezone.now()), by=mona, failure_mode=mode("BELT"))

    assert truth_of(analysis) == Truth("BELT", None, order.pk, order.number)


def test_no_failure_found_means_nothing_was_wrong(fan: Any, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)
    analysis = make_answered(equipment=fan, alert=alert)

    order = repair(order_for(alert, by=mona), by=mona, no_failure_found=True)

    assert truth_of(analysis) == Truth(None, None, order.pk, order.number)


def test_an_order_that_says_nothing_of_the_fault_tells_nothing(fan: Any, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)
    analysis = make_answered(equipment=fan, alert=alert)

    repair(order_for(alert, by=mona), by=mona)

    assert truth_of(analysis) is None


def test_the_order_of_the_alert_that_stands_tells_for_a_merged_one(fan: Any, mona: User) -> None:
    merged, between, standing = AlertFactory.create_batch(3, equipment=fan)
    analysis = make_answered(equipment=fan, alert=merged)
    for into, duplicate in ((between, merged), (standing, between)):
        merge(into=into, alert_ids=[duplicate.pk], by=mona, at=timezone.now())

    order = repair(order_for(standing, by=mona), by=mona, failure_mode=mode("BELT"))

    assert truth_of(analysis) == Truth("BELT", None, order.pk, order.number)


def test_the_order_that_another_was_the_duplicate_of_tells(fan: Any, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    twice = make_order(analysis=analysis, by=mona, at=timezone.now())
    real = WorkOrderFactory.create(equipment=fan)
    WorkOrderRelation.add(order=twice, kind="DUPLICATE_OF", other=real, by=mona, at=timezone.now())

    repair(real, by=mona, failure_mode=mode("BELT"))

    assert truth_of(analysis) == Truth("BELT", None, real.pk, real.number)


def test_a_reviewer_tells_until_an_order_does(fan: Any, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)
    analysis = make_answered(equipment=fan, alert=alert)
    review(analysis=analysis, by=mona, at=timezone.now(), verdict="EDITED", failure_mode=mode("BELT"))

    assert truth_of(analysis) == Truth("BELT", None, None, None)

    order = repair(order_for(alert, by=mona), by=mona, failure_mode=mode("BEARING"))
    assert truth_of(analysis) == Truth("BEARING", None, order.pk, order.number)


def test_an_accepted_answer_is_not_a_true_one(fan: Any, mona: User) -> None:
    analysis = make_answered(equipment=fan)
    review(analysis=analysis, by=mona, at=timezone.now(), verdict="ACCEPTED")

    assert truth_of(analysis) is None


def test_a_repair_before_the_question_tells_nothing(fan: Any, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)
    repair(order_for(alert, by=mona), by=mona, failure_mode=mode("BELT"))

    assert truth_of(make_answered(equipment=fan, alert=alert, at=timezone.now())) is None


def test_the_last_repair_has_the_last_word(fan: Any, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)
    analysis = make_answered(equipment=fan, alert=alert)
    repair(order_for(alert, by=mona), by=mona, failure_mode=mode("BELT"))
    alert.reopen(by=mona, at=timezone.now(), reason="It grinds again")

    last = repair(order_for(alert, by=mona), by=mona, failure_mode=mode("BEARING"))

    assert truth_of(analysis) == Truth("BEARING", None, last.pk, last.number)


def test_work_sent_back_tells_nothing_any_more(fan: Any, mona: User) -> None:
    alert = AlertFactory.create(equipment=fan)
    analysis = make_answered(equipment=fan, alert=alert)
    order = repair(order_for(alert, by=mona), by=mona, failure_mode=mode("BELT"))

    move(order, "reopen", by=mona)

    assert truth_of(analysis) is None
