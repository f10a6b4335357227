"""What an analysis is for: each purpose reads its facts, words its prompt, and judges what comes back.

How an answer is asked for, paid and stored is the same for all and stands in the pipeline.
"""

from datetime import datetime
from typing import Any, Final, Protocol

from aiassist import citations
from aiassist.answer import Part, Verdict, parse_answer, parsed
from aiassist.grounding import question_for, with_pictures
from aiassist.handover import answer as handover
from aiassist.handover.facts import DayFacts
from aiassist.handover.gathering import gather
from aiassist.models import Analysis
from aiassist.prompts import ANALYZE_FAULT, HANDOVER, Prompt, fault_prompt, handover_prompt
from aiassist.providers.base import Provider
from aiassist.question import Question


class Purpose(Protocol):
    prompt_version: str

    def gather(self, analysis: Analysis, *, at: datetime) -> Any:
        """What is known, read from the database once for all providers."""
        ...

    def prompt(self, analysis: Analysis, facts: Any, provider: Provider) -> Prompt: ...

    def judged(self, text: str, facts: Any) -> tuple[Part, Verdict]:
        """The answer in a provider's raw text as it may be stored, and our verdict; InvalidAnswer if it is none."""
        ...


class WhatIsWrong:
    """With a machine, by words, photographs and what is known of it."""

    prompt_version = ANALYZE_FAULT

    def gather(self, analysis: Analysis, *, at: datetime) -> Question:
        return question_for(analysis, at=at)

    def prompt(self, analysis: Analysis, facts: Question, provider: Provider) -> Prompt:
        return fault_prompt(with_pictures(facts, analysis) if provider.looks_at_photos else facts)

    def judged(self, text: str, facts: Question) -> tuple[Part, Verdict]:
        return citations.assess(parse_answer(text), facts)


class HowTheDayWent:
    """At a site, for the next shift."""

    prompt_version = HANDOVER

    def gather(self, analysis: Analysis, *, at: datetime) -> DayFacts:
        return gather(analysis)

    def prompt(self, analysis: Analysis, facts: DayFacts, provider: Provider) -> Prompt:
        return handover_prompt(facts)

    def judged(self, text: str, facts: DayFacts) -> tuple[Part, Verdict]:
        return handover.assess(parsed(text, handover.Handover), facts)


PURPOSES: Final[dict[str, Purpose]] = {
    Analysis.Purpose.FAULT: WhatIsWrong(),
    Analysis.Purpose.HANDOVER: HowTheDayWent(),
}
