"""News from the people's own app."""

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from faultreporter.accounts.models import User
from faultreporter.accounts.signals import signed_out
from faultreporter.notifications.models import PushTarget


@receiver(signed_out)
def forget_phone(user: User, device_id: UUID | None, everywhere: bool, **_: Any) -> None:
    """A phone that somebody signed out of shows nothing of theirs any more."""
    phones = PushTarget.objects.for_user(user)
    if everywhere:
        phones.delete()
    elif device_id is not None:
        phones.filter(pk=device_id).delete()
