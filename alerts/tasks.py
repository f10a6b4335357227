from uuid import UUID

from celery import shared_task
from django.utils import timezone

from alerts import escalation, watchdog


@shared_task(name="alerts.tasks.sweep_escalations")
def sweep_escalations() -> int:
    """Every 15 s: does the steps that are due and whose wake-up was lost."""
    return escalation.sweep(at=timezone.now())


@shared_task(name="alerts.tasks.advance_escalation")
def advance_escalation(*, escalation_id: str, round: int, step: int, reminded: int) -> int:  # noqa: A002 - the field's name
    return escalation.advance_one(
        escalation_id=UUID(escalation_id), round=round, step=step, reminded=reminded, at=timezone.now()
    )


@shared_task(name="alerts.tasks.watch_escalations")
def watch_escalations() -> None:
    """Every minute: the relay does the same, so that a worker that is gone is noticed, too."""
    watchdog.watch()
