"""The fleet's closed faults, counted per kind of machine at night, and read in one row for a question."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from aiassist.calibration import calibrated
from aiassist.learning import UNKNOWN, Case, FleetFacts
from aiassist.models import FleetCounts
from aiassist.question import ModeFacts
from aiassist.words import stems_of
from equipment.models import Category, FailureMode
from workorders.models import WorkOrder

MOST_CASES: Final = 20_000
"""Of one kind of machine, the newest: what is older has faded anyway."""
SECONDS_A_DAY: Final = 86_400


def modes_of(category: Category | None) -> tuple[ModeFacts, ...]:
    return tuple(
        ModeFacts(
            code=mode.code,
            name=mode.name,
            description=mode.description,
            mechanism=mode.mechanism,
            keywords=tuple(mode.keywords),
            causes=tuple(mode.typical_causes),
            remedy=mode.remedy,
            is_generic=mode.category_id is None,
        )
        for mode in FailureMode.objects.living().applicable_to(category.pk if category else None).order_by("code")
    )


def facts_for(category: Category | None, texts: Iterable[str], *, at: datetime) -> FleetFacts | None:
    """What closed faults of this kind say of these words; counted first if nobody has yet. None without a category."""
    if category is None:
        return None
    counts = FleetCounts.objects.filter(category=category).first() or count(category, at=at)
    said = {stem for text in texts for stem in stems_of(text)}
    terms = {term: seen for term, seen in counts.terms.items() if said.issuperset(term.split())}
    return FleetFacts(category.name, counts.closed, counts.weight, terms, counts.sharpness)


def count(category: Category, *, at: datetime) -> FleetCounts:
    """Count one kind's closed faults anew. Two at once count the same; the last one stays."""
    facts = learned(category, at=at)
    counts, _created = FleetCounts.objects.update_or_create(
        category=category,
        defaults={
            "counted_at": at,
            "closed": facts.closed,
            "weight": facts.weight,
            "terms": facts.terms,
            "sharpness": facts.sharpness,
        },
    )
    return counts


def learned(category: Category, *, at: datetime) -> FleetFacts:
    """What the faults of one kind that were closed by then teach. Reads them all."""
    return calibrated(category.name, list(closed_faults(category, until=at)), modes_of(category))


def count_all(*, at: datetime) -> int:
    """Every kind of machine; returns how many."""
    categories = list(Category.objects.living())
    for category in categories:
        count(category, at=at)
    return len(categories)


def closed_faults(category: Category, *, until: datetime) -> Iterator[Case]:
    """The repairs of such machines that were completed by then and say what it was, in the words of their alerts."""
    done = WorkOrder.objects.living().filter(
        equipment__category=category, type=WorkOrder.Type.CORRECTIVE, completed_at__lte=until
    )
    found = done.exclude(failure_mode=None, no_failure_found=False).order_by("-completed_at")
    columns = ("failure_mode__code", "completed_at", "alert__title", "alert__description", "equipment_id")
    for code, completed_at, title, description, machine in found.values_list(*columns)[:MOST_CASES].iterator():
        age_days = (until - (completed_at or until)).total_seconds() / SECONDS_A_DAY
        yield Case(f"{title or ''}. {description or ''}", code or UNKNOWN, age_days, str(machine))
