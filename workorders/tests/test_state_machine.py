"""Alerts and work orders driven at random: whatever people and sensors do in whatever order, the record stays true."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from alerts import escalation, services
from alerts.models import Alert, AlertEscalation, AlertEvent
from alerts.tests.factories import make_rule
from alerts.tests.policies import make_policy
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.audit.models import AuditLog
from faultreporter.errors import DomainError
from faultreporter.roles import Role
from faultreporter.testing import make_person
from workorders.models import WorkOrder, WorkOrderEvent
from workorders.services import raise_work_order

SEVERITIES = st.sampled_from(Alert.Severity.values)
WHICH = st.integers(0, 9)
LATE = st.sampled_from([0, 0, 0, 3, 45])  # how many minutes ago a phone says it was
ALERT_MOVES: dict[str, dict[str, Any]] = {
    "acknowledge": {},
    "resolve": {},
    "dismiss": {},
    "reopen": {"reason": "Back"},
    "soft_delete": {},
    "restore": {},
}
ORDER_MOVES: dict[str, dict[str, Any]] = {
    "start": {},
    "hold": {"reason": "Waiting"},
    "resume": {},
    "complete": {"resolution": "Done"},
    "close": {"no_failure_found": True},
    "reopen": {"reason": "Not done"},
    "cancel": {"reason": "Twice"},
    "soft_delete": {},
    "restore": {},
}


# Raising an order for an alert also acknowledges it, dropping the order takes that back.
BY_ITSELF = {("OPEN", "ACKNOWLEDGED"), ("ACKNOWLEDGED", "OPEN")}


def statuses(record: Alert | WorkOrder) -> list[tuple[str | None, str]]:
    """From what to what its status went, by the audit log."""
    entries = AuditLog.objects.filter(entity_id=str(record.pk), changes__has_key="status").order_by("id")
    return [tuple(entry.changes["status"]) for entry in entries]


def in_order(times: list[datetime | None]) -> None:
    known = [time for time in times if time is not None]
    assert known == sorted(known)


class Maintenance(RuleBasedStateMachine):
    """One machine with one rule, everything that can happen to it, and what must hold after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = transaction.atomic()
        self.whole.__enter__()
        self.at = datetime(2026, 1, 1, tzinfo=UTC)
        self.people = [make_person(role.title(), role) for role in Role.values]
        self.tess = next(person for person in self.people if person.role == Role.TECHNICIAN)
        self.machine = EquipmentFactory.create(at=self.at)
        self.rule, self.series = make_rule(self.machine)
        make_policy(remind_after_minutes=30)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.whole.__exit__(None, None, None)

    def attempt(self, act: Callable[..., Any], *, by: int = 0, late: int = 0, **fields: Any) -> bool:
        """The move is made and written on a timeline, or refused with a reason and nothing has changed."""
        self.at += timedelta(minutes=7)
        before = self.events()
        try:
            with transaction.atomic():
                act(by=self.people[by % len(self.people)], at=self.at - timedelta(minutes=late), **fields)
        except DomainError:
            assert self.events() == before
            return False
        return True

    def attempt_and_retry(self, act: Callable[..., Any], **fields: Any) -> None:
        """A phone that lost the answer sends again: what was done is not done twice."""
        if self.attempt(act, **fields):
            made = self.events()
            self.attempt(act, **fields)
            assert self.events() == made

    @staticmethod
    def events() -> int:
        return AlertEvent.objects.count() + WorkOrderEvent.objects.count()

    @rule(title=st.sampled_from(["Drips", "Hums"]), severity=SEVERITIES, late=st.integers(0, 60))
    def somebody_reports(self, title: str, severity: str, late: int) -> None:
        occurred_at = self.at - timedelta(minutes=late)
        machine = Equipment.objects.get(pk=self.machine.pk)
        self.attempt(services.report_fault, equipment=machine, title=title, severity=severity, occurred_at=occurred_at)

    @rule()
    def the_rule_fires(self) -> None:
        self.at += timedelta(minutes=1)
        facts: dict[str, Any] = {"value": 9.9, "because": "Too high", "version": 1}
        services.raise_for_rule(rule=self.rule, series=self.series, at=self.at, **facts)

    @rule()
    def the_rule_clears(self) -> None:
        self.at += timedelta(minutes=1)
        services.clear_for_rule(rule=self.rule, series=self.series, at=self.at)

    @rule(minutes=st.integers(1, 60))
    def time_passes(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)
        escalation.sweep(at=self.at)

    @rule(which=WHICH, move=st.sampled_from(sorted(ALERT_MOVES)), by=WHICH, late=LATE)
    def somebody_moves_an_alert(self, which: int, move: str, by: int, late: int) -> None:
        alerts = list(Alert.objects.order_by("-id")[:10])
        if alerts:
            self.attempt_and_retry(getattr(alerts[which % len(alerts)], move), by=by, late=late, **ALERT_MOVES[move])

    @rule(which=WHICH, other=WHICH, by=WHICH)
    def somebody_merges_two_alerts(self, which: int, other: int, by: int) -> None:
        alerts = list(Alert.objects.living().order_by("-id")[:10])
        if alerts:
            into, duplicate = alerts[which % len(alerts)], alerts[other % len(alerts)]
            self.attempt_and_retry(services.merge, into=into, alert_ids=[duplicate.pk], by=by)

    @rule(which=WHICH, down=st.booleans())
    def somebody_corrects_an_alert(self, which: int, down: bool) -> None:
        alerts = list(Alert.objects.living().order_by("-id")[:10])
        if alerts:
            self.attempt(alerts[which % len(alerts)].change, equipment_down=down)

    @rule(which=WHICH)
    def somebody_converts_an_alert(self, which: int) -> None:
        alerts = list(Alert.objects.order_by("-id")[:10])
        if alerts:
            self.attempt(lambda by, at: raise_work_order(alert=alerts[which % len(alerts)], by=by, at=at))

    @rule(kind=st.sampled_from(WorkOrder.Type.values))
    def somebody_plans_work(self, kind: str) -> None:
        self.attempt(WorkOrder.add, equipment=self.machine, title="Planned", type=kind)

    @rule(which=WHICH)
    def somebody_assigns_work(self, which: int) -> None:
        orders = list(WorkOrder.objects.order_by("-id")[:10])
        if orders:
            self.attempt(orders[which % len(orders)].assign, to=self.tess)

    @rule(which=WHICH, move=st.sampled_from(sorted(ORDER_MOVES)), by=WHICH, late=LATE)
    def somebody_moves_work(self, which: int, move: str, by: int, late: int) -> None:
        orders = list(WorkOrder.objects.order_by("-id")[:10])
        if orders:
            self.attempt_and_retry(getattr(orders[which % len(orders)], move), by=by, late=late, **ORDER_MOVES[move])

    @rule(status=st.sampled_from(Equipment.Status.values))
    def somebody_sets_the_status(self, status: str) -> None:
        machine = Equipment.objects.get(pk=self.machine.pk)
        self.attempt(lambda by, at: machine.set_status(status=status, by=by, at=at, reason=""))

    @invariant()
    def the_machine_shows_its_worst_open_interval(self) -> None:
        held = set(StatusInterval.objects.filter(ended_at=None).values_list("status", flat=True))
        worst = next((status for status in Equipment.WORST_FIRST if status in held), Equipment.Status.ONLINE)
        assert Equipment.objects.get(pk=self.machine.pk).status == worst

    @invariant()
    def every_open_interval_is_held_by_whom_it_says(self) -> None:
        holding = Q(downtime_released_at=None)
        for interval in StatusInterval.objects.all():
            holders = interval.alerts.filter(holding).count() + interval.workorders.filter(holding).count()
            assert interval.holders == holders + interval.held_by_hand
            assert (interval.ended_at is None) == (interval.holders > 0)

    @invariant()
    def alerts_hold_the_machine_exactly_while_they_are_open(self) -> None:
        for alert in Alert.objects.all():
            open_ = not alert.is_resolved and not alert.is_deleted
            assert alert.holds_machine == (open_ and alert.equipment_down)

    @invariant()
    def orders_hold_the_machine_only_while_work_goes_on(self) -> None:
        holding = WorkOrder.objects.filter(downtime__isnull=False, downtime_released_at=None)
        assert set(holding.values_list("status", flat=True)) <= {"IN_PROGRESS", "ON_HOLD"}

    @invariant()
    def one_fault_is_one_open_alert_and_one_alert_one_open_order(self) -> None:
        faults = list(Alert.objects.living().unresolved().values_list("fingerprint", flat=True))
        assert len(faults) == len(set(faults))
        converted = list(WorkOrder.objects.living().unfinished().exclude(alert=None).values_list("alert", flat=True))
        assert len(converted) == len(set(converted))

    @invariant()
    def no_open_alert_is_forgotten(self) -> None:
        """Its escalation goes on or has told everybody, or another of its storm speaks for it."""
        for alert in Alert.objects.living().filter(status="OPEN", cleared_at=None):
            storm = alert.whole_storm().unresolved()
            speaking = AlertEscalation.objects.going_on().filter(alert__in=storm, wait_left=None)
            assert speaking.exists() or storm.filter(status="ACKNOWLEDGED").exists()

    @invariant()
    def what_is_over_tells_nobody(self) -> None:
        for one in AlertEscalation.objects.running().select_related("alert"):
            assert not one.alert.is_resolved
            assert one.alert.deleted_at is None
            assert one.alert.cleared_at or not one.is_held

    @invariant()
    def a_duplicate_is_resolved_as_one(self) -> None:
        for alert in Alert.objects.exclude(duplicate_of=None):
            assert (alert.status, alert.resolution) == ("RESOLVED", "DUPLICATE")
            assert alert.duplicate_of_id != alert.pk

    @invariant()
    def every_change_of_status_is_a_move_and_is_audited(self) -> None:
        for model in (Alert, WorkOrder):
            possible = {
                (source, target) for move in model.LIFECYCLE.moves.values() for source, target in move.paths.items()
            }
            for record in model._default_manager.all():
                changes = statuses(record)
                assert [new for _, new in changes][-1] == record.status
                assert all(new == old for (_, new), (old, _) in pairwise(changes))
                assert set(changes[1:]) <= possible | BY_ITSELF

    @invariant()
    def no_interval_of_a_machine_and_status_overlaps_another(self) -> None:
        log = list(StatusInterval.objects.order_by("equipment", "status", "started_at"))
        for earlier, later in pairwise(log):
            if (earlier.equipment_id, earlier.status) == (later.equipment_id, later.status):
                assert earlier.ended_at is not None
                assert earlier.ended_at <= later.started_at

    @invariant()
    def times_are_in_order(self) -> None:
        for order in WorkOrder.objects.exclude(completed_at=None):
            in_order([order.assigned_at, order.started_at, order.completed_at, order.closed_at])
        for alert in Alert.objects.exclude(resolved_at=None):
            in_order([alert.acknowledged_at, alert.resolved_at])

    @invariant()
    def no_number_is_missing(self) -> None:
        numbers = sorted(WorkOrder.objects.values_list("number", flat=True))
        assert numbers == [f"WO-2026-{n:06d}" for n in range(1, len(numbers) + 1)]


@pytest.mark.django_db
def test_the_record_stays_true_whatever_happens() -> None:
    quick = settings(max_examples=15, stateful_step_count=25, suppress_health_check=list(HealthCheck), database=None)
    run_state_machine_as_test(Maintenance, settings=quick)
