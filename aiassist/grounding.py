"""What is known about the machine, read for one analysis. A bounded number of queries, whatever its history."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db.models import Max, Min, Q, Sum
from django.utils import timezone

from aiassist import fleet, sandbox
from aiassist.answer import storable
from aiassist.drawings import best_page, page_named, picture_of
from aiassist.manual_search import search
from aiassist.models import Analysis, Manual
from aiassist.prompt_budget import fitted, has_room_for_image, tokens_of
from aiassist.prompts import ANALYZE_FAULT, facts, instructions
from aiassist.question import AlertFacts, ManualFacts, PastFailure, Question, ReadingFacts
from alerts.models import Alert
from equipment.models import Category, Equipment
from faultreporter.attachments.models import Attachment
from telemetry.models import HourRollup, LatestReading, Rule
from workorders.models import WorkOrder

STALE: Final = timedelta(hours=24)
"""A reading older than this says nothing about the machine as it is."""
MOST_ALERTS: Final = 20
MOST_READINGS: Final = 50
MOST_REPAIRS: Final = 50
MOST_EXCERPTS: Final = 4
LONGEST_EXCERPT: Final = 1200
SECONDS_A_DAY: Final = 86_400
ABOUT_VALUES: Final = (Rule.Kind.THRESHOLD, Rule.Kind.RANGE)

log = structlog.get_logger(__name__)


def question_for(analysis: Analysis, *, at: datetime) -> Question:
    """The facts as far as they fit into a prompt, without the pictures, which only some providers look at."""
    equipment = analysis.equipment
    category = equipment.category if equipment else named_category(analysis.equipment_type)
    description, alerts = description_of(analysis), open_alerts(analysis)
    said = (description, *(f"{alert.title} {alert.description}" for alert in alerts))
    page = best_page(equipment, " ".join(said)) if equipment else None
    keep_claim(analysis)
    photos = photographs(analysis)
    codes = codes_in(photos)
    keep_claim(analysis)
    question = Question(
        description=description,
        equipment_name=str(equipment) if equipment else "",
        equipment_type=category.name if category else analysis.equipment_type,
        criticality=equipment.criticality if equipment else Equipment.Criticality.MEDIUM,
        modes=fleet.modes_of(category),
        alerts=alerts,
        readings=readings_of(equipment, at=at) if equipment else (),
        past=past_failures(equipment, at=at) if equipment else (),
        fleet=fleet.facts_for(category, said, at=at),
        manuals=manual_excerpts(category, equipment, " ".join(said)),
        diagrams=(page.facts,) if page else (),
        codes=codes,
        image_count=len(photos),
    )
    return fitted(question, limit=room_for_facts(), render=facts)


def with_pictures(question: Question, analysis: Analysis) -> Question:
    """With the photographs, and with a picture of the drawing if there is room for one more."""
    seen = replace(question, images=photographs(analysis))
    if not question.diagrams or analysis.equipment is None:
        return seen
    if not has_room_for_image(question, limit=room_for_facts(), render=facts):
        return replace(seen, left_out=(*question.left_out, "the picture of the technical drawing"))
    keep_claim(analysis)
    page = page_named(analysis.equipment, question.diagrams[0].reference)
    return replace(seen, drawing=picture_of(page) if page else b"")


def keep_claim(analysis: Analysis) -> None:
    """Between steps of seconds: a worker's hold would end while it reads a paper that doesn't."""
    if analysis.claim_token:
        analysis.renew(at=timezone.now())


def room_for_facts() -> int:
    """Tokens for the facts and the images, beside the instructions."""
    room: int = settings.AI_PROMPT_TOKENS - tokens_of(instructions(ANALYZE_FAULT))
    return room


def photographs(analysis: Analysis) -> tuple[bytes, ...]:
    """The stored JPEGs in the order of `image_index`."""
    rows = analysis.image_rows.select_related("attachment")
    return tuple(read(row.attachment) for row in rows)


def codes_in(photos: Sequence[bytes]) -> tuple[str, ...]:
    """What QR codes in the photographs say, if they can be read in time."""
    try:
        return tuple(map(storable, sandbox.codes_in(photos))) if photos else ()
    except sandbox.ReadingFailed as failure:
        log.info("codes_not_read", reason=failure.reason)
        return ()


def manual_excerpts(category: Category | None, equipment: Equipment | None, words: str) -> tuple[ManualFacts, ...]:
    """What the makers' handbooks say about the words, the best page first."""
    if category is None:
        return ()
    make = {"manufacturer": equipment.manufacturer, "model": equipment.model} if equipment else {}
    hits = search(Manual.objects.readable().about(category=category, **make), words, most=MOST_EXCERPTS)
    return tuple(ManualFacts(hit.reference, hit.title, hit.excerpt[:LONGEST_EXCERPT]) for hit in hits)


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
    fresh = LatestReading.objects.good().filter(series__equipment=equipment, recorded_at__gte=at - STALE)
    return against_rules(
        list(fresh.select_related("series__metric").order_by("series__metric__code")[:MOST_READINGS]), equipment, at=at
    )


