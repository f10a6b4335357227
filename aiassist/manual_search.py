"""Pages of the maker's handbooks that speak of what somebody wrote: full text, with misspelt words put right.

Words are OR-ed and ranked, for a report says much that no manual does. A word that no page of these manuals knows is
replaced by the one that looks most like it there, found by its letters (`vibraton` finds `vibration`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.search import SearchHeadline, SearchQuery, SearchRank
from django.db import connection
from django.db.models import F

from aiassist.models import Manual, ManualPage
from aiassist.models.manuals import WORD as LONGER_WORD

MOST_WORDS: Final = 40
WORD: Final = re.compile(r"[^\W_]{3,40}")
EXCERPT: Final[dict[str, Any]] = {
    "config": "english",
    "start_sel": "",
    "stop_sel": "",
    "max_words": 60,
    "min_words": 25,
    "max_fragments": 3,
    "fragment_delimiter": " … ",
}
MEANT_SQL: Final = """
SELECT known.text
FROM unnest(%(words)s::text[]) AS asked(word)
CROSS JOIN LATERAL (
    SELECT text FROM ai_manual_words
    WHERE manual_id = ANY(%(manuals)s) AND text %% asked.word AND similarity(text, asked.word) >= %(alike)s
    ORDER BY similarity(text, asked.word) DESC, text
    LIMIT 1
) AS known
WHERE numnode(plainto_tsquery('english', asked.word)) > 0
  AND NOT EXISTS (
    SELECT FROM ai_manual_pages
    WHERE manual_id = ANY(%(manuals)s) AND search @@ plainto_tsquery('english', asked.word)
)"""
ALIKE: Final = 0.4
"""Share of letter triples that two words must have in common to be taken for each other."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A page that speaks of the words, and the part that does."""

    manual_id: UUID
    title: str
    page: int
    excerpt: str
    rank: float

    @property
    def reference(self) -> str:
        return f"{self.manual_id}#{self.page}"


def search(manuals: Iterable[Manual], words: str, *, most: int) -> list[Hit]:
    """The best pages first. Three queries at most, whatever was written."""
    ids = [manual.pk for manual in manuals]
    wanted = distinct_words(words)
    if not (ids and wanted):
        return []
    query = either(wanted + meant(wanted, ids))
    # ts_headline reads a page anew, so only those that are shown get one.
    best = (
        ManualPage.objects.filter(manual__in=ids, search=query)
        .annotate(rank=SearchRank(F("search"), query))
        .order_by("-rank", "manual_id", "number")[:most]
    )
    shown = ManualPage.objects.filter(pk__in=[page.pk for page in best]).select_related("manual")
    shown = shown.annotate(excerpt=SearchHeadline("text", query, **EXCERPT))
    by_key = {page.pk: page for page in shown}
    return [hit_of(by_key[page.pk], page.rank) for page in best]


def hit_of(page: ManualPage, rank: float) -> Hit:
    excerpt = " ".join(page.excerpt.split())  # type: ignore[attr-defined]  # annotated
    return Hit(manual_id=page.manual_id, title=page.manual.title, page=page.number, excerpt=excerpt, rank=rank)


def either(words: Sequence[str]) -> SearchQuery:
    return reduce(or_, (SearchQuery(word, config="english") for word in words))


def distinct_words(text: str) -> list[str]:
    return list(dict.fromkeys(WORD.findall(text.casefold())))[:MOST_WORDS]


def meant(words: Sequence[str], manual_ids: Sequence[UUID]) -> list[str]:
    """For each longer word that no page knows, the one that looks most like it."""
    unsure = [word for word in words if LONGER_WORD.fullmatch(word)]
    with connection.cursor() as cursor:
        cursor.execute(MEANT_SQL, {"words": unsure, "manuals": list(manual_ids), "alike": ALIKE})
        return [word for (word,) in cursor.fetchall()]
