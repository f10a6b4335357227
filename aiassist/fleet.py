"""The fleet's closed faults, counted per kind of machine at night, and read in one row for a question."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from aiassist.learning import UNKNOWN, Case, FleetFacts, learn
from aiassist.models import FleetCounts
from aiassist.words import phrases_of, stems_of
from equipment.models import Category, FailureMode
from workorders.models import WorkOrder

MOST_CASES: Final = 20_000
"""Of one kind of machine, the newest: what is older has faded anyway."""
SECONDS_A_DAY: Final = 86_400


def facts_for(category: Category | None, texts: Iterable[str], *, at: datetime) -> FleetFacts | None:
    """What closed faults of this kind say of these words; counted first if nobody has yet. None without a category."""
    if category is None:
        return None
    counts = FleetCounts.objects.filter(category=category).first() or count(category, at=at)
    said = {stem for text in texts for stem in stems_of(text)}
    terms = {term: seen for term, seen in counts.terms.items() if said.issuperset(term.split())}
    return FleetFacts(category.name, counts.closed, counts.weight, terms)


def count(category: Category, *, at: datetime) -> FleetCounts:
    """Count one kind's closed faults anew. Two at once count the same; the last one stays."""
    modes = FailureMode.objects.living().applicable_to(category.pk)
    phrases = phrases_of(keyword for words in modes.values_list("keywords", flat=True) for keyword in words)
    facts = learn(category.name, closed_faults(category, until=at), phrases)
    counts, _created = FleetCounts.objects.update_or_create(
        category=category,
        defaults={"counted_at": at, "closed": facts.closed, "weight": facts.weight, "terms": facts.terms},
    )
    return counts


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
    rows = found.values_list("failure_mode__code", "completed_at", "alert__title", "alert__description")[:MOST_CASES]
    for code, completed_at, title, description in rows.iterator():
        age = until - (completed_at or until)
        yield Case(f"{title or ''}. {description or ''}", code or UNKNOWN, age.total_seconds() / SECONDS_A_DAY)
