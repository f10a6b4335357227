"""Background work on orders. Each task runs safely twice, and at the same time as another."""

from celery import shared_task
from django.utils import timezone

from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from workorders import generation


@shared_task(name="workorders.tasks.generate_planned_orders")
def generate_planned_orders() -> int:
    """By beat every five minutes: reads the plans' counters, then makes the orders that are due."""
    with acting(by=None, source=AuditLog.Source.TASK):
        generation.read_meters()
    return generation.generate_due(at=timezone.now())
