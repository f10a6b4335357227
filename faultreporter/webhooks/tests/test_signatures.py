"""What is signed, and that the snippet of the docs verifies it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog
from faultreporter.outbox.testing import deliver
from faultreporter.tests.documentation import DOCS
from faultreporter.webhooks import signatures
from faultreporter.webhooks.models import Webhook
from faultreporter.webhooks.tests.factories import make_webhook
from faultreporter.webhooks.tests.receiver import Received, Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def verify(*args: Any, **kwargs: Any) -> Any:
    """The function of docs/webhooks.md, as it stands there."""
    snippet = re.search(r"^```python\n(.*?)^```$", (DOCS / "webhooks.md").read_text(), re.MULTILINE | re.DOTALL)
    assert snippet
    namespace: dict[str, Any] = {}
    exec(snippet[1], namespace)
    return namespace["verify"](*args, **kwargs)


def test_the_schemes_own_example() -> None:
    """The test vector that standardwebhooks.com and its libraries publish."""
    body = b'{"test": 2432232314}'

    signed = signatures.signature(SECRET, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body)

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.django_db
def test_the_docs_snippet_verifies_what_arrives(receiver: Receiver) -> None:
    plain = signed_webhook(receiver)
    AlertFactory.create()
    deliver()

    request = receiver.received[0]

    assert verify(request.body, request.headers, plain)["type"] == "alert.raised"


def signed_webhook(receiver: Receiver) -> str:
    webhook = make_webhook(url=receiver.url)
    return signatures.opened(webhook.secret)


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["body", "id", "timestamp", "secret", "old"])
def test_the_docs_snippet_refuses_what_isnt_ours(receiver: Receiver, wrong: str) -> None:
    plain = signed_webhook(receiver)
    AlertFactory.create()
    deliver()
    request = receiver.received[0]
    body, headers = request.body, dict(request.headers)
    if wrong == "body":
        body = body.replace(b"alert.raised", b"alert.closed")
    elif wrong == "secret":
        plain = signatures.new_secret()
    elif wrong == "old":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) - 3600)
    else:
        headers[f"webhook-{wrong}"] = headers[f"webhook-{wrong}"][:-1] + "0"
        headers["webhook-id"] += "x"

    with pytest.raises(ValueError):
        verify(body, headers, plain)


@pytest.mark.django_db
def test_both_secrets_sign_while_rotating(receiver: Receiver, adam: User) -> None:
    webhook = make_webhook(url=receiver.url)
    old = signatures.opened(webhook.secret)
    new = webhook.rotate_secret(by=adam, at=timezone.now())
    AlertFactory.create()
    deliver()

    request: Received = receiver.received[0]

    assert len(request.headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        verify(request.body, request.headers, secret)


@pytest.mark.django_db
def test_after_a_week_the_old_secret_signs_no_more(adam: User) -> None:
    webhook = make_webhook()
    at = timezone.now()
    new = webhook.rotate_secret(by=adam, at=at)

    assert len(webhook.signing_secrets(at=at + timedelta(days=6))) == 2
    assert webhook.signing_secrets(at=at + timedelta(days=7)) == [new]


@pytest.mark.django_db
def test_the_secret_is_nowhere_in_plain_text(adam: User) -> None:
    webhook = make_webhook()
    plain = webhook.rotate_secret(by=adam, at=timezone.now())

    stored = Webhook.objects.values().get()
    audited = list(AuditLog.objects.filter(entity_type="webhooks").values_list("changes", flat=True))

    assert plain.removeprefix("whsec_") not in str(stored)
    assert stored["secret"] not in str(audited)
    assert {"***"} == {value for change in audited for value in change.get("secret", []) if value}
