"""Deciding how each notification goes to its person: which phones, when, or an e-mail instead.

Pushes of one person, kind and group share: while one waits, the next takes its place and says how many there are, and
after one was shown the others wait until five minutes are over. A weightier one never waits for a lighter one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from faultreporter.accounts.models import User
from faultreporter.notifications.models import (
    Delivery,
    Notification,
    NotificationPreferences,
    PushTarget,
    Severity,
    weight,
)
from faultreporter.notifications.push import is_configured

BATCH = 200
SHARED_FOR = timedelta(minutes=5)
Thread = tuple[UUID, str, str, UUID | None]


def plan(*, at: datetime, limit: int = BATCH) -> int:
    """Decide about the oldest notifications nobody has decided about, and say how many there were."""
    with transaction.atomic():
        waiting = Notification.objects.unplanned().order_by("created_at", "id").select_related("user")
        rows = list(waiting.select_for_update(of=("self",), skip_locked=True)[:limit])
        if rows:
            Planner(rows, at=at).write()
            Notification.objects.filter(pk__in=[row.pk for row in rows]).update(planned_at=at)
    return len(rows)


def stand_in(*, notifications: Collection[UUID], at: datetime) -> None:
    """Where no push has reached the person or still may, an e-mail or the digest takes over."""
    if not notifications:
        return
    with transaction.atomic():
        asked = Notification.objects.filter(pk__in=notifications).order_by("id").select_related("user")
        rows = list(asked.select_for_update(of=("self",), no_key=True))
        reached = set(Delivery.objects.reaching().filter(notification__in=rows).values_list("notification", flat=True))
        preferences = NotificationPreferences.of_all({row.user for row in rows})
        Delivery.objects.bulk_create(
            (
                delivery
                for row in rows
                if row.pk not in reached
                for delivery in instead_of_push(row, preferences[row.user_id], at=at)
            ),
            ignore_conflicts=True,
        )


def instead_of_push(
    notification: Notification, preferences: NotificationPreferences, *, at: datetime
) -> Iterable[Delivery]:
    email = Delivery(
        notification=notification, channel=Delivery.Channel.EMAIL, address=notification.user.email, due_at=at
    )
    if preferences.wants_email(notification):
        return [email]
    email.skip(Delivery.Reason.NOT_WANTED)
    if preferences.digest == NotificationPreferences.Digest.OFF:
        return [email]
    return [
        email,
        Delivery(notification=notification, channel=Delivery.Channel.DIGEST, address=email.address, due_at=at),
    ]


class Planner:
    """One batch: what is known about its people is read once, what was decided is written once."""

    def __init__(self, notifications: Collection[Notification], *, at: datetime) -> None:
        self.at = at
        self.notifications = notifications
        people = {notification.user for notification in notifications}
        self.preferences = NotificationPreferences.of_all(people)
        self.targets = targets_of(people)
        self.pushes_work = is_configured()
        pushes = Delivery.objects.filter(
            channel=Delivery.Channel.PUSH,
            notification__user__in=people,
            notification__group__in={notification.group for notification in notifications},
        ).select_related("notification")
        waiting = pushes.pending(Delivery.Channel.PUSH).free(at)
        self.waiting = by_thread(waiting.order_by("id").select_for_update(of=("self",), skip_locked=True))
        self.shown = by_thread(pushes.filter(state="SENT", sent_at__gt=at - SHARED_FOR).order_by("sent_at"))
        self.new: list[Delivery] = []
        self.joined: list[Delivery] = []

    def write(self) -> None:
        for notification in self.notifications:
            self.route(notification)
        for delivery in self.joined:
            delivery.updated_at = self.at
        Delivery.objects.bulk_create(self.new)
        Delivery.objects.bulk_update(self.joined, ["state", "reason", "stands_for", "updated_at"])

    def route(self, notification: Notification) -> None:
        preferences = self.preferences[notification.user_id]
        if not notification.user.is_active:
            self.no_push(notification, Delivery.Reason.INACTIVE)
            return
        targets = self.targets[notification.user_id] if preferences.wants_push(notification) else []
        possible = [target for target in targets if self.pushes_work and target.provider in PushTarget.SENDABLE]
        for target in possible:
            self.push(notification, target)
        for target in targets:
            if target not in possible:
                self.no_push(notification, Delivery.Reason.NOT_CONFIGURED, target)
        if not targets:
            wanted = preferences.wants_push(notification)
            self.no_push(notification, Delivery.Reason.NO_TARGET if wanted else Delivery.Reason.NOT_WANTED)
        if not possible:
            self.new += instead_of_push(notification, preferences, at=self.at)

    def no_push(self, notification: Notification, reason: str, target: PushTarget | None = None) -> None:
        delivery = push_to(notification, target, at=self.at)
        delivery.skip(reason)
        self.new.append(delivery)

    def push(self, notification: Notification, target: PushTarget) -> None:
        delivery = push_to(notification, target, at=self.at)
        delivery.due_at = self.preferences[notification.user_id].push_time(notification, at=self.at)
        delivery.reason = Delivery.Reason.QUIET_HOURS if delivery.due_at > self.at else ""
        self.new.append(delivery)
        key = thread_of(delivery)
        if (standing := self.waiting.get(key)) is not None:
            self.join(delivery, standing)
        elif (shown := self.shown.get(key)) is not None:
            self.follow(delivery, shown)
        if delivery.state == Delivery.State.PENDING:
            self.waiting[key] = delivery

    def join(self, delivery: Delivery, standing: Delivery) -> None:
        """Of two that wait, the weightier one goes, else the later; it says how many it stands for."""
        goes, stays = (standing, delivery) if outweighs(standing, delivery) else (delivery, standing)
        goes.stands_for = standing.stands_for + 1
        if goes is delivery and not outweighs(delivery, standing) and not is_critical(delivery):
            goes.due_at, goes.reason = standing.due_at, standing.reason
        stays.skip(Delivery.Reason.COLLAPSED)
        if not standing._state.adding and standing not in self.joined:
            self.joined.append(standing)

    def follow(self, delivery: Delivery, shown: Delivery) -> None:
        """The phone shows one of these since less than five minutes."""
        delivery.stands_for = shown.stands_for + 1
        calm = (shown.sent_at or self.at) + SHARED_FOR
        if calm > delivery.due_at and not outweighs(delivery, shown) and not is_critical(delivery):
            delivery.due_at, delivery.reason = calm, Delivery.Reason.GATHERING


def push_to(notification: Notification, target: PushTarget | None, *, at: datetime) -> Delivery:
    return Delivery(
        notification=notification, channel=Delivery.Channel.PUSH, target=target, address=str(target or ""), due_at=at
    )


def thread_of(delivery: Delivery) -> Thread:
    about = delivery.notification
    return about.user_id, about.kind, about.group, delivery.target_id


def by_thread(deliveries: Iterable[Delivery]) -> dict[Thread, Delivery]:
    """The last of each."""
    return {thread_of(delivery): delivery for delivery in deliveries}


def targets_of(people: Collection[User]) -> dict[UUID, list[PushTarget]]:
    targets: dict[UUID, list[PushTarget]] = defaultdict(list)
    for target in PushTarget.objects.filter(user__in=people).order_by("registered_at", "id"):
        targets[target.user_id].append(target)
    return targets


def outweighs(one: Delivery, other: Delivery) -> bool:
    return weight(one.notification.severity) > weight(other.notification.severity)


def is_critical(delivery: Delivery) -> bool:
    return delivery.notification.severity == Severity.CRITICAL
