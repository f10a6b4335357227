"""Many workers at one webhook, over real connections: every event once, in its order."""

from functools import partial

import pytest

from alerts.tests.factories import AlertFactory
from alerts.tests.parallel import AtOnce
from faultreporter.webhooks import sending
from faultreporter.webhooks.models import WebhookDelivery
from faultreporter.webhooks.tests.factories import make_webhook
from faultreporter.webhooks.tests.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_eight_workers_send_every_event_once_and_in_order(at_once: AtOnce, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    for _ in range(20):
        AlertFactory.create()

    at_once([partial(sending.drain, webhook.pk)] * 8)
    sending.drain(webhook.pk)

    sequence = [request.event["sequence"] for request in receiver.received]
    assert len(sequence) == 20
    assert sequence == sorted(sequence)
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"SUCCEEDED"}
