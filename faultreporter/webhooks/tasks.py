from uuid import UUID

from celery import shared_task
from django.utils import timezone

from faultreporter.webhooks import sending
from faultreporter.webhooks.models.event import KEPT_FOR, WebhookEvent

BATCH = 1000


@shared_task(name="faultreporter.webhooks.tasks.deliver")
def deliver(*, webhook_id: str) -> int:
    return sending.drain(UUID(webhook_id))


@shared_task(name="faultreporter.webhooks.tasks.sweep")
def sweep() -> int:
    return sending.sweep(at=timezone.now())


@shared_task(name="faultreporter.webhooks.tasks.prune")
def prune() -> int:
    """Forget events of more than 30 days ago, with their deliveries; says how many."""
    old = WebhookEvent.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).order_by("created_at")
    forgotten = 0
    while keys := list(old.values_list("pk", flat=True)[:BATCH]):
        WebhookEvent.objects.filter(pk__in=keys).delete()
        forgotten += len(keys)
    return forgotten
