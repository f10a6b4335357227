"""Telling people. Every app calls `notify` inside the transaction of what it tells about."""

from collections.abc import Iterable
from datetime import datetime

from django.db import models

from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.outbox import publish


def notify(
    *, people: Iterable[User], kind: Notification.Kind, title: str, body: str, subject: models.Model,
    severity: str = Notification.Severity.MEDIUM, key: str, at: datetime, group: str = "", about: str = "",
) -> int:  # fmt: skip
    """Put one line into each person's inbox, and have it carried to them after the commit; says how many are new.

    `key` makes it happen once per person, ever: use what happened, as in f"alert:{pk}:raised". Those of one `group`
    (default: the subject) share a push, in which `about` names the group: "3 alerts on Chiller 2". A severity of
    CRITICAL breaks quiet hours. People who aren't active are left out; whether the others may see the subject is for
    the caller to know. The number of queries doesn't depend on the number of people.
    """
    rows = [
        Notification(
            user=person, kind=kind, severity=severity, title=title[:200], body=body, key=key,
            created_at=at, about=about[:200], subject_type=subject._meta.label_lower, subject_id=str(subject.pk),
            group=group or group_of(subject),
        )
        # In one order everywhere: two who tell the same people the same thing wait for each other, and don't deadlock.
        for person in sorted({person.pk: person for person in people}.values(), key=lambda person: person.pk)
        if person.is_active
    ]  # fmt: skip
    if not rows:
        return 0
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    # A row that was there already keeps its own id, so ours count the new ones.
    told = Notification.objects.filter(pk__in=[row.pk for row in rows]).count()
    if told:
        publish("faultreporter.notifications.tasks.deliver")
    return told


def group_of(subject: models.Model) -> str:
    return f"{subject._meta.model_name}:{subject.pk}"
