"""The rule book on held-out history: what it is told, what it isn't, and how it is counted."""

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from aiassist import fleet
from aiassist.evaluation.history import held_out
from aiassist.evaluation.rulebook import Record, evaluate
from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from equipment.models import Equipment
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from telemetry.models import Reading
from telemetry.tests.factories import SeriesFactory
from workorders.models import WorkOrder
from workorders.tests.factories import order_in

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def machine() -> Equipment:
    category = CategoryFactory(code="AHU", name="Air handler")
    FailureModeFactory(category=category, code="AHU-BELT", name="Belt slips", keywords=["belt"])
    FailureModeFactory(category=category, code="AHU-FILTER", name="Filter clogged", keywords=["filter"])
    return EquipmentFactory(category=category)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def closed(machine: Equipment, code: str, words: str, *, days: float, by: User, hours: float = 2) -> WorkOrder:
    """Reported so many days ago, repaired `hours` later."""
    alert = AlertFactory(equipment=machine, title=words)
    Alert.objects.filter(pk=alert.pk).update(created_at=days_ago(days))
    order = order_in("COMPLETED", by=by, equipment=machine, alert=alert)
    Alert.objects.filter(pk=alert.pk).update(resolved_at=days_ago(days) + timedelta(hours=hours))
    mode = {"failure_mode": machine.category.failure_modes.get(code=code)} if code else {"no_failure_found": True}
    WorkOrder.objects.filter(pk=order.pk).update(
        created_at=days_ago(days), completed_at=days_ago(days) + timedelta(hours=hours), **mode
    )
    return order


def asked_since(machine: Equipment, days: float) -> list[Any]:
    known = fleet.learned(machine.category, at=days_ago(days))
    return list(held_out(machine.category, known, since=days_ago(days), most=100))


def test_it_learns_from_before_and_is_asked_about_after(machine: Equipment, tess: User) -> None:
    for number in range(9):
        closed(machine, "AHU-BELT", "It chirps", days=200 + number, by=tess)
        closed(EquipmentFactory(category=machine.category), "AHU-FILTER", "Dusty", days=200 + number, by=tess)
    closed(EquipmentFactory(category=machine.category), "AHU-BELT", "Chirping", days=3, by=tess)

    assert machine.category is not None
    found = evaluate([machine.category], since=days_ago(30), most=100)

    assert found.learned_from == 18
    assert {name: record.top(1).hits for name, record in found.records.items()} == {
        "rule book": 1,
        "without the fleet's history": 0,
        "keywords only": 0,
        "most frequent mode": 1,
    }
    assert found.records["keywords only"].abstained == 1


def test_what_was_closed_later_is_neither_learned_nor_this_machines_past(machine: Equipment, tess: User) -> None:
    closed(machine, "AHU-BELT", "It chirps", days=20, by=tess)
    closed(machine, "AHU-FILTER", "Dusty", days=10, by=tess)

    first, second = asked_since(machine, 30)

    assert first.question.fleet.closed == second.question.fleet.closed == {}
    assert [past.mode_code for past in first.question.past] == []
    assert [past.mode_code for past in second.question.past] == ["AHU-BELT"]
    assert (first.truth, second.truth) == ("AHU-BELT", "AHU-FILTER")


def test_it_hears_of_the_alerts_that_were_open_then(machine: Equipment, tess: User) -> None:
    closed(machine, "AHU-BELT", "Closed before", days=12, by=tess)
    closed(machine, "AHU-BELT", "Open meanwhile", days=10.5, by=tess, hours=24)
    closed(machine, "AHU-FILTER", "The one", days=10, by=tess)
    closed(machine, "AHU-FILTER", "Reported later", days=9.9, by=tess)

    one = next(case for case in asked_since(machine, 30) if case.question.description == "The one")

    assert [alert.title for alert in one.question.alerts] == ["The one", "Open meanwhile"]


def test_it_sees_the_readings_of_that_moment(machine: Equipment, tess: User) -> None:
    closed(machine, "AHU-FILTER", "The one", days=1, by=tess)
    series = SeriesFactory(equipment=machine)
    for days, value in ((3, 10.0), (1.2, 20.0), (0.5, 30.0)):
        Reading.objects.create(series=series, recorded_at=days_ago(days), value=value)

    (one,) = asked_since(machine, 30)

    assert [reading.value for reading in one.question.readings] == [20.0]


def test_a_fault_without_a_finding_counts_against_whoever_names_one() -> None:
    record = Record()
    record.add([("AHU-BELT", 0.8)], "")
    record.add([], "")

    assert (record.top(1).hits, record.top(1).n, record.abstained) == (0, 2, 1)
    assert record.judged == [(0.8, False)]


def test_the_figures_by_hand() -> None:
    record = Record()
    record.add([("A", 0.9)], "A")
    record.add([("A", 0.6), ("B", 0.3)], "B")
    record.add([("A", 0.5), ("C", 0.2)], "B")
    record.add([], "B")

    figures = record.as_json()

    assert (figures["top_1"]["hits"], figures["top_3"]["hits"], figures["abstained"]["hits"]) == (1, 2, 1)
    assert figures["right_when_answered"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert figures["mean_reciprocal_rank"]["value"] == pytest.approx((1 + 0.5) / 4)
    assert figures["brier"]["value"] == pytest.approx((0.01 + 0.36 + 0.25) / 3, abs=1e-4)


def test_the_command_prints_it(machine: Equipment, tess: User) -> None:
    closed(machine, "AHU-BELT", "The belt squeals", days=3, by=tess)

    text, figures = StringIO(), StringIO()
    call_command("evaluate_rulebook", since=days_ago(30), stdout=text)
    call_command("evaluate_rulebook", since=days_ago(30), json=True, stdout=figures)

    assert "first named is right      1.000 [0.207-1.000] (1/1)" in text.getvalue()
    assert json.loads(figures.getvalue())["asked"] == 1


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="2026-01-31"):
        call_command("evaluate_rulebook", "--since", "yesterday")
