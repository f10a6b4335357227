"""Beats and people at once, over real connections: one order for each due time."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.parallel import AtOnce
from faultreporter.accounts.models import User
from workorders.generation import generate_due
from workorders.models import MaintenancePlan, PlanOccurrence, WorkOrder
from workorders.tests.factories import PlanFactory, move

pytestmark = pytest.mark.django_db(transaction=True)
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


def test_of_many_beats_one_makes_the_order_of_each_plan(at_once: AtOnce) -> None:
    PlanFactory.create_batch(8, at=JANUARY)
    now = timezone.now()

    made = at_once([lambda: generate_due(at=now)] * 10)

    assert sum(made) == 8
    orders = WorkOrder.objects.all()
    assert {order.plan_id for order in orders} == set(MaintenancePlan.objects.values_list("pk", flat=True))
    assert len(orders) == 8
    assert PlanOccurrence.objects.filter(state="GENERATED").count() == 8


def test_a_beat_and_hands_make_one_order(at_once: AtOnce, api: Any, mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY)
    now = timezone.now()
    url = f"/api/v1/maintenance-plans/{plan.pk}/generate"

    answers = at_once([lambda: generate_due(at=now)] * 5 + [lambda: api(mona).post(url)] * 5)

    codes = Counter(answer.status_code for answer in answers[5:])
    assert sum(answers[:5]) + codes[200] == 1
    assert WorkOrder.objects.count() == 1


def test_completing_while_beats_run_makes_the_next_order_at_most_once(at_once: AtOnce, mona: User) -> None:
    plan = PlanFactory.create(at=JANUARY, rule="FREQ=DAILY", lead_days=5)
    generate_due(at=timezone.now())
    order = WorkOrder.objects.get()
    move(order, "assign", by=mona)
    move(order, "start", by=mona)
    later = timezone.now() + timedelta(seconds=30)

    def complete() -> int:
        WorkOrder.objects.get(pk=order.pk).complete(by=mona, at=timezone.now(), resolution="Done")
        return 0

    at_once([complete] + [lambda: generate_due(at=later)] * 8)
    generate_due(at=later)

    assert WorkOrder.objects.filter(plan=plan).unfinished().count() == 1
    assert WorkOrder.objects.filter(plan=plan).count() == 2
