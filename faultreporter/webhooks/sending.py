"""Carrying deliveries out: claim, call without any lock, write down how it went, plan what comes next."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from faultreporter import __version__
from faultreporter.accounts.models import User
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify
from faultreporter.outbox import publish, publish_at, publish_each
from faultreporter.webhooks import signatures, transport
from faultreporter.webhooks.addresses import UnknownHost, UrlRefused
from faultreporter.webhooks.models import Webhook, WebhookDelivery
from faultreporter.webhooks.models.webhook import PATIENCE
from faultreporter.webhooks.retries import MOST_ATTEMPTS, next_attempt
from faultreporter.webhooks.services import DELIVER

log = structlog.get_logger(__name__)

Reason = WebhookDelivery.Reason
GONE = 410
LONGEST_TURN: Final = 15.0
"""Seconds one task sends for; then others have their turn, and the rest waits for the next message."""

FAILURES: Final[dict[type[Exception], str]] = {
    UrlRefused: Reason.ADDRESS_REFUSED,
    UnknownHost: Reason.UNKNOWN_HOST,
    transport.TooLate: Reason.TIMEOUT,
    transport.TlsFailed: Reason.TLS,
    transport.Unreachable: Reason.CONNECTION,
    signatures.SecretUnreadable: Reason.SECRET_UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended."""

    reason: str
    status: int | None = None
    text: str = ""
    retry_after: str = ""
    milliseconds: int = 0

    @property
    def ok(self) -> bool:
        return self.reason == Reason.DELIVERED


def drain(webhook_id: UUID) -> int:
    """Send what is due to this webhook, one after the other; returns how many were tried."""
    started, tried = time.monotonic(), 0
    while delivery := WebhookDelivery.claim(webhook_id, at=timezone.now()):
        tried += 1
        outcome = attempt(delivery, at=timezone.now())
        with acting(by=None, source=AuditLog.Source.TASK):
            settle(delivery, outcome, at=timezone.now())
            if time.monotonic() - started > LONGEST_TURN:
                publish(DELIVER, webhook_id=webhook_id)
                break
    return tried


def attempt(delivery: WebhookDelivery, *, at: datetime) -> Outcome:
    """The request itself. No transaction is open and no lock is held meanwhile."""
    started = time.monotonic()
    try:
        answer = transport.post(delivery.webhook.url, **signed(delivery, at=at))
    except tuple(FAILURES) as error:
        reason = next(reason for kind, reason in FAILURES.items() if isinstance(error, kind))
        outcome = Outcome(reason, text=str(error)[: transport.KEPT_OF_ANSWER], milliseconds=since(started))
    else:
        reason = reason_of(answer.status)
        outcome = Outcome(reason, answer.status, answer.text, answer.retry_after, since(started))
    log.info(
        "webhook_attempt", webhook=str(delivery.webhook_id), delivery=str(delivery.pk), attempt=delivery.attempts,
        result=outcome.reason, status=outcome.status, milliseconds=outcome.milliseconds,
    )  # fmt: skip
    return outcome


def signed(delivery: WebhookDelivery, *, at: datetime) -> dict[str, Any]:
    body = orjson.dumps(delivery.event.payload())
    signature = signatures.headers(
        delivery.webhook.signing_secrets(at=at),
        message_id=delivery.event.message_id, timestamp=int(at.timestamp()), body=body,
    )  # fmt: skip
    agent = {"Content-Type": "application/json", "User-Agent": f"FaultReporter/{__version__}"}
    return {"body": body, "headers": {**agent, **signature}}


def reason_of(status: int) -> str:
    if 200 <= status < 300:
        return Reason.DELIVERED
    if status == GONE:
        return Reason.GONE
    return Reason.REDIRECT if 300 <= status < 400 else Reason.STATUS


def settle(delivery: WebhookDelivery, outcome: Outcome, *, at: datetime) -> None:
    """Write the attempt's end. Locks the webhook, then the delivery, as claiming does."""
    webhook = Webhook.objects.lock().get(pk=delivery.webhook_id)
    delivery.ledger.filter(pk=delivery.current.pk).update(
        reason=outcome.reason, status=outcome.status, milliseconds=outcome.milliseconds, answer=outcome.text
    )
    webhook.note_health(ok=outcome.ok, at=at)
    claimed_until = delivery.claimed_until
    delivery.refresh_from_db(fields=["state", "claimed_until"])
    # Meanwhile somebody may have switched the webhook off, or taken us for dead: then only good news counts.
    ours = delivery.state == WebhookDelivery.State.PENDING and delivery.claimed_until == claimed_until
    if outcome.ok:
        delivery.finish(state=WebhookDelivery.State.SUCCEEDED, reason=outcome.reason, status=outcome.status, at=at)
    elif ours:
        plan_next(delivery, webhook, outcome, at=at)


def plan_next(delivery: WebhookDelivery, webhook: Webhook, outcome: Outcome, *, at: datetime) -> None:
    """Again later, or never: the last attempt, or the receiver wants no more."""
    if outcome.reason == Reason.GONE or delivery.attempts >= MOST_ATTEMPTS:
        delivery.finish(state=WebhookDelivery.State.DEAD, reason=outcome.reason, status=outcome.status, at=at)
    else:
        until = next_attempt(delivery.attempts, at=at, retry_after=outcome.retry_after)
        delivery.postpone(until=until, reason=outcome.reason, status=outcome.status)
        publish_at(max(until, webhook.paused_until or until), DELIVER, webhook_id=webhook.pk)
    if outcome.reason == Reason.GONE:
        give_up(webhook, at=at, reason=_("The receiver answered 410 Gone."))
    elif webhook.has_tried_long_enough(at=at):
        days = {"days": PATIENCE.days}
        give_up(webhook, at=at, reason=_("Nothing but failures for %(days)d days.") % days)


def give_up(webhook: Webhook, *, at: datetime, reason: str) -> None:
    """Switch it off, and tell whoever made it, or the administrators if nobody did."""
    if not webhook.switch_off(at=at, reason=reason):
        return
    owner = webhook.created_by
    administrators = User.objects.filter(role=User.Role.ADMIN, is_active=True)
    notify(
        people=[owner] if owner and owner.is_active else administrators,
        kind=Notification.Kind.SYSTEM,
        title=_("A webhook was switched off: %(webhook)s") % {"webhook": webhook},
        body=_("%(reason)s What waited for it is among the dead letters. Switch it on again when it answers.")
        % {"reason": reason},
        subject=webhook, key=f"webhook:{webhook.pk}:off:{at.isoformat()}", at=at,
    )  # fmt: skip


def sweep(*, at: datetime) -> int:
    """Wakes who sends wherever something is due and nobody is at it: a lost message, a killed worker, a pause's end."""
    with transaction.atomic():
        silent = WebhookDelivery.objects.pending().exclude(webhook__in=Webhook.objects.listening())
        silent.give_up(at=at)
        waiting = WebhookDelivery.objects.due(at).values("webhook")
        busy = WebhookDelivery.objects.under_way(at).values("webhook")
        found = list(Webhook.objects.ready(at).filter(pk__in=waiting).exclude(pk__in=busy).values_list("pk", flat=True))
        publish_each(DELIVER, [{"webhook_id": pk} for pk in found])
    return len(found)


def since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
