"""Background work of the numbers. Each task runs safely twice: what is done already is found done."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from analytics.energy import feed
from analytics.rollup import roll_up_late_changes, roll_up_recent
from analytics.weekly import send_reports_of_last_week
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog


@shared_task
def roll_up_quarter() -> None:
    """By beat every night: the running quarter, the one before, and what was corrected further back."""
    now = timezone.now()
    roll_up_recent(as_of=now)
    roll_up_late_changes(as_of=now)


@shared_task
def feed_energy() -> int:
    """By beat every night: the electricity of the running quarter and the one before, from the meters."""
    with acting(by=None, source=AuditLog.Source.TASK):
        return feed(at=timezone.now())


@shared_task
def recalculate_equipment(*, equipment_id: str) -> None:
    """Through the outbox when an order is completed; an unknown id changes nothing."""
    roll_up_recent(as_of=timezone.now(), equipment_ids=[UUID(equipment_id)])


@shared_task
def send_weekly_report() -> None:
    """By beat on Mondays, hourly in the morning: a run after the first one only sends what that one didn't get to."""
    send_reports_of_last_week(at=timezone.now())
