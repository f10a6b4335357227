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


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything one call tells a provider.

    `images` are JPEGs. `previous` and `complaint` are set when an unusable answer is sent back: the provider's own
    words and what is wrong with them.
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
        images=question.images,
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
    known = {name: value for name, value in asdict(question).items() if name not in {"images", "codes", "fleet"}}
    document = json.dumps(known, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"<facts>{document}</facts>"
