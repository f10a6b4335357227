"""The demo building is what the README says it is."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count
from django.test import override_settings
from django.utils import timezone

from aiassist.manual_search import search
from aiassist.models import Analysis, Manual
from aiassist.outcomes import measure
from alerts.models import Alert
from analytics.models import EnergyConsumption
from equipment.models import Category, Equipment, StatusInterval, Team
from faultreporter.accounts.models import User
from faultreporter.demo import large
from faultreporter.demo.unusual import EVENTS
from faultreporter.notifications.models import Delivery, Notification
from faultreporter.webhooks.models import WebhookDelivery
from locations.models import Location
from telemetry.metering.meters import consumption_between
from telemetry.models import HandReading, Insight, LatestReading, Meter, Reading, Series
from workorders.attainment import attainment
from workorders.models import LabourEntry, Part, WorkOrder
from workorders.models.clocks import SLA_FIELDS
from workorders.workload import workload

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("demo")]


def test_not_in_production(settings: Any) -> None:
    settings.PRODUCTION = True

    for command in ("seed_demo", "seed_large"):
        with pytest.raises(CommandError, match="not for production"):
            call_command(command)


def test_not_into_somebody_elses_database(mona: User) -> None:
    with pytest.raises(CommandError, match="empty"):
        call_command("seed_demo")


@pytest.fixture(scope="module")
def told(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[Path]:
    """The story, told once for all tests below, and where its logins lie. What a test adds is gone after it."""
    state = tmp_path_factory.mktemp("state")
    folders = override_settings(STATE_DIR=state, MEDIA_ROOT=state / "media")
    with django_db_blocker.unblock(), folders, transaction.atomic():
        call_command("seed_demo", verbosity=0)
        yield state
        transaction.set_rollback(True)


def test_a_believable_building(told: Path) -> None:
    kinds = dict(Location.objects.values_list("kind").annotate(Count("pk")))
    assert (kinds["BUILDING"], kinds["FLOOR"]) == (3, 18)
    assert 140 <= kinds["ROOM"] <= 160
    assert 250 <= Equipment.objects.count() <= 350
    assert set(User.objects.values_list("role", flat=True)) == set(User.Role.values)
    assert_its_status_log_is_true()
    assert_its_orders_are_numbered_without_gaps()
    assert_the_chiller_alerted()
    assert_the_unusual_was_found()
    assert_its_books_are_true()
    assert_the_next_two_weeks_are_planned()
    assert_people_were_told()
    assert_its_meters_add_up()
    assert_some_dials_are_read_by_hand()
    assert_the_assistant_was_right_and_wrong()
    assert_the_handbook_speaks_of_the_chillers_fault()
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"SUCCEEDED", "DEAD"}
    assert Alert.objects.filter(source="PUBLIC").count() == 1
    assert Reading.objects.count() > 100_000
    assert LatestReading.objects.exists()


def assert_the_handbook_speaks_of_the_chillers_fault() -> None:
    manuals = Manual.objects.readable().about(category=Category.objects.get(code="CHILLER"))
    best, *_ = search(manuals, "High vibration at the compressor", most=3)
    assert best.page == 2
    assert "worn bearings" in best.excerpt


def assert_the_next_two_weeks_are_planned() -> None:
    """Three crews, and exactly one day of one person with more work than hours."""
    today, manager = timezone.localdate(), User.objects.filter(role=User.Role.MANAGER).order_by("pk")[0]
    plan = workload(viewer=manager, first=today, last=today + timedelta(days=13), at=timezone.now())
    assert Team.objects.count() == 3
    assert [day.overloaded for person in plan.people for day in person.days].count(True) == 1
    assert sum(person.orders for person in plan.people) > 60
    assert plan.unplanned_count > 5


def assert_its_status_log_is_true() -> None:
    down = set(StatusInterval.objects.open().filter(status="ERROR").values_list("equipment_id", flat=True))
    assert down == set(Equipment.objects.filter(status="ERROR").values_list("pk", flat=True))
    assert down


def assert_its_orders_are_numbered_without_gaps() -> None:
    per_year = Counter(number.split("-")[1] for number in WorkOrder.objects.values_list("number", flat=True))
    for year, count in per_year.items():
        last = WorkOrder.objects.filter(number__startswith=f"WO-{year}").order_by("number").last()
        assert last is not None
        assert last.number == f"WO-{year}-{count:06d}"


def assert_the_chiller_alerted() -> None:
    alert = Alert.objects.get(source="RULE")
    assert alert.title.startswith("Chiller vibrates")


def assert_the_unusual_was_found() -> None:
    """One insight an event, though none crossed a limit; nobody has looked at the newest."""
    found = Insight.objects.order_by("started_at").values_list("equipment__equipment_code", "series__metric__code")
    assert sorted(found) == sorted((event.code, event.metric) for event in EVENTS)
    assert Insight.objects.exclude(leader=None).count() == 1
    assert [insight.verdicts.decided for insight in Insight.objects.open()] == [0]


def assert_people_were_told() -> None:
    assert Notification.objects.unread().exists()
    assert Notification.objects.exclude(read_at=None).exists()
    assert not Notification.objects.unplanned().exists()
    assert set(Delivery.objects.values_list("channel", flat=True)) == {"PUSH", "EMAIL"}


def assert_its_meters_add_up() -> None:
    """What stands behind the main meter used less than it; the dial that was reset didn't use its reading."""
    top = Meter.objects.get(parent=None, utility="ELECTRICITY")
    edges = [timezone.now() - timedelta(days=30), timezone.now()]
    behind = [consumption_between(meter, edges).total or 0.0 for meter in top.submeters.all()]
    assert len(behind) == 3
    assert max(behind) < 1.2 * min(behind)
    assert sum(behind) < (consumption_between(top, edges).total or 0.0) < 2 * sum(behind)
    assert EnergyConsumption.objects.filter(computed_at__isnull=False, cost__gt=0).count() >= 4


