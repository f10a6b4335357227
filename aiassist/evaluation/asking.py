"""A case put to a provider the way a worker puts it: prompt, call, check, one correction. Without the ledger."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from aiassist.answer import Answer, InvalidAnswer, Verdict, parse_answer
from aiassist.calls import Call
from aiassist.citations import assess
from aiassist.evaluation.picture_set import PictureCase
from aiassist.prompts import Prompt, fault_prompt
from aiassist.providers.base import Provider, ProviderFailed, Reply

Price = Callable[[Reply], int | None]
"""What a reply cost in micro-USD, if anybody knows."""

INVALID: Final = "AI_ANSWER_INVALID"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case: an answer with our verdict, or why there is none.

    `cost_micro_usd` is that of all calls, None if that of one isn't known.
    """

    case: PictureCase
    answer: Answer | None
    verdict: Verdict | None
    failure: str = ""
    seconds: float = 0.0
    calls: int = 1
    cost_micro_usd: int | None = 0


class Asking:
    """One case and one provider."""

    def __init__(self, provider: Provider, case: PictureCase, *, deadline_s: float, price: Price) -> None:
        self.provider, self.case, self.price = provider, case, price
        self.question = case.question()
        self.started = time.monotonic()
        self.ends = self.started + deadline_s
        self.costs: list[int | None] = []

    def outcome(self) -> Outcome:
        facts = self.question if self.provider.looks_at_photos else replace(self.question, images=())
        prompt = fault_prompt(facts)
        try:
            return self.answered(prompt)
        except ProviderFailed as failure:
            self.costs.append(self.price(failure.reply) if failure.reply else None)
            return self.ended(None, None, failure.code)
        except InvalidAnswer:
            return self.ended(None, None, INVALID)

    def answered(self, prompt: Prompt) -> Outcome:
        text = self.call(prompt)
        try:
            return self.judged(text)
        except InvalidAnswer as complaint:
            if not self.provider.follows_prompts:
                raise
            return self.judged(self.call(replace(prompt, previous=text, complaint=str(complaint))))

    def call(self, prompt: Prompt) -> str:
        reply = Call(self.provider, prompt, deadline_s=max(0.0, self.ends - time.monotonic())).wait(lambda: None)
        self.costs.append(self.price(reply))
        return reply.text

    def judged(self, text: str) -> Outcome:
        return self.ended(*assess(parse_answer(text), self.question))

    def ended(self, answer: Answer | None, verdict: Verdict | None, failure: str = "") -> Outcome:
        known = [cost for cost in self.costs if cost is not None]
        cost = sum(known) if len(known) == len(self.costs) else None
        return Outcome(self.case, answer, verdict, failure, time.monotonic() - self.started, len(self.costs), cost)
