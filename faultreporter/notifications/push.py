"""The push service, as this app sees it: messages go out, outcomes come back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import structlog
from django.conf import settings

from faultreporter.notifications.models import Delivery, DeliveryAttempt, Severity, weight
from faultreporter.notifications.wording import headline, subject_name, text

if TYPE_CHECKING:
    from faultreporter.notifications.fcm import FcmSdk

log = structlog.get_logger(__name__)

Result = DeliveryAttempt.Outcome


@dataclass(frozen=True, slots=True)
class Push:
    """One message to one phone. `collapse_id` is the same for all of a group: the phone shows the last of them."""

    provider: str
    value: str
    title: str
    body: str
    collapse_id: str
    is_urgent: bool
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt. `retry_after` is what the service asked for."""

    result: Result
    reason: str = ""
    detail: str = ""
    provider_id: str = ""
    milliseconds: int | None = None
    retry_after: timedelta = field(default_factory=timedelta)


def is_configured() -> bool:
    return bool(settings.FIREBASE_SERVICE_ACCOUNT_PATH)


@cache
def fcm() -> "FcmSdk":
    from faultreporter.notifications.fcm import FcmSdk  # noqa: PLC0415 - heavy, only workers that send need it

    return FcmSdk(
        service_account_path=settings.FIREBASE_SERVICE_ACCOUNT_PATH,
        project_id=settings.FIREBASE_PROJECT_ID,
        url=settings.FCM_URL,
    )


def send(pushes: Sequence[Push]) -> list[Outcome]:
    """Send all at once, at most fifty; one outcome each, whatever happens."""
    try:
        service = fcm()
    except (OSError, ValueError) as error:
        log.error("firebase_misconfigured", error=str(error))
        return [Outcome(Result.RETRY, "MISCONFIGURED", str(error)[:500]) for _push in pushes]
    return service.send(pushes)


def message_of(delivery: Delivery) -> Push:
    about, target = delivery.notification, delivery.target
    assert target is not None  # noqa: S101 - whoever claims a delivery has looked
    return Push(
        provider=target.provider,
        value=target.value,
        title=headline(delivery),
        body=text(delivery),
        collapse_id=collapse_id(about.group),
        is_urgent=weight(about.severity) >= weight(Severity.HIGH),
        data={
            "notification_id": str(about.pk),
            "kind": about.kind,
            "severity": about.severity,
            "subject_type": subject_name(about),
            "subject_id": about.subject_id,
            "count": str(delivery.stands_for),
        },
    )


def collapse_id(group: str) -> str:
    """Short enough for Apple's 64 bytes, whatever the group is called."""
    return hashlib.sha256(group.encode()).hexdigest()[:32]
