"""Where one use case changes several aggregates."""

from django.db import transaction

from equipment.catalogue import GENERAL, KINDS, MODES, Mode
from equipment.crafts import CRAFTS
from equipment.models import Category, FailureMode, Skill


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
    return len(kinds) + len(modes) + load_skills(categories)


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
