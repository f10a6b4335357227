"""Sending what is due. Workers claim deliveries in small batches; the row says how each stands, whoever dies.

The claim and a ledger row are committed before anything is sent, the outcome after. A worker that is killed in between
leaves a claim that runs out and a ledger row without an answer; the delivery is then sent again.
"""

import random
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.notifications import mail, push
from faultreporter.notifications.models import Delivery, DeliveryAttempt, NotificationPreferences, PushTarget
from faultreporter.notifications.planning import stand_in
from faultreporter.notifications.push import Outcome, Result
from faultreporter.outbox import publish_at

WAKE_UP = "faultreporter.notifications.tasks.deliver"
AT_ONCE = {Delivery.Channel.PUSH: 50, Delivery.Channel.EMAIL: 20}
# With doubling pauses: pushes for about four minutes, e-mails for about four hours.
MOST_TRIES = {Delivery.Channel.PUSH: 5, Delivery.Channel.EMAIL: 9}
FIRST_PAUSE = {Delivery.Channel.PUSH: timedelta(seconds=15), Delivery.Channel.EMAIL: timedelta(minutes=1)}

Claimed = Sequence[tuple[Delivery, DeliveryAttempt]]
Clock = Callable[[], datetime]


def send_pushes(*, now: Clock) -> int:
    """One batch; says how many were taken."""
    claimed = claim(Delivery.Channel.PUSH, at=now())
    if claimed:
        outcomes = push.send([push.message_of(delivery) for delivery, _attempt in claimed])
        record(claimed, outcomes, at=now())
    return len(claimed)


def send_emails(*, now: Clock) -> int:
    claimed = claim(Delivery.Channel.EMAIL, at=now())
    if claimed:
        outcomes = mail.send([mail.mail_of(delivery) for delivery, _attempt in claimed])
        record(claimed, outcomes, at=now())
    return len(claimed)


def claim(channel: Delivery.Channel, *, at: datetime) -> Claimed:
    """Take some that are due, for two minutes. What needn't or can't be sent any more is settled instead."""
    with transaction.atomic():
        due = Delivery.objects.due(channel, at=at).order_by("due_at", "id")
        free = due.select_for_update(of=("self",), skip_locked=True, no_key=True)
        rows = list(free.select_related("notification__user", "target")[: AT_ONCE[channel]])
        preferences = NotificationPreferences.of_all({row.notification.user for row in rows})
        ready, token = [], uuid.uuid4()
        for row in rows:
            if is_ready(row, preferences[row.notification.user_id], at=at):
                row.claim, row.claimed_until, row.tries = token, at + Delivery.LEASE, row.tries + 1
                ready.append(row)
        write(rows, at=at)
        stand_in(notifications={row.notification_id for row in rows if row.state == Delivery.State.DEAD}, at=at)
        attempts = DeliveryAttempt.objects.bulk_create(DeliveryAttempt(delivery=row, at=at) for row in ready)
    return list(zip(ready, attempts, strict=True))


def is_ready(row: Delivery, preferences: NotificationPreferences, *, at: datetime) -> bool:
    """Whether it still has to go, now. The row is locked; what is to be written about it is in it afterwards."""
    about = row.notification
    if about.read_at is not None:
        row.skip(Delivery.Reason.READ)
    elif not about.user.is_active:
        row.skip(Delivery.Reason.INACTIVE)
    elif row.channel == Delivery.Channel.PUSH:
        quiet_end = preferences.push_time(about, at=at)
        if row.target is None or row.target.user_id != about.user_id:
            row.state, row.reason = Delivery.State.DEAD, Delivery.Reason.TARGET_GONE
        elif quiet_end > at:
            row.due_at, row.reason, row.claim, row.claimed_until = quiet_end, Delivery.Reason.QUIET_HOURS, None, None
        else:
            return True
        return False
    return row.state == Delivery.State.PENDING


