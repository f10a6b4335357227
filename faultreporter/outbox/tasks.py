from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from faultreporter.outbox.models import OutboxMessage

KEPT_FOR = timedelta(days=7)


@shared_task(name="faultreporter.outbox.tasks.prune")
def prune() -> int:
    """Forget messages that were published more than a week ago."""
    deleted, _ = OutboxMessage.objects.published_before(timezone.now() - KEPT_FOR).delete()
    return deleted
