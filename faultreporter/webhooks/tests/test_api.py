"""/webhooks: for administrators; a secret is shown once, an address is checked, a dead letter is sent again."""

from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from alerts.tests.test_budgets import cost
from faultreporter.accounts.models import User
from faultreporter.outbox.testing import deliver
from faultreporter.testing import assert_error
from faultreporter.webhooks import signatures
from faultreporter.webhooks.models import Webhook, WebhookDelivery
from faultreporter.webhooks.tests.factories import make_webhook
from faultreporter.webhooks.tests.receiver import Receiver

pytestmark = pytest.mark.django_db
URL = "/api/v1/webhooks"
BODY = {"url": "https://8.8.8.8/hooks", "description": "Building management", "events": ["alert.raised"]}


def test_it_works(api: Any, adam: User) -> None:
    made = api(adam).post(URL, BODY)

    data = made.json()["data"]
    assert made.status_code == 201
    assert made["Location"] == f"{URL}/{data['id']}"
    assert data["secret"].startswith("whsec_")
    webhook = Webhook.objects.get()
    assert signatures.opened(webhook.secret) == data["secret"]
    assert webhook.created_by == adam
    again = api(adam).get(f"{URL}/{data['id']}").json()["data"]
    assert {**again, "secret": data["secret"]} == data
    assert "secret" not in again


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "http://8.8.8.8/"}, "url"), ({"url": "https://127.0.0.1/"}, "url"), ({"url": 7}, "url"),
        ({"url": "https://nowhere.invalid/"}, "url"), ({"events": ["alert.exploded"]}, "events"),
        ({"events": []}, "events"), ({"events": ["ping"]}, "events"), ({"secret": "whsec_mine"}, "secret"),
        ({"disabled_at": None}, "disabled_at"),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_field(api: Any, adam: User, wrong: dict[str, Any], field: str) -> None:
    body = api(adam).post(URL, {**BODY, **wrong}).json()

    assert body["error"]["status"] == 400
    assert body["error"]["details"][0]["field"].startswith(field)
    assert not Webhook.objects.exists()


def test_a_change_is_checked_too(api: Any, adam: User) -> None:
    webhook = make_webhook()

    assert_error(api(adam).put(f"{URL}/{webhook.pk}", {"url": "https://10.0.0.1/"}), 400, "VALIDATION_ERROR", "url")
    assert api(adam).put(f"{URL}/{webhook.pk}", {"url": "https://1.1.1.1/", "events": ["*"]}).status_code == 200


def test_switched_off_and_on(api: Any, adam: User) -> None:
    webhook = make_webhook(url="https://1.1.1.1/")
    AlertFactory.create()

    off = api(adam).patch(f"{URL}/{webhook.pk}", {"is_active": False}).json()["data"]

    assert off["is_active"] is False
    assert WebhookDelivery.objects.get().state == "DEAD"
    assert_error(api(adam).post(f"{URL}/{webhook.pk}/test"), 409, "INVALID_TRANSITION")
    webhook.refresh_from_db()
    Webhook.objects.update(disabled_at=timezone.now(), disabled_reason="It was gone")

    on = api(adam).patch(f"{URL}/{webhook.pk}", {"is_active": True}).json()["data"]

    assert (on["is_active"], on["disabled_at"], on["disabled_reason"]) == (True, None, "")


def test_rotating_shows_a_new_secret_once(api: Any, adam: User) -> None:
    webhook = make_webhook()

    data = api(adam).post(f"{URL}/{webhook.pk}/rotate-secret").json()["data"]

    webhook.refresh_from_db()
    assert signatures.opened(webhook.secret) == data["secret"]
    assert data["previous_expires_at"] is not None


def test_a_test_event_arrives_and_can_be_followed(api: Any, adam: User, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url, events=["alert.closed"])

    sent = api(adam).post(f"{URL}/{webhook.pk}/test")
    deliver()

    assert sent.status_code == 202
    assert receiver.types == ["ping"]
    detail = api(adam).get(sent["Location"]).json()["data"]
    assert (detail["state"], detail["event"], detail["next_attempt_at"]) == ("SUCCEEDED", "ping", None)
    assert detail["payload"]["id"] == detail["event_id"] == receiver.received[0].headers["webhook-id"]
    assert [attempt["status"] for attempt in detail["ledger"]] == [204]


def test_deliveries_newest_first_by_state_and_event(api: Any, adam: User, mona: User) -> None:
    webhook = make_webhook(events=["*"])
    make_webhook(events=["*"])
    alert = AlertFactory.create()
    alert.acknowledge(by=mona, at=timezone.now())

    def listed(**query: str) -> list[str]:
        answer = api(adam).get(f"{URL}/{webhook.pk}/deliveries", query).json()
        return [delivery["event"] for delivery in answer["data"]]

    assert listed() == ["alert.acknowledged", "alert.raised"]
    assert listed(event="alert.raised") == ["alert.raised"]
    assert listed(state="dead") == []
    assert len(listed(state="pending,dead")) == 2


def test_a_dead_letter_is_sent_again(api: Any, adam: User, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    AlertFactory.create()
    WebhookDelivery.objects.update(state="DEAD", finished_at=timezone.now(), attempts=10)
    address = f"{URL}/{webhook.pk}/deliveries/{WebhookDelivery.objects.get().pk}"

    answer = api(adam).post(f"{address}/replay")
    again = api(adam).post(f"{address}/replay")
    deliver()

    assert (answer.status_code, answer["Location"], answer.json()["data"]["state"]) == (202, address, "PENDING")
    assert_error(again, 409, "INVALID_TRANSITION")
    assert api(adam).get(address).json()["data"]["state"] == "SUCCEEDED"


def test_another_webhooks_delivery_is_not_found(api: Any, adam: User) -> None:
    mine, other = make_webhook(events=["alert.raised"]), make_webhook(events=["alert.closed"])
    AlertFactory.create()
    delivery = WebhookDelivery.objects.get(webhook=mine)

    assert_error(api(adam).get(f"{URL}/{other.pk}/deliveries/{delivery.pk}"), 404, "NOT_FOUND")
    assert_error(api(adam).get(f"{URL}/{delivery.pk}/deliveries"), 404, "NOT_FOUND")


def test_deleting_ends_it(api: Any, adam: User) -> None:
    webhook = make_webhook()
    AlertFactory.create()

    assert api(adam).delete(f"{URL}/{webhook.pk}").status_code == 204

    assert api(adam).get(URL).json()["data"] == []
    assert WebhookDelivery.objects.get().state == "DEAD"


def test_budgets(api: Any, adam: User) -> None:
    webhook = make_webhook()
    for _ in range(3):
        AlertFactory.create()
    delivery = WebhookDelivery.objects.first()

    assert cost(lambda: api(adam).get(URL)) <= 4
    assert cost(lambda: api(adam).get(f"{URL}/{webhook.pk}/deliveries", {"page_size": 2})) <= 4
    assert cost(lambda: api(adam).get(f"{URL}/{webhook.pk}/deliveries/{delivery.pk}")) <= 5
    assert cost(lambda: api(adam).post(URL, BODY)) <= 8
