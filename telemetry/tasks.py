"""Background work on readings. Each task runs safely twice: what has been judged is never judged again."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from telemetry import live, voiding
from telemetry.aggregation import rollups
from telemetry.detection import insights
from telemetry.rules import failures, standings
from telemetry.store import partitions

log = structlog.get_logger(__name__)

SERIES_PER_TRANSACTION = 1_000
SWEEP_LIMIT = 5_000
ROLL_UPS_A_TURN = 20
PIECES_A_TURN = 20
INSIGHTS_AT_MOST_S = 20


def evaluate_in_turn(series: list[int], *, at: datetime | None = None) -> int:
    """In transactions of bounded size, so that a rule of a large category doesn't hold everybody's rows."""
    changes = 0
    for start in range(0, len(series), SERIES_PER_TRANSACTION):
        changes += failures.evaluate(series[start : start + SERIES_PER_TRANSACTION], at=at)
    return changes


# A deadlock with somebody who edits the same alerts is the database's to resolve and ours to repeat.
@shared_task(
    name="telemetry.tasks.readings_arrived", autoretry_for=(OperationalError,), retry_backoff=True, max_retries=3
)
def readings_arrived(*, series: list[int]) -> int:
    """Through the outbox when these series have a newer latest reading. Screens are told before rules are judged."""
    live.send_latest(series)
    return evaluate_in_turn(series)


@shared_task(name="telemetry.tasks.evaluate_rule", autoretry_for=(OperationalError,), retry_backoff=True, max_retries=3)
def evaluate_rule(*, rule: str) -> int:
    """Through the outbox when a rule takes effect: its machines' present values. An unknown rule changes nothing."""
    return evaluate_in_turn(standings.series_watched_by(UUID(rule)))


@shared_task(name="telemetry.tasks.sweep_rules")
def sweep_rules() -> int:
    """By beat every 30 s: what time alone brings, wake-ups that were lost, machines no longer watched, failed rules."""
    now = timezone.now()
    closed = failures.close_out_of_scope(at=now)
    waiting = {*standings.series_left_behind(limit=SWEEP_LIMIT), *standings.series_due(at=now, limit=SWEEP_LIMIT)}
    return closed + evaluate_in_turn(sorted(waiting), at=now) + failures.try_again(at=now)


@shared_task(name="telemetry.tasks.ensure_partitions")
def ensure_partitions() -> list[str]:
    """By beat every night: the coming months. Readings that no month covers are worth an alarm."""
    made = partitions.ensure_partitions(at=timezone.now())
    if caught := partitions.count_caught():
        log.error("readings_in_default_partition", readings=caught)
    return made


@shared_task(name="telemetry.tasks.prune_readings")
def prune_readings() -> list[str]:
    """By beat every night: drops the months that are older than what is kept."""
    return partitions.prune(at=timezone.now())


@shared_task(name="telemetry.tasks.roll_up")
def roll_up() -> int:
    """By beat every 10 seconds: what has arrived by then. One worker at a time does it; another finds nothing to do.

    What comes meanwhile waits for the next turn: a few batches of many series cost as much as ten seconds of them, so
    whoever ran after them would never be done.
    """
    windows, newest = 0, rollups.newest_arrival()
    for _ in range(ROLL_UPS_A_TURN):
        if not (done := rollups.roll_up(at=timezone.now(), up_to=newest)):
            break
        windows += done
    return windows


@shared_task(name="telemetry.tasks.follow_voids")
def follow_voids() -> int:
    """By beat every 10 seconds: what was declared void or taken back and is too much for one transaction."""
    pieces = 0
    while pieces < PIECES_A_TURN and voiding.follow_next(at=timezone.now()):
        pieces += 1
    return pieces


@shared_task(name="telemetry.tasks.judge_insights")
def judge_insights() -> int:
    """By beat every half minute: new readings through the detectors. What a run has no time for waits for the next."""
    with acting(by=None, source=AuditLog.Source.TASK):
        insights.prepare(at=timezone.now())
    return insights.judge(at=timezone.now(), seconds=INSIGHTS_AT_MOST_S)


@shared_task(name="telemetry.tasks.prune_insights")
def prune_insights() -> int:
    """By beat every night: insights nobody looks back at any more; says how many."""
    return insights.prune(before=timezone.now() - timedelta(days=settings.INSIGHT_RETENTION_DAYS))
