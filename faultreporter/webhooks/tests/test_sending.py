"""From the outbox to another server and back: what arrives, what is tried again, and what ends as a dead letter."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog
from faultreporter.notifications.models import Notification
from faultreporter.outbox.models import OutboxMessage
from faultreporter.outbox.testing import deliver
from faultreporter.webhooks import sending, services, transport
from faultreporter.webhooks.models import Webhook, WebhookDelivery, WebhookEvent
from faultreporter.webhooks.models.webhook import PATIENCE
from faultreporter.webhooks.retries import LONGEST, MOST_ATTEMPTS
from faultreporter.webhooks.tasks import prune
from faultreporter.webhooks.tests.factories import make_webhook
from faultreporter.webhooks.tests.receiver import Receiver

pytestmark = pytest.mark.django_db


def delivery_of(webhook: Webhook) -> WebhookDelivery:
    return WebhookDelivery.objects.select_related("event").filter(webhook=webhook).latest("event_id")


def try_again(webhook: Webhook, times: int = 1) -> None:
    """Lets the pause pass: everything that waits is due, and sent."""
    for _ in range(times):
        Webhook.objects.update(paused_until=None)
        WebhookDelivery.objects.pending().update(next_attempt_at=timezone.now())
        sending.drain(webhook.pk)


def test_it_works(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    alert = AlertFactory.create(title="Leaks")

    deliver()

    (request,) = receiver.received
    assert request.path == "/hooks"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == request.event["id"]
    assert request.event["data"]["alert"]["id"] == str(alert.pk)
    delivery = delivery_of(webhook)
    assert (delivery.state, delivery.last_status, delivery.attempts) == ("SUCCEEDED", 204, 1)
    attempt = delivery.ledger.get()
    assert (attempt.reason, attempt.status) == ("DELIVERED", 204)
    assert attempt.milliseconds is not None


def test_events_arrive_in_their_order(receiver: Receiver, mona: User) -> None:
    make_webhook(url=receiver.url)
    alert = AlertFactory.create()
    alert.acknowledge(by=mona, at=timezone.now())
    alert.resolve(by=mona, at=timezone.now())

    deliver()

    assert receiver.types == ["alert.raised", "alert.acknowledged", "alert.resolved"]
    assert [request.event["sequence"] for request in receiver.received] == sorted(
        request.event["sequence"] for request in receiver.received
    )


def test_a_failure_is_tried_again_with_the_same_id(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    receiver.answer, receiver.body = 500, "Über uns stürzt alles ein\x00".encode() + b"x" * 5000
    AlertFactory.create()
    deliver()

    delivery = delivery_of(webhook)
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("PENDING", 1, 500)
    assert timedelta(seconds=3) < delivery.next_attempt_at - timezone.now() < timedelta(seconds=7)
    assert delivery.ledger.get().answer.startswith("Über uns")
    assert len(delivery.ledger.get().answer.encode()) <= 1100
    assert OutboxMessage.objects.pending().get().available_at >= delivery.next_attempt_at

    receiver.answer = 200
    try_again(webhook)

    assert delivery_of(webhook).state == "SUCCEEDED"
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.body for request in receiver.received}) == 1
    assert Webhook.objects.get().failing_since is None


def test_after_the_last_try_it_is_a_dead_letter_that_can_be_sent_again(receiver: Receiver, adam: User) -> None:
    webhook = make_webhook(url=receiver.url)
    receiver.answer = 400
    AlertFactory.create()

    try_again(webhook, times=MOST_ATTEMPTS + 3)

    delivery = delivery_of(webhook)
    assert (delivery.state, delivery.last_reason) == ("DEAD", "STATUS")
    assert len(receiver.received) == delivery.ledger.count() == MOST_ATTEMPTS

    receiver.answer = 200
    services.replay(delivery=delivery, by=adam, at=timezone.now())
    deliver()

    assert delivery_of(webhook).state == "SUCCEEDED"
    assert delivery.ledger.count() == MOST_ATTEMPTS + 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    webhook = make_webhook(url=receiver.url)
    receiver.answer, receiver.headers = status, {"Location": receiver.url}
    AlertFactory.create()

    deliver()

    assert len(receiver.received) == 1
    assert delivery_of(webhook).last_reason == "REDIRECT"


def test_gone_switches_it_off_and_tells_who_made_it(receiver: Receiver, adam: User) -> None:
    webhook = make_webhook(url=receiver.url, by=adam)
    receiver.answer = 410
    AlertFactory.create()
    AlertFactory.create()

    deliver()

    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.disabled_reason) == (False, "The receiver answered 410 Gone.")
    assert len(receiver.received) == 1
    assert set(WebhookDelivery.objects.values_list("state", "last_reason")) == {
        ("DEAD", "GONE"),
        ("DEAD", "SWITCHED_OFF"),
    }
    told = Notification.objects.get()
    assert (told.user, told.kind) == (adam, "SYSTEM")
    assert AuditLog.objects.filter(entity_type="webhooks", action="UPDATE", source="TASK").exists()


def test_days_of_failures_switch_it_off(receiver: Receiver, adam: User) -> None:
    webhook = make_webhook(url=receiver.url)
    receiver.answer = 503
    AlertFactory.create()
    deliver()
    Webhook.objects.update(failing_since=timezone.now() - PATIENCE)

    try_again(webhook)

    webhook.refresh_from_db()
    assert webhook.is_active is False
    assert "5 days" in webhook.disabled_reason
    assert Notification.objects.get().user == adam, "nobody made it, so the administrators hear of it"


def test_a_server_that_is_down_is_left_alone_for_a_while(receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    receiver.answer = 500
    AlertFactory.create()
    AlertFactory.create()

    deliver()

    assert len(receiver.received) == 1, "the second event waits until the pause is over"
    assert Webhook.objects.filter(paused_until__gt=timezone.now()).exists()


@pytest.mark.parametrize(
    ("said", "at_least", "at_most"),
    [
        ("120", 119, 121),
        ("1", 3, 7),
        ("99999999", LONGEST.total_seconds() - 5, LONGEST.total_seconds() + 1),
        ("soon", 3, 7),
    ],
)
def test_retry_after_is_honoured_within_limits(receiver: Receiver, said: str, at_least: float, at_most: float) -> None:
    webhook = make_webhook(url=receiver.url)
    receiver.answer, receiver.headers = 429, {"Retry-After": said}
    AlertFactory.create()

    deliver()

    wait = (delivery_of(webhook).next_attempt_at - timezone.now()).total_seconds()
    assert at_least <= wait <= at_most


def test_a_closed_port_is_a_failed_connection(receiver: Receiver, settings: Any) -> None:
    webhook = make_webhook(url="http://127.0.0.1:9/hooks")
    AlertFactory.create()

    deliver()

    delivery = delivery_of(webhook)
    assert (delivery.last_reason, delivery.last_status) == ("CONNECTION", None)


def test_a_server_that_drips_is_cut_off(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SECONDS", 0.5)
    webhook = make_webhook(url=receiver.url)
    receiver.drip = 0.05
    AlertFactory.create()

    deliver()

    delivery = delivery_of(webhook)
    assert delivery.last_reason == "TIMEOUT"
    assert delivery.ledger.filter(milliseconds__gte=400, milliseconds__lt=3000).exists()


def test_an_address_that_became_private_is_refused_at_the_call(receiver: Receiver, settings: Any) -> None:
    webhook = make_webhook(url=receiver.url.replace("http:", "https:"))
    settings.WEBHOOK_ALLOW_PRIVATE = False
    AlertFactory.create()

    deliver()

    assert receiver.received == []
    assert delivery_of(webhook).last_reason == "ADDRESS_REFUSED"


def test_a_secret_that_cannot_be_read_says_so(receiver: Receiver, settings: Any) -> None:
    webhook = make_webhook(url=receiver.url)
    settings.SECRET_KEY = "another key of more than thirty-two letters"
    AlertFactory.create()

    deliver()

    assert receiver.received == []
    assert delivery_of(webhook).last_reason == "SECRET_UNREADABLE"


def test_a_killed_worker_is_found_by_the_sweep(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    AlertFactory.create()
    OutboxMessage.objects.all().delete()
    dead_worker = WebhookDelivery.claim(webhook.pk, at=timezone.now() - timedelta(minutes=2))
    assert dead_worker is None, "it isn't due yet at that time"
    claimed = WebhookDelivery.claim(webhook.pk, at=timezone.now())
    assert claimed is not None
    assert sending.sweep(at=timezone.now()) == 0, "somebody is at it"

    late = timezone.now() + timedelta(minutes=2)
    assert sending.sweep(at=late) == 1
    WebhookDelivery.objects.update(next_attempt_at=timezone.now(), claimed_until=timezone.now())
    deliver()

    assert [a.reason for a in claimed.ledger.order_by("id")] == ["UNFINISHED", "DELIVERED"]
    assert delivery_of(webhook).state == "SUCCEEDED"


def test_the_sweep_finds_what_a_lost_message_forgot(receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    AlertFactory.create()
    OutboxMessage.objects.all().delete()

    assert sending.sweep(at=timezone.now()) == 1
    deliver()

    assert receiver.types == ["alert.raised"]


def test_sending_twice_at_once_sends_once(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    AlertFactory.create()

    first = WebhookDelivery.claim(webhook.pk, at=timezone.now())
    second = WebhookDelivery.claim(webhook.pk, at=timezone.now())

    assert first is not None
    assert second is None


def test_switched_off_while_a_call_is_under_way(receiver: Receiver, adam: User) -> None:
    webhook = make_webhook(url=receiver.url)
    receiver.answer = 500
    AlertFactory.create()
    claimed = WebhookDelivery.claim(webhook.pk, at=timezone.now())
    assert claimed is not None
    webhook.change(by=adam, at=timezone.now(), is_active=False)

    sending.settle(claimed, sending.attempt(claimed, at=timezone.now()), at=timezone.now())

    assert delivery_of(webhook).state == "DEAD"
    wakeups = OutboxMessage.objects.pending().filter(task="faultreporter.webhooks.tasks.deliver")
    assert wakeups.count() == 1, "no new try is planned"


def test_a_ping_goes_to_one_webhook_whatever_it_asked_for(receiver: Receiver, adam: User) -> None:
    webhook = make_webhook(url=receiver.url, events=["work_order.closed"])
    make_webhook(url=receiver.url)

    services.send_ping(webhook=webhook, by=adam, at=timezone.now())
    deliver()

    assert receiver.types == ["ping"]


def test_old_events_are_forgotten(receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    AlertFactory.create()
    deliver()
    AlertFactory.create()
    old = WebhookEvent.objects.earliest("id")
    WebhookEvent.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))

    assert prune() == 1
    assert WebhookDelivery.objects.count() == 1
