"""An order that nobody will do leaves its alert to those who are told of what nobody takes care of."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from alerts import escalation
from alerts.models import Alert, AlertEscalation
from alerts.tests.factories import AlertFactory, clear, fire, make_rule
from alerts.tests.parallel import AtOnce
from alerts.tests.policies import make_policy, wait
from alerts.tests.test_budgets import cost
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from workorders.models import WorkOrder, WorkOrderRelation
from workorders.services import raise_work_order
from workorders.tests.factories import WorkOrderFactory, move, order_in


def converted(by: User, **fields: Any) -> tuple[Alert, WorkOrder]:
    alert = AlertFactory.create(**fields)
    return alert, raise_work_order(alert=alert, by=by, at=timezone.now())


def states(alert: Alert) -> list[tuple[str, str]]:
    return list(alert.escalations.order_by("started_at").values_list("state", "stop_reason"))


@pytest.mark.django_db
class TestTheLastOrder:
    def test_it_works(self, mona: User, tess: User) -> None:
        policy = make_policy()
        alert, order = converted(mona)
        policy.change(by=None, steps=[wait(5), {"kind": "NOTIFY_PERSON", "person": tess}])

        move(order, "cancel", by=mona)

        alert.refresh_from_db()
        assert (alert.status, alert.acknowledged_at, alert.acknowledged_by) == ("OPEN", None, None)
        assert states(alert) == [("STOPPED", "WORK_ORDER"), ("ACTIVE", "")]
        assert alert.escalations.latest("started_at").policy_version == 2
        line = alert.events.get(kind="REOPENED")
        assert (line.by, line.note) == (mona, f"Work order {order.number} was cancelled: Ordered twice")
        alert.acknowledge(by=tess, at=timezone.now())
        assert states(alert)[-1] == ("STOPPED", "ACKNOWLEDGED")

    def test_who_is_told_reads_since_when_nobody_takes_care(self, mona: User) -> None:
        make_policy()
        now = timezone.now()
        alert = AlertFactory.create(at=now - timedelta(hours=9), occurred_at=now - timedelta(hours=9))
        order = raise_work_order(alert=alert, by=mona, at=now - timedelta(hours=8))
        order.cancel(by=mona, at=now, reason="No budget")

        escalation.sweep(at=now + timedelta(minutes=10))

        assert "Nobody has acknowledged it for 10 minutes." in Notification.objects.get(kind="ALERT_ESCALATED").body

    def test_also_of_an_alert_that_was_acknowledged_before(self, mona: User, tess: User) -> None:
        make_policy()
        alert = AlertFactory.create()
        alert.acknowledge(by=tess, at=timezone.now())
        order = raise_work_order(alert=alert, by=mona, at=timezone.now())

        move(order, "cancel", by=mona)

        assert (Alert.objects.get().status, states(alert)[-1]) == ("OPEN", ("ACTIVE", ""))

    def test_a_deleted_order_too_until_it_is_restored(self, mona: User) -> None:
        make_policy()
        alert, order = converted(mona)

        order.soft_delete(by=mona, at=timezone.now())
        assert (Alert.objects.get().status, states(alert)[-1]) == ("OPEN", ("ACTIVE", ""))
        order.restore(by=mona, at=timezone.now())

        assert (Alert.objects.get().status, states(alert)[-1]) == ("ACKNOWLEDGED", ("STOPPED", "WORK_ORDER"))

    def test_what_is_over_escalates_only_when_it_is_back(self, mona: User) -> None:
        make_policy()
        rule, series = make_rule(EquipmentFactory.create())
        alert = fire(rule, series)
        order = raise_work_order(alert=alert, by=mona, at=timezone.now())
        clear(rule, series)

        move(order, "cancel", by=mona)
        assert (Alert.objects.get().status, states(alert)) == ("OPEN", [("STOPPED", "WORK_ORDER")])
        fire(rule, series)

        assert states(alert)[-1] == ("ACTIVE", "")

    def test_a_resolved_alert_stays_so(self, mona: User) -> None:
        make_policy()
        alert, order = converted(mona)
        alert.resolve(by=mona, at=timezone.now())

        move(order, "cancel", by=mona)

        assert (Alert.objects.get().status, alert.escalations.running().exists()) == ("RESOLVED", False)

    def test_who_acknowledged_since_is_reminded_on(self, mona: User, tess: User) -> None:
        make_policy(remind_after_minutes=30)
        alert, order = converted(mona)
        alert.resolve(by=mona, at=timezone.now())
        alert.reopen(by=mona, at=timezone.now(), reason="Back")
        alert.acknowledge(by=tess, at=timezone.now())

        move(order, "cancel", by=mona)

        assert (Alert.objects.get().status, states(alert)[-1]) == ("ACKNOWLEDGED", ("QUIET", ""))


@pytest.mark.django_db
class TestOfTwo:
    """A duplicate is cancelled, and the other order stands for both alerts."""

    def linked(self, twice: WorkOrder, kept: WorkOrder, by: User) -> None:
        WorkOrderRelation.add(order=twice, kind="DUPLICATE_OF", other=kept, by=by, at=timezone.now())

    def test_the_other_goes_on(self, mona: User) -> None:
        make_policy()
        (_, kept), (alert, twice) = converted(mona), converted(mona)

        self.linked(twice, kept, mona)

        assert (Alert.objects.get(pk=alert.pk).status, states(alert)) == ("ACKNOWLEDGED", [("STOPPED", "WORK_ORDER")])
        assert not alert.events.filter(kind="REOPENED").exists()

    def test_without_the_link_nobody_stands_for_it(self, mona: User) -> None:
        make_policy()
        (one, kept), (alert, twice) = converted(mona), converted(mona)
        self.linked(twice, kept, mona)

        WorkOrderRelation.objects.get().remove(by=mona, at=timezone.now())

        assert (Alert.objects.get(pk=alert.pk).status, states(alert)[-1]) == ("OPEN", ("ACTIVE", ""))
        assert alert.events.get(kind="REOPENED").note == (
            f"Work order {twice.number} is no duplicate of {kept.number} any more."
        )
        assert (Alert.objects.get(pk=one.pk).status, states(one)) == ("ACKNOWLEDGED", [("STOPPED", "WORK_ORDER")])

    def test_without_the_link_one_that_goes_on_stands_for_its_own(self, mona: User) -> None:
        make_policy()
        (_, kept), (alert, twice) = converted(mona), converted(mona)
        WorkOrder.objects.filter(pk=twice.pk).update(labour_minutes=20)
        self.linked(twice, kept, mona)

        WorkOrderRelation.objects.get().remove(by=mona, at=timezone.now())

        assert (Alert.objects.get(pk=alert.pk).status, states(alert)) == ("ACKNOWLEDGED", [("STOPPED", "WORK_ORDER")])

    def test_with_the_other_both_alerts_come_back(self, mona: User) -> None:
        make_policy()
        (one, kept), (other, twice) = converted(mona), converted(mona)
        self.linked(twice, kept, mona)

        move(kept, "cancel", by=mona)

        assert set(Alert.objects.values_list("status", flat=True)) == {"OPEN"}
        assert [states(alert)[-1] for alert in (one, other)] == [("ACTIVE", "")] * 2

    def test_a_finished_one_takes_nothing_on(self, mona: User, tess: User) -> None:
        make_policy()
        alert, twice = converted(mona)

        self.linked(twice, order_in("COMPLETED", by=tess), mona)

        assert (Alert.objects.get().status, states(alert)[-1]) == ("OPEN", ("ACTIVE", ""))


@pytest.mark.django_db
def test_over_rest(api: Any, mona: User) -> None:
    make_policy()
    alert, order = converted(mona)
    url = f"/api/v1/work-orders/{order.pk}/cancel"

    answer = api(mona).post(url, {"reason": "No budget"}, format="json")

    assert answer.status_code == 200, answer.json()
    assert answer.json()["data"]["alert"]["status"] == "OPEN"
    stands = api(mona).get(f"/api/v1/alerts/{alert.pk}").json()["data"]
    assert (stands["status"], stands["escalation"]["state"]) == ("OPEN", "ACTIVE")
    alone = f"/api/v1/work-orders/{WorkOrderFactory.create().pk}/cancel"
    assert cost(lambda: api(mona).post(alone, {"reason": "No budget"}, format="json")) <= 13


@pytest.mark.django_db(transaction=True)
def test_two_orders_dropped_at_once_forget_no_alert(at_once: AtOnce, mona: User) -> None:
    make_policy()
    pairs = [two_orders_of_one_alert(mona) for _ in range(4)]

    at_once([partial(move, order, "cancel", by=mona) for pair in pairs for order in pair])

    assert set(Alert.objects.values_list("status", flat=True)) == {"OPEN"}
    assert AlertEscalation.objects.running().count() == Alert.objects.count() == 8


def two_orders_of_one_alert(by: User) -> tuple[WorkOrder, WorkOrder]:
    """Its own, and one that was deleted and restored, of which an earlier one of its own was the duplicate."""
    (_, kept), (alert, twice) = converted(by), converted(by)
    WorkOrderRelation.add(order=twice, kind="DUPLICATE_OF", other=kept, by=by, at=timezone.now())
    kept.soft_delete(by=by, at=timezone.now())
    alert.refresh_from_db()
    own = raise_work_order(alert=alert, by=by, at=timezone.now())
    kept.restore(by=by, at=timezone.now())
    return kept, own
