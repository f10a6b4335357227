"""How orders hang together, also when two people link them at once."""

from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from alerts.tests.parallel import AtOnce
from faultreporter.accounts.models import User
from faultreporter.errors import HasOpenWork, InvalidTransition
from workorders.models import AlreadyConverted, RelationCycle, WorkOrder, WorkOrderRelation
from workorders.services import raise_work_order
from workorders.tests.factories import WorkOrderFactory, move, order_in

URL = "/api/v1/work-orders"


def link(order: WorkOrder, kind: str, other: WorkOrder, by: User) -> WorkOrderRelation:
    return WorkOrderRelation.add(order=order, kind=kind, other=other, by=by, at=timezone.now())


@pytest.mark.django_db
class TestOneAfterTheOther:
    def test_a_parent_waits_for_its_parts(self, mona: User, tess: User) -> None:
        parent, part = order_in("IN_PROGRESS", by=tess), order_in("IN_PROGRESS", by=tess)
        link(parent, "PARENT_OF", part, mona)

        with pytest.raises(HasOpenWork):
            move(parent, "complete", by=tess)
        move(part, "complete", by=tess)
        move(WorkOrder.objects.get(pk=parent.pk), "complete", by=tess)

    def test_a_finished_parent_takes_no_open_part(self, mona: User, tess: User) -> None:
        with pytest.raises(InvalidTransition):
            link(order_in("OPEN", by=tess), "CHILD_OF", order_in("COMPLETED", by=tess), mona)

    @pytest.mark.parametrize(
        "links",
        [
            [(0, "BLOCKED_BY", 1), (1, "BLOCKED_BY", 2), (2, "BLOCKED_BY", 0)],
            [(0, "CHILD_OF", 1), (1, "CHILD_OF", 2), (2, "CHILD_OF", 0)],
            [(0, "CHILD_OF", 1), (0, "BLOCKED_BY", 1)],  # the part waits for what waits for it
            [(0, "DUPLICATE_OF", 1), (1, "DUPLICATE_OF", 0)],
        ],
    )
    def test_no_circle_closes(self, links: list[tuple[int, str, int]], mona: User) -> None:
        orders = WorkOrderFactory.create_batch(3)
        *first, (order, kind, other) = links
        for one in first:
            link(orders[one[0]], one[1], orders[one[2]], mona)

        with pytest.raises(RelationCycle):
            link(orders[order], kind, orders[other], mona)

    def test_a_duplicate_ends_and_its_alert_goes_on_with_the_other(self, mona: User, tess: User) -> None:
        kept = order_in("IN_PROGRESS", by=tess)
        alert = AlertFactory.create(equipment=kept.equipment)
        twice = raise_work_order(alert=alert, by=mona, at=timezone.now())

        link(twice, "DUPLICATE_OF", kept, mona)
        with pytest.raises(AlreadyConverted):
            raise_work_order(alert=alert, by=mona, at=timezone.now())
        move(kept, "complete", by=tess)

        twice.refresh_from_db()
        alert.refresh_from_db()
        assert (twice.status, twice.cancel_reason) == ("CANCELLED", f"Duplicate of {kept.number}.")
        assert (alert.status, kept.alert_id) == ("RESOLVED", alert.pk)

    def test_an_order_stands_for_several_alerts(self, mona: User, tess: User) -> None:
        alerts = AlertFactory.create_batch(2)
        kept, twice = (raise_work_order(alert=alert, by=mona, at=timezone.now()) for alert in alerts)
        link(twice, "DUPLICATE_OF", kept, mona)
        for name in ("assign", "start", "complete"):
            move(kept, name, by=tess)

        assert {type(alert).objects.get(pk=alert.pk).status for alert in alerts} == {"RESOLVED"}
        move(kept, "reopen", by=mona)
        assert {type(alert).objects.get(pk=alert.pk).status for alert in alerts} == {"OPEN"}

    def test_a_duplicate_with_logged_work_stays(self, mona: User, tess: User) -> None:
        twice = order_in("IN_PROGRESS", by=tess, labour_minutes=30)

        link(twice, "DUPLICATE_OF", WorkOrderFactory.create(), mona)

        assert twice.status == "IN_PROGRESS"


@pytest.mark.django_db(transaction=True)
def test_of_two_opposite_links_at_once_one_wins(at_once: AtOnce, api: Any, mona: User) -> None:
    orders = WorkOrderFactory.create_batch(4)

    def linking(order: WorkOrder, other: WorkOrder) -> Any:
        body = {"kind": "BLOCKED_BY", "work_order_id": str(other.pk)}
        return lambda: api(mona).post(f"{URL}/{order.pk}/relations", body, format="json")

    # Twice two orders that would wait for each other, and a ring of four of which no two links share both orders.
    ring = [linking(orders[n], orders[(n + 1) % 4]) for n in range(4)]
    answers = at_once([*ring, linking(orders[1], orders[0]), linking(orders[3], orders[2])])

    assert {answer.status_code for answer in answers} == {201, 409}
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} == {"RELATION_CYCLE"}
    edges = set(WorkOrderRelation.objects.values_list("order_id", "other_id"))
    assert not any((other, order) in edges for order, other in edges)
    assert len(edges & {(orders[n].pk, orders[(n + 1) % 4].pk) for n in range(4)}) < 4
