"""What happens to alerts and work orders becomes events, in their own transaction."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Alert, AlertEvent
from alerts.tests.factories import AlertFactory
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.outbox.models import OutboxMessage
from faultreporter.webhooks.catalogue import event_types
from faultreporter.webhooks.models import WebhookDelivery, WebhookEvent
from faultreporter.webhooks.services import emit
from faultreporter.webhooks.tests.factories import make_webhook
from workorders.models import WorkOrder, WorkOrderEvent
from workorders.services import raise_work_order

pytestmark = pytest.mark.django_db


def types() -> list[str]:
    return list(WebhookEvent.objects.order_by("id").values_list("type", flat=True))


def test_it_works(mona: User) -> None:
    make_webhook()

    alert = AlertFactory.create(title="Leaks", reported_by=mona)

    event = WebhookEvent.objects.get()
    assert (event.type, event.subject) == ("alert.raised", f"alert:{alert.pk}")
    assert event.data["alert"]["title"] == "Leaks"
    assert event.data["alert"]["equipment"]["code"] == alert.equipment.equipment_code
    assert event.data["by"]["name"] == "Mona"
    assert WebhookDelivery.objects.get().state == "PENDING"
    assert OutboxMessage.objects.filter(task="faultreporter.webhooks.tasks.deliver").count() == 1


def test_a_whole_repair_is_told_in_order(mona: User, tess: User) -> None:
    make_webhook()
    alert = AlertFactory.create(reported_by=mona)
    order = raise_work_order(alert=alert, by=mona, at=timezone.now())
    order.assign(to=tess, by=mona, at=timezone.now())
    order.start(by=tess, at=timezone.now())
    order.complete(by=tess, at=timezone.now(), resolution="New seal")

    assert types() == [
        "alert.raised", "work_order.raised", "alert.work_order", "work_order.assigned", "work_order.started",
        "alert.resolved", "work_order.completed",
    ]  # fmt: skip
    assert WebhookEvent.objects.get(type="work_order.completed").data["work_order"]["number"] == order.number


def test_every_kind_of_line_is_an_event() -> None:
    kinds = {f"alert.{kind.lower()}" for kind in AlertEvent.Kind.values}
    kinds |= {f"work_order.{kind.lower()}" for kind in WorkOrderEvent.Kind.values}

    assert kinds <= set(event_types())


def test_nothing_is_kept_and_one_question_asked_when_nobody_listens() -> None:
    make_webhook(is_active=False)
    make_webhook(events=["work_order.raised"])

    with CaptureQueriesContext(connection) as queries:
        told = emit(event="alert.raised", data=lambda: pytest.fail("asked for data nobody wants"), at=timezone.now())

    assert told == 0
    assert len(queries) == 1
    assert not WebhookEvent.objects.exists()


def test_ten_webhooks_cost_as_much_as_one() -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            emit(event="alert.raised", data={}, at=timezone.now())
        return len(queries)

    make_webhook()
    one = cost()
    for _ in range(9):
        make_webhook()

    assert cost() == one <= 4
    assert WebhookDelivery.objects.count() == 11


def test_a_roll_back_takes_the_event_back() -> None:
    make_webhook()
    machine = EquipmentFactory.create()

    with transaction.atomic():
        AlertFactory.create(equipment=machine)
        transaction.set_rollback(True)

    assert not WebhookEvent.objects.exists()
    assert not Alert.objects.exists()


def test_a_deleted_webhook_hears_of_nothing(adam: User) -> None:
    make_webhook().soft_delete(by=adam, at=timezone.now())

    AlertFactory.create()

    assert not WebhookEvent.objects.exists()


def test_when_it_happened_is_told_beside_when_we_learned_of_it(mona: User) -> None:
    make_webhook()
    alert = AlertFactory.create(at=timezone.now() - timedelta(hours=4))
    at = timezone.now() - timedelta(hours=3)
    alert.acknowledge(by=mona, at=at)

    payload = WebhookEvent.objects.get(type="alert.acknowledged").payload()

    assert payload["occurred_at"] < payload["created_at"]
    assert set(payload) == {"id", "type", "sequence", "occurred_at", "created_at", "data"}


@pytest.mark.parametrize("model", [Alert, WorkOrder])
def test_what_is_told_needs_no_query_of_its_own(model: Any, mona: User) -> None:
    alert = AlertFactory.create(reported_by=mona)
    record = alert if model is Alert else raise_work_order(alert=alert, by=mona, at=timezone.now())
    record.lock()
    event = record.record("COMMENTED", by=mona, at=timezone.now(), note="Looked at it")

    with CaptureQueriesContext(connection) as queries:
        record.news(event)

    assert len(queries) == 0
