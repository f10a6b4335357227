"""Background work on orders. Each task runs safely twice, and at the same time as another."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from workorders import generation
from workorders.services import note_some_clocks


@shared_task(name="workorders.tasks.generate_planned_orders")
def generate_planned_orders() -> int:
    """By beat every five minutes: reads the plans' counters, then makes the orders that are due."""
    with acting(by=None, source=AuditLog.Source.TASK):
        generation.read_meters()
    return generation.generate_due(at=timezone.now())


@shared_task(name="workorders.tasks.sweep_clocks")
def sweep_clocks() -> int:
    """By beat every minute: which response and restore targets are at risk, and which were missed."""
    at, seen = timezone.now(), 0
    while found := sweep_some(at):
        seen += found
    return seen


def sweep_some(at: datetime) -> int:
    with acting(by=None, source=AuditLog.Source.TASK):
        return note_some_clocks(at=at)
