"""What a model is told. The instructions are a versioned file, the facts are data beside them and never mixed in."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final

from django.conf import settings

from aiassist.answer import answer_schema, schema_of
from aiassist.handover.answer import Handover
from aiassist.handover.facts import DayFacts
from aiassist.question import Question

ANALYZE_FAULT: Final = "analyze_fault/v2"
HANDOVER: Final = "handover/v1"
KEPT_BACK: Final = {"images", "drawing", "codes", "fleet"}
AGES: Final = ((900, "15 minutes"), (3600, "an hour"), (6 * 3600, "6 hours"), (24 * 3600, "a day"))


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything one call tells a provider.

    `images` are JPEGs: the photographs, then perhaps the drawing. `previous` and `complaint` are set when an unusable
    answer is sent back: the provider's own words and what is wrong with them.
    """

    version: str
    instructions: str
    text: str
    schema_name: str
    schema: dict[str, Any]
    question: Question | DayFacts
    images: tuple[bytes, ...] = ()
    previous: str = ""
    complaint: str = ""


def fault_prompt(question: Question) -> Prompt:
    return Prompt(
        version=ANALYZE_FAULT,
        instructions=instructions(ANALYZE_FAULT),
        text=facts(question),
        schema_name="fault_analysis",
        schema=answer_schema(),
        question=question,
        images=(*question.images, question.drawing) if question.drawing else question.images,
    )


def handover_prompt(day: DayFacts) -> Prompt:
    return Prompt(
        version=HANDOVER,
        instructions=instructions(HANDOVER),
        text=facts(day),
        schema_name="handover",
        schema=schema_of(Handover),
        question=day,
    )


@cache
def instructions(version: str) -> str:
    path = settings.BASE_DIR / "templates" / "ai_prompts" / f"{version}.txt"
    return str(path.read_text(encoding="utf-8")).strip()


def facts(question: Question | DayFacts) -> str:
    """The facts as one JSON document between tags that nothing in it can close."""
    known = told(question) if isinstance(question, Question) else asdict(question)
    document = json.dumps(known, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"<facts>{document}</facts>"


def told(question: Question) -> dict[str, Any]:
    """What a model gets to read. Ages are coarse, so that a question asked again a minute later is the same one."""
    known = {name: value for name, value in asdict(question).items() if name not in KEPT_BACK}
    for mode in known["modes"]:
        del mode["keywords"], mode["is_generic"]  # for the rule book
    for reading in known["readings"]:
        reading["age"] = age_words(reading.pop("age_seconds"))
    for repair in known["past"]:
        repair["age_days"] = round(repair["age_days"])
    return known


def age_words(seconds: float) -> str:
    return next((f"within {words}" for most, words in AGES if seconds <= most), "older than a day")
