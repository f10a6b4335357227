from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from aiassist import quota
from aiassist.models import Analysis
from aiassist.providers import registry
from alerts.models import Alert
from alerts.signals import alert_raised
from faultreporter.attachments.models import Attachment

MOST_IMAGES = 5


@receiver(alert_raised, sender=Alert)
def analyze_new_alert(*, alert: Alert, analyze: bool, **_kwargs: Any) -> None:
    """Whoever reported the fault wants to know what it is: ask in the transaction that stores the alert."""
    if not analyze:
        return
    at = timezone.now()
    images = alert.attachments.filter(kind=Attachment.Kind.IMAGE).order_by("created_at", "id")[:MOST_IMAGES]
    Analysis.objects.ask(
        by=alert.reported_by,
        at=at,
        provider=quota.within(by=alert.reported_by, provider=registry.AUTO, at=at),
        images=list(images),
        equipment=alert.equipment,
        alert=alert,
    )
