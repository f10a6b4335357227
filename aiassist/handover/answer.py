"""What a handover may look like, whoever writes it, and what our own code makes of it. Pure."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from aiassist.answer import Line, Paragraph, Part, ReviewReason, Verdict
from aiassist.handover.facts import DayFacts, numbers_in
from aiassist.orders import carries_orders


class Reference(StrEnum):
    """What an item may cite: an alert by its id, an order by its number, a machine by its code."""

    ALERT = "ALERT"
    ORDER = "ORDER"
    MACHINE = "MACHINE"


class Topic(StrEnum):
    SAFETY = "SAFETY"
    ALERTS = "ALERTS"
    ORDERS = "ORDERS"
    MACHINES = "MACHINES"
    READINGS = "READINGS"
    NEXT_SHIFT = "NEXT_SHIFT"


class Citation(Part):
    kind: Reference
    reference: Line


class Item(Part):
    """One thing the next shift should know, and the records it rests on."""

    text: Paragraph
    citations: Annotated[list[Citation], Field(max_length=20)]


class Section(Part):
    topic: Topic
    items: Annotated[list[Item], Field(max_length=40)]


class Handover(Part):
    headline: Line
    summary: Paragraph
    sections: Annotated[list[Section], Field(max_length=12)]


def assess(answer: Handover, facts: DayFacts) -> tuple[Handover, Verdict]:
    """The handover as it may be stored, without citations of what wasn't offered, and what our code says about it."""
    offered = facts.references()
    sections = [
        section.model_copy(update={"items": [grounded(item, offered) for item in section.items]})
        for section in answer.sections
    ]
    checked = answer.model_copy(update={"sections": sections})
    before, after = citations_of(answer), citations_of(checked)
    said = {section.topic for section in sections if section.items}
    reasons = (
        (ReviewReason.SAFETY, bool(facts.safety.rows) and Topic.SAFETY not in said),
        (ReviewReason.INSTRUCTIONS_FOUND, carries_orders(facts.foreign_texts())),
        (ReviewReason.UNSUPPORTED, any(had and not has for had, has in zip(before, after, strict=True))),
        (ReviewReason.UNSUPPORTED_NUMBER, bool(unsupported_numbers(checked, facts))),
    )
    dropped = sum(map(len, before)) - sum(map(len, after))
    held = tuple(reason for reason, holds in reasons if holds)
    return checked, Verdict("", None, held, dropped_citations=dropped)


def grounded(item: Item, offered: dict[str, set[str]]) -> Item:
    kept = [one for one in item.citations if one.reference in offered[one.kind]]
    return item.model_copy(update={"citations": kept})


def citations_of(answer: Handover) -> list[list[Citation]]:
    return [item.citations for section in answer.sections for item in section.items]


def unsupported_numbers(answer: Handover, facts: DayFacts) -> set[Decimal]:
    """Numbers in the text that the facts don't have: somebody has counted, guessed or invented."""
    texts = [answer.headline, answer.summary, *(item.text for section in answer.sections for item in section.items)]
    return set(numbers_in(texts)) - facts.numbers()
