"""From something that happened to a request at somebody else's server."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from faultreporter.accounts.models import User
from faultreporter.outbox import publish, publish_each
from faultreporter.webhooks import catalogue
from faultreporter.webhooks.models import Webhook, WebhookDelivery, WebhookEvent

DELIVER = "faultreporter.webhooks.tasks.deliver"
Data = dict[str, Any]


def emit(*, event: str, data: Data | Callable[[], Data], at: datetime, subject: str = "") -> int:
    """Tell every webhook that wants to hear of `event`; says how many. Part of the caller's transaction.

    `subject` names the record it is about. `data` may be a function: it is only asked if somebody listens. That costs
    one query when nobody does, and three more however many do.
    """
    webhooks = list(Webhook.objects.wanting(event).values_list("pk", flat=True))
    if webhooks:
        said = data() if callable(data) else data
        with transaction.atomic(savepoint=False):
            stored = WebhookEvent.objects.create(type=event, subject=subject, data=said, occurred_at=at)
            WebhookDelivery.objects.bulk_create(WebhookDelivery(webhook_id=pk, event=stored) for pk in webhooks)
            publish_each(DELIVER, [{"webhook_id": pk} for pk in webhooks])
    return len(webhooks)


def send_ping(*, webhook: Webhook, by: User, at: datetime) -> WebhookDelivery:
    """A `ping` to this webhook alone, whatever it asked for, to see whether it arrives."""
    with transaction.atomic():
        webhook.demand_listening()
        event = WebhookEvent.objects.create(
            type=catalogue.PING, data={"by": {"id": str(by.pk), "name": by.display_name}}, occurred_at=at
        )
        delivery = WebhookDelivery.objects.create(webhook=webhook, event=event, created_at=at, next_attempt_at=at)
        webhook.try_at_once()
        publish(DELIVER, webhook_id=webhook.pk)
    return delivery


def replay(*, delivery: WebhookDelivery, by: User, at: datetime) -> None:
    """Send a dead letter, or one that arrived, once more."""
    with transaction.atomic():
        delivery.replay(by=by, at=at)
        delivery.webhook.try_at_once()
        publish(DELIVER, webhook_id=delivery.webhook_id)
