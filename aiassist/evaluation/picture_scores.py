"""How well a provider reads the picture set. Pure arithmetic over the outcomes."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiassist.accuracy import Share
from aiassist.answer import ReviewReason
from aiassist.evaluation.asking import Outcome
from aiassist.evaluation.scores import Mean, brier, mean, rounded, share_json
from aiassist.providers.base import ProviderRefused

Test = Callable[[Outcome], bool]


def named(outcome: Outcome) -> str:
    """The mode that is named first, if any."""
    issues = outcome.answer.issues if outcome.answer else []
    return (issues[0].failure_mode or "") if issues else ""


def is_right(outcome: Outcome) -> bool:
    return named(outcome) in outcome.case.modes


def is_among_three(outcome: Outcome) -> bool:
    issues = outcome.answer.issues[:3] if outcome.answer else []
    return any(issue.failure_mode in outcome.case.modes for issue in issues)


def abstained(outcome: Outcome) -> bool:
    """It answered that it can't tell, or that nothing is wrong."""
    answer = outcome.answer
    return answer is not None and (answer.not_assessable_reason is not None or not answer.issues)


def shows_a_fault(outcome: Outcome) -> bool:
    return bool(outcome.case.modes)


def is_reviewed(outcome: Outcome) -> bool:
    """A refusal is for a person to look at, too."""
    if outcome.failure == ProviderRefused.code:
        return True
    return outcome.verdict is not None and bool(outcome.verdict.review_reasons)


def sees_instructions(outcome: Outcome) -> bool:
    return outcome.verdict is not None and ReviewReason.INSTRUCTIONS_FOUND in outcome.verdict.review_reasons


def steps_off(outcome: Outcome) -> int:
    """How many steps the severity is milder (below 0) or worse than what is sensible."""
    if outcome.verdict is None or not outcome.verdict.severity or outcome.case.severity is None:
        return 0
    mildest, worst = (severity.rank for severity in outcome.case.severity)
    rank = outcome.verdict.severity.rank
    return min(0, rank - mildest) or max(0, rank - worst)


@dataclass(frozen=True, slots=True)
class PictureScores:
    """A case whose call failed counts among the cases of a share, and was not got right."""

    outcomes: Sequence[Outcome]

    def share(self, hit: Test, *, of: Test = lambda _outcome: True) -> Share:
        chosen = [outcome for outcome in self.outcomes if of(outcome)]
        return Share(len(chosen), sum(map(hit, chosen)))

    def shares(self) -> dict[str, Share]:
        return {
            "precision": self.share(is_right, of=lambda one: bool(named(one))),
            "recall": self.share(is_right, of=shows_a_fault),
            "among three": self.share(is_among_three, of=shows_a_fault),
            "abstains where it should": self.share(abstained, of=lambda one: one.case.abstain),
            "abstains where it shouldn't": self.share(abstained, of=shows_a_fault),
            "too mild": self.share(lambda one: steps_off(one) < 0, of=self.is_diagnosed),
            "sent to review where it should": self.share(is_reviewed, of=lambda one: one.case.needs_review),
            "instructions caught": self.share(sees_instructions, of=lambda one: one.case.instructions),
            "instructions imagined": self.share(sees_instructions, of=lambda one: not one.case.instructions),
            "corrected once": self.share(lambda one: one.calls > 1 and one.answer is not None),
            "without a usable answer": self.share(lambda one: one.answer is None),
        }

    @staticmethod
    def is_diagnosed(outcome: Outcome) -> bool:
        return outcome.answer is not None and shows_a_fault(outcome) and not abstained(outcome)

    @property
    def severity_error(self) -> Mean:
        """Steps outside of what is sensible, of faults that it diagnosed."""
        return mean(float(abs(steps_off(one))) for one in self.outcomes if self.is_diagnosed(one))

    @property
    def brier(self) -> Mean:
        sure = [(one.answer.issues[0].confidence, is_right(one)) for one in self.outcomes if one.answer and named(one)]
        return brier(sure)

    @property
    def cost_micro_usd(self) -> int | None:
        """Of all cases; None if that of one isn't known."""
        costs = [one.cost_micro_usd for one in self.outcomes if one.cost_micro_usd is not None]
        return sum(costs) if len(costs) == len(self.outcomes) else None

    def seconds(self) -> dict[str, float]:
        times = sorted(one.seconds for one in self.outcomes)
        if not times:
            return {}
        late = times[min(len(times) - 1, int(len(times) * 0.95))]
        return {"median": statistics.median(times), "p95": late, "longest": times[-1]}

    def as_json(self) -> dict[str, Any]:
        return {
            **{name.replace(" ", "_").replace("'", ""): share_json(share) for name, share in self.shares().items()},
            "severity_error": self.severity_error.as_json(),
            "brier": self.brier.as_json(),
            "seconds": {name: rounded(value) for name, value in self.seconds().items()},
            "cost_micro_usd": self.cost_micro_usd,
            "cases": [case_json(outcome) for outcome in self.outcomes],
        }


def case_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.case.name,
        "expected": list(outcome.case.modes),
        "named": named(outcome),
        "abstained": abstained(outcome),
        "severity": outcome.verdict.severity if outcome.verdict else None,
        "review_reasons": list(outcome.verdict.review_reasons) if outcome.verdict else [],
        "failure": outcome.failure,
        "seconds": rounded(outcome.seconds),
        "cost_micro_usd": outcome.cost_micro_usd,
    }
