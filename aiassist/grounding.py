"""What is known about the machine, read for one analysis. A handful of queries, whatever its history."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from aiassist import fleet
from aiassist.models import Analysis
from aiassist.question import AlertFacts, PastFailure, Question, ReadingFacts
from alerts.models import Alert
from equipment.models import Category, Equipment
from faultreporter.attachments.models import Attachment
from telemetry.models import LatestReading, Rule
from workorders.models import WorkOrder

STALE: Final = timedelta(hours=24)
"""A reading older than this says nothing about the machine as it is."""
MOST_ALERTS: Final = 20
MOST_READINGS: Final = 50
MOST_REPAIRS: Final = 50
SECONDS_A_DAY: Final = 86_400


def question_for(analysis: Analysis, *, at: datetime) -> Question:
    """The facts without the photographs, which only some providers look at."""
    equipment = analysis.equipment
    category = equipment.category if equipment else named_category(analysis.equipment_type)
    description, alerts = description_of(analysis), open_alerts(analysis)
    said = (description, *(f"{alert.title} {alert.description}" for alert in alerts))
    return Question(
        description=description,
        equipment_name=str(equipment) if equipment else "",
        equipment_type=category.name if category else analysis.equipment_type,
        criticality=equipment.criticality if equipment else Equipment.Criticality.MEDIUM,
        modes=fleet.modes_of(category),
        alerts=alerts,
        readings=readings_of(equipment, at=at) if equipment else (),
        past=past_failures(equipment, at=at) if equipment else (),
        fleet=fleet.facts_for(category, said, at=at),
        image_count=analysis.image_rows.count(),
    )


def photographs(analysis: Analysis) -> tuple[bytes, ...]:
    """The stored JPEGs in the order of `image_index`."""
    rows = analysis.image_rows.select_related("attachment")
    return tuple(read(row.attachment) for row in rows)


def read(attachment: Attachment) -> bytes:
    with attachment.file.open("rb") as file:
        content: bytes = file.read()
    return content


def named_category(name: str) -> Category | None:
    """The category that a free `equipment_type` names by code or name, whatever its capitals."""
    if not name.strip():
        return None
    wanted = Q(code__iexact=name.strip()) | Q(name__iexact=name.strip())
    return Category.objects.living().filter(wanted).order_by("created_at").first()


def description_of(analysis: Analysis) -> str:
    """What the person asking wrote, and what the alert said in the first place."""
    alert = analysis.alert
    said = [analysis.description] + ([alert.title, alert.description] if alert else [])
    return "\n".join(dict.fromkeys(text.strip() for text in said if text.strip()))


def open_alerts(analysis: Analysis) -> tuple[AlertFacts, ...]:
    """The alert the question is about first, then the machine's other open ones, the newest first."""
    rows: list[Alert] = [analysis.alert] if analysis.alert else []
    if analysis.equipment_id:
        machine = Alert.objects.living().unresolved().filter(equipment=analysis.equipment_id)
        rows += machine.exclude(pk__in=[row.pk for row in rows]).order_by("-created_at", "-id")[:MOST_ALERTS]
    return tuple(
        AlertFacts(reference=str(row.pk), title=row.title, severity=row.severity, description=row.description)
        for row in rows
    )


def readings_of(equipment: Equipment, *, at: datetime) -> tuple[ReadingFacts, ...]:
    """The latest value of each metric against the rules that watch it, by metric."""
    fresh = LatestReading.objects.filter(series__equipment=equipment, recorded_at__gte=at - STALE)
    return against_rules(
        list(fresh.select_related("series__metric").order_by("series__metric__code")[:MOST_READINGS]), equipment, at=at
    )


def against_rules(latest: Sequence[LatestReading], equipment: Equipment, *, at: datetime) -> tuple[ReadingFacts, ...]:
    if not latest:
        return ()
    watching = Q(equipment=equipment) | Q(category=equipment.category_id, category__isnull=False)
    rules = list(Rule.objects.living().filter(watching, is_enabled=True).order_by("pk"))
    return tuple(
        reading_facts(reading, [rule for rule in rules if rule.metric_id == reading.series.metric_id], at=at)
        for reading in latest
    )


def reading_facts(reading: LatestReading, rules: Sequence[Rule], *, at: datetime) -> ReadingFacts:
    metric = reading.series.metric
    broken = [rule for rule in rules if is_beyond(rule, reading.value)]
    worst = max(broken, key=lambda rule: Rule.Severity.values.index(rule.severity), default=None)
    above = worst is not None and reading.value > worst.limits().high
    limit = worst and (worst.limits().high if above else worst.limits().low)
    return ReadingFacts(
        metric=metric.code,
        name=metric.name,
        value=reading.value,
        unit=metric.unit,
        age_seconds=max(0.0, (at - reading.recorded_at).total_seconds()),
        beyond=bool(broken) if rules else None,
        direction=("high" if above else "low") if worst else "",
        limit=f"{'above' if above else 'below'} {limit:g}" if worst else "",
        severity=worst.severity if worst else Rule.Severity.MEDIUM,
    )


def is_beyond(rule: Rule, value: float) -> bool:
    """Of rules about the value itself; one value says nothing of change or silence."""
    return rule.kind in (Rule.Kind.THRESHOLD, Rule.Kind.RANGE) and rule.limits().met_by(value)


def past_failures(equipment: Equipment, *, at: datetime) -> tuple[PastFailure, ...]:
    """This machine's own repairs that were closed with a failure mode, the newest first."""
    done = WorkOrder.objects.living().filter(equipment=equipment, failure_mode__isnull=False, completed_at__lte=at)
    return tuple(
        PastFailure(
            reference=order.number,
            mode_code=order.failure_mode.code,
            age_days=(at - order.completed_at).total_seconds() / SECONDS_A_DAY,
            cause=order.cause[:300],
            remedy=order.remedy[:300],
        )
        for order in done.select_related("failure_mode").order_by("-completed_at")[:MOST_REPAIRS]
        if order.failure_mode and order.completed_at
    )
