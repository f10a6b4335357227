from uuid import UUID

from celery import shared_task
from django.utils import timezone

from aiassist import fleet, pipeline


@shared_task(name="aiassist.tasks.run_analysis")
def run_analysis(*, analysis_id: str) -> None:
    pipeline.run(UUID(analysis_id))


@shared_task(name="aiassist.tasks.sweep_analyses")
def sweep_analyses() -> int:
    """Every 15 s: finds the analyses whose wake-up or worker was lost."""
    return pipeline.sweep(at=timezone.now())


@shared_task(name="aiassist.tasks.count_fleet")
def count_fleet() -> int:
    """By beat every night: what the closed faults teach the rule book."""
    return fleet.count_all(at=timezone.now())
