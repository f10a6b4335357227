from uuid import UUID

import structlog
from celery import shared_task
from django.utils import timezone

from aiassist import fleet, manual_reading, model_checks, pipeline

log = structlog.get_logger(__name__)


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


@shared_task(name="aiassist.tasks.check_models")
def check_models() -> int:
    """By beat every morning: are the models we ask still offered? Returns how many need somebody's attention."""
    findings = [found for found in model_checks.check_models(at=timezone.now(), timeout_s=20) if found.warnings]
    for found in findings:
        log.warning("ai_model_needs_attention", provider=found.provider, model=found.model_name, why=found.warnings)
    return len(findings)


@shared_task(name="aiassist.tasks.read_manual")
def read_manual(*, manual_id: str) -> None:
    manual_reading.read(UUID(manual_id))


@shared_task(name="aiassist.tasks.sweep_manuals")
def sweep_manuals() -> int:
    """Every minute: finds the manuals whose wake-up or worker was lost."""
    return manual_reading.sweep(at=timezone.now())