def record(claimed: Claimed, outcomes: Sequence[Outcome], *, at: datetime) -> None:
    """Write down what became of each, and what follows from it."""
    with transaction.atomic():
        write_ledger(claimed, outcomes)
        locked = Delivery.objects.select_for_update(of=("self",), no_key=True).order_by("id")
        rows = locked.in_bulk([row.pk for row, _attempt in claimed])
        for (taken, _attempt), outcome in zip(claimed, outcomes, strict=True):
            if (row := rows.get(taken.pk)) is not None and row.state == Delivery.State.PENDING:
                settle(row, outcome, was_ours=row.claim == taken.claim, at=at)
        write(rows.values(), at=at)
        ended = [row for row in rows.values() if row.state in (Delivery.State.FAILED, Delivery.State.DEAD)]
        stand_in(notifications={row.notification_id for row in ended}, at=at)
        again = [row.due_at for row in rows.values() if row.state == Delivery.State.PENDING]
        if again:
            publish_at(min(again), WAKE_UP)
    forget_targets({row.target_id for row in ended if row.state == Delivery.State.DEAD and row.target_id}, at=at)


def write_ledger(claimed: Claimed, outcomes: Sequence[Outcome]) -> None:
    for (_delivery, attempt), outcome in zip(claimed, outcomes, strict=True):
        attempt.outcome, attempt.reason, attempt.detail = outcome.result, outcome.reason, outcome.detail
        attempt.provider_id, attempt.milliseconds = outcome.provider_id, outcome.milliseconds
    fields = ["outcome", "reason", "detail", "provider_id", "milliseconds"]
    DeliveryAttempt.objects.bulk_update([attempt for _delivery, attempt in claimed], fields)


def settle(row: Delivery, outcome: Outcome, *, was_ours: bool, at: datetime) -> None:
    """How the delivery stands after this outcome. If another worker took it over meanwhile, only success counts."""
    channel = Delivery.Channel(row.channel)
    if outcome.result == Result.SENT:
        row.state, row.reason, row.sent_at = Delivery.State.SENT, "", at
    elif not was_ours:
        return
    elif outcome.result == Result.TARGET_GONE:
        row.state, row.reason = Delivery.State.DEAD, Delivery.Reason.TARGET_GONE
    elif outcome.result == Result.REFUSED:
        row.state, row.reason = Delivery.State.FAILED, Delivery.Reason.REFUSED
    elif row.tries >= MOST_TRIES[channel]:
        row.state, row.reason = Delivery.State.FAILED, Delivery.Reason.PROVIDER_DOWN
    else:
        row.reason = Delivery.Reason.PROVIDER_DOWN
        row.due_at = at + max(pause(row.tries, first=FIRST_PAUSE[channel]), outcome.retry_after)
    row.claim = row.claimed_until = None


def pause(tries: int, *, first: timedelta) -> timedelta:
    """Twice as long after each try, give or take a fifth, so that many don't come back in the same second."""
    factor: float = 2 ** (tries - 1) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
    return first * factor


def forget_targets(gone: Collection[uuid.UUID], *, at: datetime) -> None:
    """Phones the service no longer knows, and what was still on its way to them.

    In a transaction of its own: another worker may hold deliveries to the same phone, and is waited for. All of them
    are locked, in the order of `record`: deleting the phone writes to the settled ones too, in the order they lie in.
    """
    if not gone:
        return
    with transaction.atomic(), acting(by=None, source=AuditLog.Source.TASK):
        theirs = Delivery.objects.filter(target__in=gone).order_by("id")
        locked = theirs.select_for_update(of=("self",), no_key=True)
        stranded = [row for row in locked if row.state == Delivery.State.PENDING]
        for row in stranded:
            row.state, row.reason, row.claim = Delivery.State.DEAD, Delivery.Reason.TARGET_GONE, None
        write(stranded, at=at)
        PushTarget.objects.filter(pk__in=gone).delete()
        stand_in(notifications={row.notification_id for row in stranded}, at=at)


def write(rows: Collection[Delivery], *, at: datetime) -> None:
    for row in rows:
        row.updated_at = at
    fields = ["state", "reason", "due_at", "tries", "claim", "claimed_until", "sent_at", "updated_at"]
    Delivery.objects.bulk_update(rows, fields)
