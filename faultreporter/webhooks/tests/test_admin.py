"""The back office's pages: the secret once, the dead letters, the buttons."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from faultreporter.accounts.models import User
from faultreporter.outbox.testing import deliver
from faultreporter.webhooks import signatures
from faultreporter.webhooks.models import Webhook, WebhookDelivery
from faultreporter.webhooks.tests.factories import make_webhook
from faultreporter.webhooks.tests.receiver import Receiver

pytestmark = pytest.mark.django_db
ADD = reverse("admin:webhooks_webhook_add")
LIST = reverse("admin:webhooks_webhookdelivery_changelist")


def page(record: Any, name: str = "change") -> str:
    return reverse(f"admin:webhooks_{record._meta.model_name}_{name}", args=[record.pk])


def test_it_works(backoffice: Any, adam: User) -> None:
    form = {"url": "https://8.8.8.8/hooks", "description": "Chat", "is_active": "on", "events": ["alert.raised"]}

    shown = backoffice(adam).post(ADD, form)

    webhook = Webhook.objects.get()
    assert signatures.opened(webhook.secret) in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert webhook.created_by == adam
    assert signatures.opened(webhook.secret) not in backoffice(adam).get(page(webhook)).content.decode()


def test_a_private_address_is_refused_at_its_field(backoffice: Any, adam: User) -> None:
    form = {"url": "https://169.254.169.254/", "is_active": "on", "events": ["*"]}

    answer = backoffice(adam).post(ADD, form)

    assert "leads to a private or reserved address" in answer.content.decode()
    assert not Webhook.objects.exists()


def test_switching_off_in_the_form(backoffice: Any, adam: User) -> None:
    webhook = make_webhook(url="https://8.8.8.8/")
    AlertFactory.create()

    backoffice(adam).post(page(webhook), {"url": webhook.url, "description": "", "events": ["*"]})

    assert Webhook.objects.get().is_active is False
    assert WebhookDelivery.objects.get().state == "DEAD"


def test_the_buttons(backoffice: Any, adam: User, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    browser = backoffice(adam)
    before = signatures.opened(webhook.secret)

    address = page(webhook).removesuffix("change/")
    assert "It gets a ping at once" in browser.get(f"{address}send-ping/").content.decode()
    browser.post(f"{address}send-ping/")
    rotated = browser.post(f"{address}rotate-secret/")
    deliver()

    assert receiver.types == ["ping"]
    webhook.refresh_from_db()
    assert signatures.opened(webhook.secret) in rotated.content.decode()
    assert signatures.opened(webhook.previous_secret) == before


def test_dead_letters_are_found_and_sent_again(backoffice: Any, adam: User, receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    AlertFactory.create()
    AlertFactory.create()
    WebhookDelivery.objects.update(state="DEAD", finished_at=timezone.now(), attempts=10)
    browser = backoffice(adam)
    assert browser.get(LIST, {"state__exact": "DEAD"}).context["cl"].result_count == 2

    keys = [str(pk) for pk in WebhookDelivery.objects.values_list("pk", flat=True)]
    browser.post(LIST, {"action": "replay", "_selected_action": keys})
    deliver()

    assert receiver.types == ["alert.raised", "alert.raised"]
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"SUCCEEDED"}


def test_a_page_of_a_delivery_shows_every_try(backoffice: Any, adam: User, receiver: Receiver) -> None:
    receiver.answer, receiver.body = 500, b"the <b>disk</b> is full"
    make_webhook(url=receiver.url)
    AlertFactory.create(title="Leaks & drips")
    deliver()

    shown = backoffice(adam).get(page(WebhookDelivery.objects.get())).content.decode()

    assert "the &lt;b&gt;disk&lt;/b&gt; is full" in shown
    assert "Leaks &amp; drips" in shown


def test_managers_stay_outside(backoffice: Any, mona: User) -> None:
    assert backoffice(mona).get(LIST).status_code == 403
