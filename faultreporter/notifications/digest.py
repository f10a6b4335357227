"""Once a day, at the person's own hour: what is unread and went neither by push nor by e-mail."""

from datetime import date, datetime

import structlog
from django.db import transaction

from faultreporter.notifications import mail
from faultreporter.notifications.models import Delivery, DeliveryAttempt, NotificationPreferences
from faultreporter.notifications.models.delivery import LedgerQuerySet
from faultreporter.notifications.push import Outcome, Result

log = structlog.get_logger(__name__)

MOST_LINES = 100


def send_digests(*, at: datetime) -> int:
    """Send everybody's digest whose hour has come; says how many went out. However many call this, each goes once."""
    wanted = NotificationPreferences.objects.filter(digest=NotificationPreferences.Digest.DAILY, user__is_active=True)
    sent = 0
    for preferences in wanted.select_related("user").iterator():
        day = preferences.digest_day(at=at)
        if day is not None and preferences.claim_digest(day):
            sent += send_digest(preferences, day, at=at)
    return sent


def send_digest(preferences: NotificationPreferences, day: date, *, at: datetime) -> bool:
    """The day is claimed. A crash from here on leaves the lines pending, so the next day's digest has them."""
    user = preferences.user
    held = Delivery.objects.pending(Delivery.Channel.DIGEST).filter(notification__user=user)
    skip_what_was_read(held, at=at)
    lines = list(held.select_related("notification__user").order_by("-notification__created_at")[:MOST_LINES])
    if not lines:
        return False
    outcome = mail.send([mail.digest_of(user, [line.notification for line in lines], key=f"{user.pk}-{day}")])[0]
    write_down(lines, outcome, at=at)
    if outcome.result != Result.SENT:
        log.warning("digest_not_sent", user=str(user.pk), reason=outcome.reason)
        NotificationPreferences.objects.filter(pk=preferences.pk).update(digest_sent_on=preferences.digest_sent_on)
    return outcome.result == Result.SENT


def skip_what_was_read(held: LedgerQuerySet, *, at: datetime) -> None:
    read = held.filter(notification__read_at__isnull=False).values("pk")
    Delivery.objects.filter(pk__in=read).update(state=Delivery.State.SKIPPED, reason=Delivery.Reason.READ)


def write_down(lines: list[Delivery], outcome: Outcome, *, at: datetime) -> None:
    with transaction.atomic():
        DeliveryAttempt.objects.bulk_create(
            DeliveryAttempt(
                delivery=line, at=at, outcome=outcome.result, reason=outcome.reason, detail=outcome.detail,
                provider_id=outcome.provider_id, milliseconds=outcome.milliseconds,
            )
            for line in lines
        )  # fmt: skip
        if outcome.result == Result.SENT:
            Delivery.objects.filter(pk__in=[line.pk for line in lines]).update(state=Delivery.State.SENT, sent_at=at)
