"""Promises on orders: what is promised, what changes it, who is told, and how lists and statistics show it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.parallel import AtOnce
from alerts.tests.test_budgets import cost
from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.testing import assert_error
from locations.models import BusinessCalendar
from locations.tests.factories import LocationFactory, SiteMembershipFactory
from workorders.models import HoldReason, SlaPolicy, WorkOrder
from workorders.services import load_promises, note_some_clocks
from workorders.sla import ClockKind, ClockState
from workorders.tests.factories import WorkOrderFactory, move, order_in

pytestmark = pytest.mark.django_db

URL = "/api/v1/work-orders"
POLICIES = "/api/v1/sla-policies"
NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
RESPONSE, RESTORE = ClockKind.RESPONSE, ClockKind.RESTORE


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def promise(**fields: Any) -> SlaPolicy:
    """An hour to begin and four to mend, around the clock."""
    usual = {"priority": "HIGH", "response_minutes": 60, "restore_minutes": 240, "counting": "AROUND_THE_CLOCK"}
    return SlaPolicy.add(by=None, **{**usual, **fields})


def raised(*, at: datetime = NOON, **fields: Any) -> WorkOrder:
    order: WorkOrder = WorkOrderFactory.create(**{"priority": "HIGH", "at": at, **fields})
    return order


def begun(tess: User, *, at: datetime = NOON, **fields: Any) -> WorkOrder:
    order = raised(at=at, **fields)
    order.assign(to=tess, by=tess, at=at)
    order.start(by=tess, at=at + minutes(10))
    return order


@pytest.fixture
def parts(db: None) -> HoldReason:
    return HoldReason.objects.create(code="WAITING_PARTS", name="Waiting for parts", pauses_sla=True)


def kinds(order: WorkOrder) -> list[str]:
    return [event.kind for event in order.events.filter(kind__startswith="SLA_").order_by("created_at")]


def test_an_order_is_promised_what_its_priority_says() -> None:
    promise()

    assert (raised().response_due_at, raised().restore_due_at) == (NOON + minutes(60), NOON + minutes(240))
    assert raised(priority="LOW").terms is None
    assert raised(type="PREVENTIVE").terms is None


def test_a_site_has_targets_of_its_own() -> None:
    site = LocationFactory.create()
    promise()
    promise(site=site, response_minutes=15)
    there = EquipmentFactory.create(location=LocationFactory.create(kind="BUILDING", parent=site))

    assert raised(equipment=there).response_due_at == NOON + minutes(15)
    assert raised().response_due_at == NOON + minutes(60)


def test_editing_a_policy_or_a_calendar_changes_no_promise() -> None:
    calendar = BusinessCalendar.add(by=None, name="Office", is_default=True)
    policy = promise(counting="BUSINESS_HOURS")
    order = raised()
    promised = order.terms

    policy.change(by=None, response_minutes=5)
    calendar.change(by=None, weekly_hours={"SUN": [["10:00", "11:00"]]})
    order.refresh_from_db()

    assert order.terms == promised
    assert raised().terms != promised


def test_a_higher_priority_counts_from_the_raising_but_is_due_no_sooner_than_now(mona: User) -> None:
    promise()
    promise(priority="CRITICAL", response_minutes=30, restore_minutes=120)
    order = raised()

    order.change(by=mona, at=NOON + minutes(45), priority="CRITICAL")

    assert (order.response_due_at, order.restore_due_at) == (NOON + minutes(45), NOON + minutes(120))


def test_another_type_ends_the_promise(mona: User) -> None:
    promise()
    order = raised()

    order.change(by=mona, at=NOON, type="INSPECTION")

    assert (order.terms, order.response_due_at, order.sla_next_at) == (None, None, None)


def test_a_missed_promise_stays_missed_whatever_the_priority(mona: User) -> None:
    promise()
    promise(priority="LOW", response_minutes=1000, restore_minutes=2000)
    order = raised()
    note_some_clocks(at=NOON + minutes(61))

    order.refresh_from_db()
    order.change(by=mona, at=NOON + minutes(70), priority="LOW")

    assert order.response_breached_at == NOON + minutes(60)
    assert order.restore_due_at == NOON + minutes(2000)


def test_a_hold_for_a_reason_that_does_not_pause_changes_nothing(tess: User) -> None:
    promise()
    lunch = HoldReason.objects.create(code="LUNCH", name="Lunch")
    order, other = begun(tess), begun(tess)

    order.hold(by=tess, at=NOON + minutes(60), reason="Lunch", why=lunch)
    other.hold(by=tess, at=NOON + minutes(60), reason="Gone fishing")

    assert {order.restore_due_at, other.restore_due_at} == {NOON + minutes(240)}
    assert order.clock_state(RESTORE, at=NOON + minutes(90)) is ClockState.RUNNING
    assert not order.pauses.exists()


def test_cancelling_ends_the_promise(tess: User, parts: HoldReason) -> None:
    promise()
    order = begun(tess)
    order.hold(by=tess, at=NOON + minutes(20), reason="Seal", why=parts)

    order.cancel(by=tess, at=NOON + minutes(30), reason="Ordered twice")

    assert (order.terms, order.restore_due_at, order.sla_next_at, order.held_for) == (None, None, None, None)
    assert note_some_clocks(at=NOON + minutes(9999)) == 0


def test_a_phone_that_was_offline_takes_a_breach_back(tess: User) -> None:
    promise()
    order = begun(tess)
    note_some_clocks(at=NOON + minutes(300))
    order.refresh_from_db()
    assert order.restore_breached_at == NOON + minutes(240)

    order.complete(by=tess, at=NOON + minutes(240), resolution="Was done on time")

    assert order.clock_state(RESTORE, at=NOON + minutes(301)) is ClockState.MET
    assert kinds(order) == ["SLA_BREACHED", "SLA_WITHDRAWN"]


def test_so_does_a_hold_that_came_before_it(tess: User, parts: HoldReason) -> None:
    promise()
    order = begun(tess)
    note_some_clocks(at=NOON + minutes(300))

    order.hold(by=tess, at=NOON + minutes(200), reason="Seal", why=parts)
    order.resume(by=tess, at=NOON + minutes(400))

    assert (order.restore_breached_at, order.restore_due_at) == (None, NOON + minutes(440))
    assert note_some_clocks(at=NOON + minutes(441)) == 1


def test_each_thing_is_said_once_and_a_late_sweep_skips_the_warning(tess: User) -> None:
    promise()
    order = begun(tess)

    for late in (100, 181, 185, 241, 241, 999):
        note_some_clocks(at=NOON + minutes(late))
    other = begun(tess)
    note_some_clocks(at=NOON + minutes(999))

    assert kinds(order) == ["SLA_AT_RISK", "SLA_BREACHED"]
    assert kinds(other) == ["SLA_BREACHED"]


def test_the_assignee_and_the_managers_of_the_site_are_told(tess: User, mona: User, olga: User, adam: User) -> None:
    promise()
    site = LocationFactory.create(open_to_all=False)
    SiteMembershipFactory.create(user=tess, site=site)
    stranger = User.objects.create(email="m2@example.org", display_name="Max", role="MANAGER")
    SiteMembershipFactory.create(user=mona, site=site)
    order = begun(tess, equipment=EquipmentFactory.create(location=site))

    note_some_clocks(at=NOON + minutes(190))
    note_some_clocks(at=NOON + minutes(250))
    note_some_clocks(at=NOON + minutes(260))

    told = Counter(Notification.objects.filter(subject_id=str(order.pk)).values_list("user__display_name", "kind"))
    assert told == {(name, kind): 1 for name in ("Tess", "Mona") for kind in ("SLA_AT_RISK", "SLA_BREACHED")}
    assert not Notification.objects.filter(user=stranger).exists()


def test_what_a_sweep_has_to_do_does_not_grow_with_what_is_quiet(django_assert_num_queries: Any) -> None:
    promise()
    for _ in range(5):
        raised()

    with django_assert_num_queries(3):  # the claim, between two savepoints
        note_some_clocks(at=NOON)


@pytest.mark.django_db(transaction=True)
def test_of_many_sweeps_at_once_each_breach_is_written_once(at_once: AtOnce, mona: User) -> None:
    promise()
    orders = [raised() for _ in range(10)]

    at_once([lambda: note_some_clocks(at=NOON + minutes(61))] * 8)
    note_some_clocks(at=NOON + minutes(61))  # what was claimed by another is done by now

    assert [kinds(order) for order in orders] == [["SLA_BREACHED"]] * 10
    assert Notification.objects.filter(user=mona).count() == 10


def test_who_gave_a_due_time_said_when_it_is_overdue(tess: User) -> None:
    promise()
    late, early, none = raised(), raised(due_at=NOON + minutes(100)), raised(due_at=NOON + minutes(999))
    at = NOON + minutes(241)

    assert [order.is_overdue(at) for order in (late, early, none)] == [True, True, False]
    assert set(WorkOrder.objects.overdue(at)) == {late, early}


def test_the_hold_move_takes_a_reason_code(api: Any, tess: User, parts: HoldReason) -> None:
    promise()
    order = order_in("IN_PROGRESS", by=tess, priority="HIGH")

    unknown = api(tess).post(f"{URL}/{order.pk}/hold", {"reason": "Seal", "reason_code": "MOON"}, format="json")
    held = api(tess).post(f"{URL}/{order.pk}/hold", {"reason": "Seal", "reason_code": "waiting_parts"}, format="json")

    assert_error(unknown, 400, "VALIDATION_ERROR", field="reason_code")
    data = held.json()["data"]
    assert (data["hold_reason"], data["sla_state"], data["sla"]["restore"]["state"]) == ("Seal", "PAUSED", "PAUSED")
    assert data["sla"]["pauses"][0]["reason_code"] == "WAITING_PARTS"


def test_lists_show_and_filter_the_clocks(api: Any, tess: User, parts: HoldReason) -> None:
    promise()
    now = timezone.now()
    quiet, risky, late = (raised(at=now - minutes(age)) for age in (5, 50, 70))
    waiting = begun(tess, at=now - minutes(200))
    waiting.hold(by=tess, at=now - minutes(100), reason="Seal", why=parts)
    raised(priority="LOW")

    def found(**query: str) -> dict[str, str]:
        return {one["id"]: one["sla_state"] for one in api(tess).get(URL, query).json()["data"]}

    assert found(sla="at_risk") == {str(risky.pk): "AT_RISK"}
    assert found(sla="breached,paused") == {str(late.pk): "BREACHED", str(waiting.pk): "PAUSED"}
    assert found()[str(quiet.pk)] == "RUNNING"
    assert list(found(ordering="response_due_at", sla="at_risk,breached")) == [str(late.pk), str(risky.pk)]
    assert_error(api(tess).get(URL, {"sla": "sleepy"}), 400, "INVALID_PARAMETER")


def test_attainment_by_priority(api: Any, tess: User, mona: User) -> None:
    promise()
    now = timezone.now()
    met, late = begun(tess, at=now - minutes(30)), begun(tess, at=now - minutes(400))
    met.complete(by=tess, at=now, resolution="Done")
    late.complete(by=tess, at=now, resolution="Done")
    raised(at=now - minutes(90))
    begun(tess, at=now - minutes(20)).cancel(by=tess, at=now, reason="Twice")
    begun(tess, at=now - timedelta(days=40))

    answer = api(mona).get(f"{URL}/sla-stats").json()["data"]
    older = api(mona).get(f"{URL}/sla-stats", {"created_after": "2020-01-01T00:00:00Z"}).json()["data"]

    critical, high, *_rest = answer["priorities"]
    assert critical["restore"] == {"met": 0, "breached": 0, "running": 0, "attainment": None}
    assert high["response"] == {"met": 2, "breached": 1, "running": 0, "attainment": 0.6667}
    assert high["restore"] == {"met": 1, "breached": 1, "running": 1, "attainment": 0.5}
    assert older["priorities"][1]["restore"]["breached"] == 2


def test_costs_stay_within_the_budget_with_a_promise(
    api: Any, mona: User, machine_in_a_room: Equipment, django_assert_max_num_queries: Any
) -> None:
    BusinessCalendar.add(by=None, name="Office", is_default=True, holidays=[{"date": NOON.date(), "name": "Rest"}])
    promise(counting="BUSINESS_HOURS")
    body = {"equipment_id": str(machine_in_a_room.pk), "title": "Look at it", "priority": "HIGH"}

    assert cost(lambda: api(mona).post(URL, body, format="json")) <= 8
    order = WorkOrder.objects.get()
    assert order.response_due_at is not None
    assert cost(lambda: api(mona).get(URL)) <= 4
    move(order, "assign", by=mona)
    move(order, "start", by=mona)
    assert cost(lambda: api(mona).get(f"{URL}/{order.pk}")) <= 5


@pytest.fixture
def machine_in_a_room(db: None) -> Equipment:
    machine: Equipment = EquipmentFactory.create(location=LocationFactory.create(room=True))
    return machine


def test_a_manager_edits_policies_and_what_makes_no_sense_is_refused(api: Any, mona: User, tess: User) -> None:
    body = {"priority": "high", "response_minutes": 60, "restore_minutes": 240}
    made = api(mona).post(POLICIES, body, format="json")
    room = LocationFactory.create(room=True)

    assert (made.status_code, made.json()["data"]["counting"]) == (201, "BUSINESS_HOURS")
    assert_error(api(tess).post(POLICIES, body, format="json"), 403, "PERMISSION_DENIED")
    assert_error(api(mona).post(POLICIES, body, format="json"), 409, "DUPLICATE")
    assert_error(api(mona).post(POLICIES, {"priority": "LOW"}, format="json"), 400, "VALIDATION_ERROR")
    not_a_site = {**body, "site_id": str(room.pk)}
    assert_error(api(mona).post(POLICIES, not_a_site, format="json"), 400, "VALIDATION_ERROR", field="site_id")
    of_site = api(mona).post(POLICIES, {**body, "site_id": str(room.site_id)}, format="json")
    assert of_site.status_code == 201
    assert len(api(tess).get(POLICIES, {"site_id": str(room.site_id)}).json()["data"]) == 1


def test_policies_of_a_hidden_site_are_out_of_sight(api: Any, olga: User) -> None:
    hidden = promise(site=LocationFactory.create(open_to_all=False))

    assert api(olga).get(POLICIES).json()["data"] == []
    assert_error(api(olga).get(f"{POLICIES}/{hidden.pk}"), 404, "NOT_FOUND")


def test_a_manager_edits_hold_reasons(api: Any, mona: User) -> None:
    made = api(mona).post("/api/v1/hold-reasons", {"code": "STRIKE", "name": "Strike", "pauses_sla": True})
    again = api(mona).post("/api/v1/hold-reasons", {"code": "STRIKE", "name": "Strike"})

    assert made.status_code == 201
    assert_error(again, 409, "DUPLICATE", field="code")


def test_the_promises_to_begin_with_are_added_once() -> None:
    assert load_promises() == 11
    SlaPolicy.objects.get(priority="LOW").soft_delete(by=None, at=NOON)
    HoldReason.objects.filter(code="BREAK").update(name="Siesta")

    assert load_promises() == 0
    assert HoldReason.objects.get(code="BREAK").name == "Siesta"
