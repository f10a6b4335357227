"""Where one use case changes several aggregates."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from equipment.catalogue import GENERAL, KINDS, MODES, Mode
from equipment.codes import CAUSES, MECHANISMS, REMEDIES
from equipment.crafts import CRAFTS
from equipment.models import Category, FailureCause, FailureMechanism, FailureMode, Remedy, Skill


@transaction.atomic
def load_catalogue() -> int:
    """Adds what is missing of the catalogue and returns how many records that were.

    What people changed stays changed, and what they deleted stays deleted.
    """
    known = set(Category.objects.values_list("code", flat=True))
    kinds = [Category(**kind._asdict()) for kind in KINDS if kind.code not in known]
    Category.objects.bulk_create(kinds)
    categories = {category.code: category for category in Category.objects.living()}
    known = set(FailureMode.objects.values_list("code", flat=True))
    wanted: list[tuple[Category | None, Mode]] = [(None, mode) for mode in GENERAL]
    wanted += [(categories[code], mode) for code, modes in MODES.items() if code in categories for mode in modes]
    modes = [failure_mode(mode, category) for category, mode in wanted if mode.code not in known]
    FailureMode.objects.bulk_create(modes)
    return len(kinds) + len(modes) + load_skills(categories) + load_codes()


def load_codes() -> int:
    """Adds the mechanisms, causes and remedies that are missing."""
    fields = ("group", "code", "name", "description")
    mechanisms = [FailureMechanism(**dict(zip(fields, row, strict=True))) for row in MECHANISMS]
    causes = [FailureCause(**dict(zip(fields, row, strict=True))) for row in CAUSES]
    remedies = [Remedy(**dict(zip(fields[1:], row, strict=True))) for row in REMEDIES]
    return add_missing(mechanisms) + add_missing(causes) + add_missing(remedies)


def add_missing(entries: Sequence[FailureMechanism | FailureCause | Remedy]) -> int:
    catalogue = type(entries[0])._default_manager
    known = set(catalogue.values_list("code", flat=True))
    missing: Any = [entry for entry in entries if entry.code not in known]
    catalogue.bulk_create(missing)
    return len(missing)


def load_skills(categories: dict[str, Category]) -> int:
    """Adds the skills that are missing, each with the kinds of machines that ask for it."""
    known = set(Skill.objects.values_list("code", flat=True))
    missing = [craft for craft in CRAFTS if craft.code not in known]
    for craft in missing:
        skill = Skill.objects.create(code=craft.code, name=craft.name, description=craft.description)
        skill.categories.set(categories[code] for code in craft.kinds.split(", ") if code in categories)
    return len(missing)


def failure_mode(mode: Mode, category: Category | None) -> FailureMode:
    return FailureMode(
        category=category,
        code=mode.code,
        name=mode.name,
        mechanism=mode.mechanism,
        keywords=mode.keywords.split(", "),
        typical_causes=mode.causes.split(", "),
        remedy=mode.remedy,
    )
