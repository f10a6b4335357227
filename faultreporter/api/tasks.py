from celery import shared_task
from django.utils import timezone

from faultreporter.api import idempotency
from faultreporter.api.models import Heartbeat


@shared_task(name="faultreporter.api.tasks.heartbeat")
def heartbeat() -> None:
    """Proves the way beat → broker → worker → database."""
    Heartbeat.objects.update_or_create(name="beat", defaults={"at": timezone.now()})


@shared_task(name="faultreporter.api.tasks.forget_idempotency_keys")
def forget_idempotency_keys() -> int:
    return idempotency.forget_old(at=timezone.now())
