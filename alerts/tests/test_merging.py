"""Alerts that turn out to be one fault, and many that come at once from one machine."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts import services
from alerts.models import Alert, StillFiring
from alerts.tests.factories import AlertFactory, firing_alert
from alerts.tests.parallel import AtOnce
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.errors import HasOpenWork, InvalidTransition, ValidationFailed
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder
from workorders.services import raise_work_order

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def ago(**kwargs: int) -> datetime:
    return NOW - timedelta(**kwargs)


def merge(into: Alert, *duplicates: Alert, by: User) -> None:
    services.merge(into=into, alert_ids=[one.pk for one in duplicates], by=by, at=timezone.now())
    for alert in (into, *duplicates):
        alert.refresh_from_db()


@pytest.fixture
def machine(tess: User) -> Equipment:
    equipment: Equipment = EquipmentFactory.create()
    equipment.assignments.create(user=tess)
    return equipment


class TestMerging:
    def test_it_works(self, api: Any, rita: User, tess: User, machine: Equipment) -> None:
        photo = make_attachment(by=rita)
        first = AlertFactory.create(equipment=machine, title="Drips", severity="LOW")
        second = AlertFactory.create(
            equipment=machine,
            title="Water on the floor",
            severity="HIGH",
            attachments=[photo],
            occurred_at=ago(hours=2),
        )
        body = {"alert_ids": [str(second.pk)], "note": "The same leak"}

        response = api(tess).post(f"/api/v1/alerts/{first.pk}/merge", body, format="json")

        assert response.status_code == 200, response.json()
        stays = response.json()["data"]
        assert (stays["status"], stays["severity"], stays["occurrences"]) == ("OPEN", "HIGH", 2)
        assert [file["id"] for file in stays["attachments"]] == [str(photo.pk)]
        gone = api(tess).get(f"/api/v1/alerts/{second.pk}").json()["data"]
        assert (gone["status"], gone["resolution"], gone["duplicate_of_id"]) == ("RESOLVED", "DUPLICATE", str(first.pk))
        assert list(first.events.filter(kind="MERGED").values_list("note", flat=True)) == ["The same leak"]

    def test_the_downtime_counts_once(self, mona: User, machine: Equipment) -> None:
        first = AlertFactory.create(equipment=machine, title="Noise", occurred_at=ago(hours=1))
        second = AlertFactory.create(equipment=machine, title="Stands", critical=True, occurred_at=ago(hours=3))

        merge(first, second, by=mona)

        interval = StatusInterval.objects.get()
        assert (interval.ended_at, interval.holders, interval.started_at) == (None, 1, ago(hours=3))
        first.resolve(by=mona, at=timezone.now())
        interval.refresh_from_db()
        assert interval.ended_at is not None
        assert interval.counts_as_failure

    def test_the_downtime_of_another_machine_is_no_second_failure(self, mona: User) -> None:
        pump, chiller = EquipmentFactory.create_batch(2)
        first = AlertFactory.create(equipment=pump, critical=True)
        second = AlertFactory.create(equipment=chiller, critical=True)

        merge(first, second, by=mona)

        interval = StatusInterval.objects.get(equipment=chiller)
        assert (interval.counts_as_failure, interval.exclusion_reason) == (False, "DUPLICATE")
        assert StatusInterval.objects.get(equipment=pump).counts_as_failure

    def test_the_duplicates_order_goes_on(self, mona: User, machine: Equipment) -> None:
        first, second = AlertFactory.create_batch(2, equipment=machine)
        order = raise_work_order(alert=second, by=mona, at=timezone.now())

        merge(first, second, by=mona)

        order.refresh_from_db()
        assert (order.alert, first.status, second.status) == (first, "ACKNOWLEDGED", "RESOLVED")

    def test_of_two_orders_one_must_go_first(self, mona: User, machine: Equipment) -> None:
        first, second = AlertFactory.create_batch(2, equipment=machine)
        raise_work_order(alert=first, by=mona, at=timezone.now())
        raise_work_order(alert=second, by=mona, at=timezone.now())

        with pytest.raises(HasOpenWork):
            merge(first, second, by=mona)

        assert set(Alert.objects.values_list("status", flat=True)) == {"ACKNOWLEDGED"}

    def test_a_condition_that_holds_is_not_merged_away(self, mona: User, machine: Equipment) -> None:
        report, firing = AlertFactory.create(equipment=machine), firing_alert(machine)

        with pytest.raises(StillFiring):
            merge(report, firing, by=mona)

        merge(firing, report, by=mona)
        assert (firing.status, report.duplicate_of) == ("OPEN", firing)

    def test_a_resolved_alert_is_neither_side(self, mona: User, machine: Equipment) -> None:
        over, standing = AlertFactory.create_batch(2, equipment=machine)
        over.resolve(by=mona, at=timezone.now())

        for into, duplicate in ((over, standing), (standing, over)):
            with pytest.raises(InvalidTransition):
                merge(into, duplicate, by=mona)

    def test_all_or_none(self, mona: User, machine: Equipment) -> None:
        first, second, over = AlertFactory.create_batch(3, equipment=machine)
        over.resolve(by=mona, at=timezone.now())

        with pytest.raises(InvalidTransition):
            merge(first, second, over, by=mona)

        second.refresh_from_db()
        assert second.status == "OPEN"

    def test_not_with_itself(self, mona: User, machine: Equipment) -> None:
        alert = AlertFactory.create(equipment=machine)

        with pytest.raises(ValidationFailed, match="other alerts"):
            merge(alert, alert, by=mona)

    def test_what_is_out_of_sight_is_not_there(self, api: Any, tess: User, machine: Equipment) -> None:
        hidden = AlertFactory.create(equipment__location=LocationFactory.create(open_to_all=False))
        alert = AlertFactory.create(equipment=machine)

        response = api(tess).post(f"/api/v1/alerts/{alert.pk}/merge", {"alert_ids": [str(hidden.pk)]}, format="json")

        assert_error(response, 400, "VALIDATION_ERROR", "alert_ids")

    def test_a_duplicate_that_was_none_is_reopened(self, mona: User, machine: Equipment) -> None:
        first, second = AlertFactory.create_batch(2, equipment=machine)
        merge(first, second, by=mona)

        second.reopen(by=mona, at=timezone.now(), reason="Another leak")

        assert (second.status, second.duplicate_of) == ("OPEN", None)


@pytest.mark.django_db(transaction=True)
def test_merging_each_into_the_other_at_once_leaves_one(at_once: AtOnce, api: Any, mona: User) -> None:
    first, second = AlertFactory.create_batch(2, equipment=EquipmentFactory.create())
    order = raise_work_order(alert=first, by=mona, at=timezone.now())
    order.assign(to=mona, by=mona, at=timezone.now())
    order.start(by=mona, at=timezone.now())

    def absorb(into: Alert, other: Alert) -> Any:
        return api(mona).post(f"/api/v1/alerts/{into.pk}/merge", {"alert_ids": [str(other.pk)]}, format="json")

    completing = f"/api/v1/work-orders/{order.pk}/complete"
    answers = at_once(
        [lambda: absorb(first, second), lambda: absorb(second, first)] * 4
        + [lambda: api(mona).post(completing, {"resolution": "Tight again"}, format="json")]
    )

    codes = Counter(answer.status_code for answer in answers)
    assert set(codes) == {200, 409}
    assert answers[-1].status_code == 200
    assert WorkOrder.objects.get().status == "COMPLETED"
    assert Alert.objects.filter(duplicate_of__isnull=False).count() <= 1


class TestStorms:
    def test_the_third_alert_within_minutes_joins_the_first(self, machine: Equipment) -> None:
        alerts = [AlertFactory.create(equipment=machine) for _ in range(5)]

        assert [alert.storm for alert in alerts] == [None, None, alerts[0], alerts[0], alerts[0]]

    def test_parts_of_a_machine_belong_to_it(self, machine: Equipment) -> None:
        parts = EquipmentFactory.create_batch(2, parent=machine)
        first = AlertFactory.create(equipment=parts[0])
        AlertFactory.create(equipment=machine)

        assert AlertFactory.create(equipment=parts[1]).storm == first

    def test_other_machines_are_no_part_of_it(self) -> None:
        assert [AlertFactory.create().storm for _ in range(4)] == [None] * 4

    def test_what_came_long_before_is_no_part_of_it(self, machine: Equipment) -> None:
        for _ in range(3):
            AlertFactory.create(equipment=machine, at=timezone.now() - timedelta(minutes=6))

        assert AlertFactory.create(equipment=machine).storm is None

    def test_a_storm_that_is_over_takes_nothing_in(self, mona: User, machine: Equipment) -> None:
        alerts = [AlertFactory.create(equipment=machine) for _ in range(3)]
        for alert in alerts:
            Alert.objects.get(pk=alert.pk).resolve(by=mona, at=timezone.now())

        assert AlertFactory.create(equipment=machine).storm is None

    def test_the_whole_storm_is_acknowledged_at_once(self, api: Any, tess: User, machine: Equipment) -> None:
        alerts = [AlertFactory.create(equipment=machine) for _ in range(4)]

        response = api(tess).post(f"/api/v1/alerts/{alerts[0].pk}/acknowledge", {"whole_storm": True}, format="json")

        assert response.status_code == 200
        statuses = list(Alert.objects.order_by("created_at").values_list("status", flat=True))
        assert statuses == ["ACKNOWLEDGED", "OPEN", "ACKNOWLEDGED", "ACKNOWLEDGED"]

    def test_only_what_the_caller_looks_after(self, api: Any, tess: User, machine: Equipment) -> None:
        part = EquipmentFactory.create(parent=machine)
        alerts = [AlertFactory.create(equipment=one) for one in (machine, machine, part)]

        api(tess).post(f"/api/v1/alerts/{alerts[0].pk}/acknowledge", {"whole_storm": True}, format="json")

        alerts[2].refresh_from_db()
        assert (alerts[2].storm, alerts[2].status) == (alerts[0], "OPEN")

    def test_the_list_can_leave_out_what_another_speaks_for(self, api: Any, tess: User, machine: Equipment) -> None:
        alerts = [AlertFactory.create(equipment=machine) for _ in range(4)]

        heads = api(tess).get("/api/v1/alerts?in_storm=false").json()["data"]
        members = api(tess).get(f"/api/v1/alerts?storm_id={alerts[0].pk}").json()["data"]

        assert {row["id"] for row in heads} == {str(alert.pk) for alert in alerts[:2]}
        assert {row["id"] for row in members} == {str(alert.pk) for alert in alerts[2:]}
