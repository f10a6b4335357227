"""Closed faults as questions again, with no more than was known when they were reported.

What isn't kept can't be asked for: the rules that watch a reading are today's, and an alert's words are those that
stand there now. The machine's own past and its other open alerts are those of the moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q

from aiassist.fleet import modes_of
from aiassist.grounding import MOST_ALERTS, STALE, against_rules, past_failures
from aiassist.learning import UNKNOWN, FleetFacts
from aiassist.question import AlertFacts, ModeFacts, Question, ReadingFacts
from alerts.models import Alert
from equipment.models import Category, Equipment
from telemetry.models import LatestReading, Reading
from workorders.models import WorkOrder

AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A fault that was reported after the rule book stopped learning. `truth`: what it was closed with."""

    question: Question
    truth: str


def held_out(category: Category, known: FleetFacts, *, since: datetime, most: int) -> Iterator[HeldOut]:
    """The repairs of one kind of machine that were reported and closed since then, evenly thinned to `most`."""
    reported = WorkOrder.objects.living().filter(
        equipment__category=category,
        type=WorkOrder.Type.CORRECTIVE,
        alert__created_at__gte=since,
        completed_at__gte=since,
    )
    coded = reported.exclude(failure_mode=None, no_failure_found=False).order_by("completed_at", "pk")
    keys = list(coded.values_list("pk", flat=True))
    chosen = keys[:: max(1, -(-len(keys) // most))]
    modes = modes_of(category)
    orders = coded.filter(pk__in=chosen).select_related("alert", "failure_mode", "equipment__category")
    for order in orders.iterator(AT_ONCE):
        if order.alert is not None:
            truth = order.failure_mode.code if order.failure_mode else UNKNOWN
            yield HeldOut(question_then(order.alert, order.equipment, modes, known), truth)


def question_then(alert: Alert, equipment: Equipment, modes: tuple[ModeFacts, ...], known: FleetFacts) -> Question:
    at = alert.created_at
    return Question(
        description="\n".join(filter(None, (alert.title.strip(), alert.description.strip()))),
        equipment_name=str(equipment),
        equipment_type=known.category,
        criticality=equipment.criticality,
        modes=modes,
        alerts=alerts_then(alert, at=at),
        readings=readings_then(equipment, at=at),
        past=past_failures(equipment, at=at),
        fleet=known,
    )


def alerts_then(alert: Alert, *, at: datetime) -> tuple[AlertFacts, ...]:
    """The alert itself, then those of its machine that were open at the time."""
    still_open = Q(resolved_at=None) | Q(resolved_at__gt=at)
    others = Alert.objects.living().filter(still_open, equipment=alert.equipment_id, created_at__lt=at)
    rows = [alert, *others.exclude(pk=alert.pk).order_by("-created_at", "-id")[:MOST_ALERTS]]
    return tuple(
        AlertFacts(reference=str(row.pk), title=row.title, severity=row.severity, description=row.description)
        for row in rows
    )


def readings_then(equipment: Equipment, *, at: datetime) -> tuple[ReadingFacts, ...]:
    """The last reading of each metric before that moment, if it was fresh."""
    fresh = Reading.objects.good().filter(series__equipment=equipment, recorded_at__gt=at - STALE, recorded_at__lte=at)
    last = fresh.select_related("series__metric").order_by("series_id", "-recorded_at").distinct("series_id")
    latest = [LatestReading(series=row.series, recorded_at=row.recorded_at, value=row.value) for row in last]
    return against_rules(latest, equipment, at=at)
