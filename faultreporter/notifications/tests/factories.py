from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification, PushTarget
from faultreporter.notifications.services import notify

numbers = iter(range(1, 1_000_000))


def tell(*people: User, **fields: Any) -> int:
    """People are told of a fault; about whom or what doesn't matter here."""
    number = next(numbers)
    given = {
        "kind": Notification.Kind.ALERT_RAISED, "title": f"Fault {number}", "body": "It leaks.", "subject": people[0],
        "key": f"fault-{number}", "at": timezone.now(), "group": f"machine:{number}", "about": "Chiller 2",
    }  # fmt: skip
    with transaction.atomic():
        return notify(people=people, **(given | fields))


def phone_of(user: User, value: str = "", *, at: datetime | None = None, **fields: Any) -> PushTarget:
    given = {"provider": PushTarget.Provider.FCM_FID, "platform": PushTarget.Platform.ANDROID} | fields
    return PushTarget.objects.register(
        user=user, value=value or f"fid-{next(numbers)}", at=at or timezone.now(), **given
    )
