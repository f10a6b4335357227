"""Counting the fleet's closed faults, and reading them for a question."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiassist import fleet
from aiassist.grounding import question_for
from aiassist.learning import UNKNOWN
from aiassist.models import FleetCounts
from aiassist.tasks import count_fleet
from aiassist.tests.factories import make_analysis
from alerts.tests.factories import AlertFactory
from equipment.models import Equipment
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from workorders.models import WorkOrder
from workorders.tests.factories import order_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def machine() -> Equipment:
    category = CategoryFactory(code="AHU", name="Air handler")
    FailureModeFactory(category=category, code="AHU-BELT", name="Belt slips", keywords=["belt"])
    FailureModeFactory(category=category, code="AHU-FILTER", name="Filter clogged", keywords=["pressure drop"])
    return EquipmentFactory(category=category)


def closed(machine: Equipment, code: str, words: str, *, by: User, **fields: Any) -> WorkOrder:
    alert = AlertFactory(equipment=machine, title=words)
    order = order_in("COMPLETED", by=by, equipment=machine, alert=alert)
    mode = {"failure_mode": machine.category.failure_modes.get(code=code)} if code else {"no_failure_found": True}
    WorkOrder.objects.filter(pk=order.pk).update(**(mode | fields))
    return order


def test_it_counts_what_the_closed_faults_of_a_kind_were(machine: Equipment, tess: User) -> None:
    sister, stranger = EquipmentFactory(category=machine.category), EquipmentFactory()
    closed(machine, "AHU-BELT", "It chirps", by=tess)
    closed(sister, "AHU-BELT", "Chirping", by=tess)
    closed(sister, "", "It chirps", by=tess)
    order_in("IN_PROGRESS", by=tess, equipment=machine)
    order_in("COMPLETED", by=tess, equipment=stranger)

    assert count_fleet() == 1

    counts = FleetCounts.objects.get(category=machine.category)
    assert counts.closed == {"AHU-BELT": 2, UNKNOWN: 1}
    assert counts.terms == {"chirp": {"AHU-BELT": 2, UNKNOWN: 1}}


def test_a_question_carries_what_its_words_meant_before(machine: Equipment, tess: User) -> None:
    for words in ("It chirps, pressure drop", "Chirping, pressure drop", "Dust", "Dust"):
        closed(machine, "AHU-FILTER", words, by=tess)
    analysis = make_analysis(equipment=machine, description="The pressure drop is high")

    known = question_for(analysis, at=timezone.now()).fleet

    assert known is not None
    assert known.category == "Air handler"
    assert known.closed == {"AHU-FILTER": 4}
    assert known.terms == {"pressur drop": {"AHU-FILTER": 2}}


def test_it_is_counted_when_missing_and_then_read(
    machine: Equipment, tess: User, django_assert_num_queries: Any
) -> None:
    closed(machine, "AHU-BELT", "It chirps", by=tess)

    first = fleet.facts_for(machine.category, ["chirps"], at=timezone.now())
    closed(machine, "AHU-BELT", "It chirps", by=tess)
    with django_assert_num_queries(1):
        again = fleet.facts_for(machine.category, ["chirps"], at=timezone.now())

    assert first == again


def test_the_night_brings_it_up_to_date(machine: Equipment, tess: User) -> None:
    count_fleet()
    closed(machine, "AHU-BELT", "It chirps", by=tess)

    count_fleet()

    assert FleetCounts.objects.get(category=machine.category).closed == {"AHU-BELT": 1}


def test_what_was_closed_later_is_not_known_yet(machine: Equipment, tess: User) -> None:
    closed(machine, "AHU-BELT", "It chirps", by=tess)

    yesterday = fleet.count(machine.category, at=timezone.now() - timedelta(days=1))

    assert yesterday.closed == {}


def test_deleted_and_planned_work_teaches_nothing(machine: Equipment, tess: User) -> None:
    closed(machine, "AHU-BELT", "It chirps", by=tess, deleted_at=timezone.now())
    closed(machine, "AHU-BELT", "It chirps", by=tess, type="PREVENTIVE")

    assert fleet.count(machine.category, at=timezone.now()).closed == {}


def test_without_a_kind_there_is_no_experience() -> None:
    assert fleet.facts_for(None, ["chirps"], at=timezone.now()) is None