def assert_some_dials_are_read_by_hand() -> None:
    due = Series.objects.with_staleness(timezone.now()).filter(read_by_hand=True)
    assert sorted(due.values_list("metric__code", "is_stale")) == [
        ("gas_volume", False),
        ("runtime", True),
        ("runtime", True),
    ]
    assert HandReading.objects.count() == 24
    assert not HandReading.objects.filter(is_confirmed=True).exists()


def assert_the_assistant_was_right_and_wrong() -> None:
    """Answers of the last weeks, most of them judged, and repairs that say which of them were right."""
    (rules,) = measure(Analysis.objects.filter(result__isnull=False))
    assert rules.source.provider == "RULEBOOK"
    assert rules.accepted.n >= 10
    assert 0 < rules.right.hits < rules.right.n == rules.answers


def assert_its_books_are_true() -> None:
    for part in Part.objects.all():
        assert part.stock == sum(movement.quantity for movement in part.movements.all())
    assert Part.objects.low().exists()
    assert LabourEntry.objects.running().count() == 1
    for order in WorkOrder.objects.order_by("?")[:40]:
        said = (order.labour_minutes, order.labour_cost, order.parts_cost, order.other_cost)
        order.recount()
        assert (order.labour_minutes, order.labour_cost, order.parts_cost, order.other_cost) == said
    repairs = WorkOrder.objects.filter(status="CLOSED", type="CORRECTIVE")
    assert not repairs.filter(failure_mechanism=None, no_failure_found=False).exists()


def test_it_is_told_once_and_keeps_the_logins(told: Path, settings: Any) -> None:
    settings.STATE_DIR = told
    first = (told / "demo.json").read_text()
    machines = Equipment.objects.count()

    call_command("seed_demo", verbosity=0)

    assert (told / "demo.json").read_text() == first
    assert Equipment.objects.count() == machines
    assert {user["role"] for user in json.loads(first)["users"]} == set(User.Role.values)
    assert (told / "demo.json").stat().st_mode & 0o077 == 0


def test_the_benchmark_fleet_in_small(told: Path) -> None:
    size = large.Size(machines=300, alerts=2_000, orders=1_000, sensors=5, samples=60)

    for step in large.steps(size):
        large.carry_out(step)

    fleet = Equipment.objects.filter(equipment_code__startswith="EQ-")
    assert fleet.count() == size.machines
    assert Reading.objects.filter(series__equipment__in=fleet).count() == 5 * 5 * 60
    assert_its_orders_are_of_every_kind_and_state(WorkOrder.objects.filter(equipment__in=fleet))


def assert_its_orders_are_of_every_kind_and_state(orders: Any) -> None:
    assert orders.count() == 1_000
    assert set(orders.values_list("equipment__category__code", flat=True)) == set(large.CATEGORIES)
    assert set(orders.values_list("status", flat=True)) == {"OPEN", "ASSIGNED", "IN_PROGRESS", "COMPLETED"}
    assert not orders.exclude(status="COMPLETED").filter(alert__status="RESOLVED").exists()
    assert not orders.filter(status="COMPLETED").exclude(alert__status="RESOLVED").exists()
    for priority in attainment(orders, at=timezone.now())["priorities"]:
        assert 0.5 < priority["response"]["attainment"] < 1
        assert 0.5 < priority["restore"]["attainment"] <= 1
    for order in orders.order_by("?")[:60]:
        assert_its_clocks_are_those_of_its_promise(order)


def assert_its_clocks_are_those_of_its_promise(order: WorkOrder) -> None:
    """As if it had been raised, started and completed by people, while beat watched."""
    kept = {name: getattr(order, name) for name in SLA_FIELDS}
    started_at, order.started_at = order.started_at, None
    completed_at, order.completed_at = order.completed_at, None
    for kind in ("response", "restore"):
        for fact in ("warned_at", "breached_at"):
            setattr(order, f"{kind}_{fact}", None)

    order.begin_clocks()
    for stop, at in (("started_at", started_at), ("completed_at", completed_at), ("", timezone.now())):
        if at is not None:
            while order.sla_next_at is not None and order.sla_next_at < at:
                order.note_clocks(at=order.sla_next_at + timedelta(microseconds=1))
            if stop:
                setattr(order, stop, at)
                order._set_next()

    assert {name: getattr(order, name) for name in SLA_FIELDS} == kept
