"""The team's phones and inboxes: what the story told people, and how it reached them."""

import random
from datetime import datetime, time, timedelta

from django.db import connection

from faultreporter.demo.people import Team
from faultreporter.notifications.models import (
    Delivery,
    DeliveryAttempt,
    Notification,
    NotificationPreferences,
    PushTarget,
)

READ_AFTER = timedelta(hours=30)
# The story is told in one go: lines of the inbox get the time of the timeline's line they are about.
TELL_TIMES = """
UPDATE notifications SET created_at = least(event.at, %s), updated_at = least(event.at, %s)
FROM {table} event WHERE key = '{prefix}:' || event.id
"""


def fill(team: Team, *, now: datetime, rng: random.Random) -> None:
    with connection.cursor() as cursor:
        for table, prefix in (("alert_events", "alert-event"), ("work_order_events", "work-order-event")):
            cursor.execute(TELL_TIMES.format(table=table, prefix=prefix), [now, now])
    give_phones(team, now=now, rng=rng)
    NotificationPreferences.change(team.managers[0], digest="DAILY", digest_hour=7)
    NotificationPreferences.change(team.technicians[0], quiet_from=time(22), quiet_to=time(6))
    Notification.objects.filter(created_at__lt=now - READ_AFTER).mark_read(now - READ_AFTER)
    carry(now=now, rng=rng)


def give_phones(team: Team, *, now: datetime, rng: random.Random) -> None:
    """Everybody who works has the app; managers sit at their desks and get e-mails."""
    for person in [*team.technicians, *team.reporters]:
        PushTarget.objects.register(
            user=person, provider=PushTarget.Provider.FCM_FID, value=f"demo-{rng.randbytes(8).hex()}",
            platform=rng.choice(PushTarget.Platform.values[:2]), app_version="3.1.4",
            at=now - timedelta(hours=rng.randrange(1, 200)),
        )  # fmt: skip


def carry(*, now: datetime, rng: random.Random) -> None:
    """Each line as a push, or as an e-mail to whom no push could go; now and then only at the second try."""
    phones = {target.user_id: target for target in PushTarget.objects.all()}
    told = list(Notification.objects.unplanned().select_related("user").order_by("created_at", "id"))
    deliveries = [
        delivery(one, phones.get(one.user_id), tries=2 if number % 7 == 3 else 1, rng=rng)
        for number, one in enumerate(told)
    ]
    Delivery.objects.bulk_create(deliveries)
    DeliveryAttempt.objects.bulk_create(attempt for made in deliveries for attempt in attempts(made, rng=rng))
    Notification.objects.filter(pk__in=[one.pk for one in told]).update(planned_at=now)


def delivery(about: Notification, phone: PushTarget | None, *, tries: int, rng: random.Random) -> Delivery:
    made = Delivery(
        notification=about, channel=Delivery.Channel.PUSH, target=phone, address=str(phone or ""), tries=tries,
        due_at=about.created_at, created_at=about.created_at,
    )  # fmt: skip
    if phone is None and about.severity not in ("HIGH", "CRITICAL"):
        made.tries = 0
        made.skip(Delivery.Reason.NO_TARGET)
        return made
    if phone is None:
        made.channel, made.address = Delivery.Channel.EMAIL, about.user.email
    made.state = Delivery.State.SENT
    made.sent_at = about.created_at + timedelta(seconds=rng.randrange(1, 4) + 16 * (tries - 1))
    return made


def attempts(made: Delivery, *, rng: random.Random) -> list[DeliveryAttempt]:
    if made.sent_at is None:
        return []
    first = DeliveryAttempt(
        delivery=made, at=made.sent_at - timedelta(seconds=16), outcome=DeliveryAttempt.Outcome.RETRY,
        reason="UNAVAILABLE", detail="The service is currently unavailable.", milliseconds=rng.randrange(200, 900),
    )  # fmt: skip
    last = DeliveryAttempt(
        delivery=made, at=made.sent_at, outcome=DeliveryAttempt.Outcome.SENT,
        provider_id=f"projects/demo/messages/{rng.randrange(10**15)}", milliseconds=rng.randrange(80, 400),
    )  # fmt: skip
    return [first, last] if made.tries > 1 else [last]