def against_rules(latest: Sequence[LatestReading], equipment: Equipment, *, at: datetime) -> tuple[ReadingFacts, ...]:
    if not latest:
        return ()
    watching = Q(equipment=equipment) | Q(category=equipment.category_id, category__isnull=False)
    rules = list(Rule.objects.living().filter(watching, is_enabled=True).order_by("pk"))
    days = last_day([reading.series_id for reading in latest], at=at)
    found = [
        replace(
            reading_facts(reading, [rule for rule in rules if rule.metric_id == reading.series.metric_id], at=at),
            **days.get(reading.series_id, {}),
        )
        for reading in latest
    ]
    return tuple(sorted(found, key=lambda reading: not reading.beyond))


def last_day(series_ids: Sequence[int], *, at: datetime) -> dict[int, dict[str, Any]]:
    """Lowest, highest and mean value of the hours of the last day, by series."""
    hours = HourRollup.objects.filter(series_id__in=series_ids, bucket_at__gt=at - STALE, bucket_at__lte=at)
    rows = hours.values("series_id").annotate(low=Min("min"), high=Max("max"), total=Sum("sum"), count=Sum("n"))
    return {
        row["series_id"]: {"day_low": row["low"], "day_high": row["high"], "day_mean": row["total"] / row["count"]}
        for row in rows.order_by()
        if row["count"] and math.isfinite(row["total"])
    }


def reading_facts(reading: LatestReading, rules: Sequence[Rule], *, at: datetime) -> ReadingFacts:
    metric = reading.series.metric
    broken = [rule for rule in rules if is_beyond(rule, reading.value)]
    worst = max(broken, key=lambda rule: Rule.Severity.values.index(rule.severity), default=None)
    above = worst is not None and reading.value > worst.limits().high
    return ReadingFacts(
        metric=metric.code,
        name=metric.name,
        value=reading.value,
        unit=metric.unit,
        age_seconds=max(0.0, (at - reading.recorded_at).total_seconds()),
        beyond=bool(broken) if rules else None,
        direction=("high" if above else "low") if worst else "",
        limit=(above_words(worst) if above else below_words(worst)) if worst else "",
        severity=worst.severity if worst else Rule.Severity.MEDIUM,
        rules=tuple(rule_words(rule) for rule in rules if rule.kind in ABOUT_VALUES),
    )


def rule_words(rule: Rule) -> str:
    """When it raises an alert: "HIGH above 17"."""
    limits = rule.limits()
    ends = [(below_words(rule), limits.low), (above_words(rule), limits.high)]
    return f"{rule.severity} " + " or ".join(words for words, bound in ends if math.isfinite(bound))


def above_words(rule: Rule) -> str:
    return f"above {rule.limits().high:g}"


def below_words(rule: Rule) -> str:
    return f"below {rule.limits().low:g}"


def is_beyond(rule: Rule, value: float) -> bool:
    """Of rules about the value itself; one value says nothing of change or silence."""
    return rule.kind in ABOUT_VALUES and rule.limits().met_by(value)


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
