"""How good is the rule book on this fleet? It learns from closed faults up to a day and is asked about those after it.

Beside it stand who answers without effort (always the most frequent mode of the kind) and the rule book without each of
what it learned, so that one sees what the effort brings.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from aiassist.accuracy import Share
from aiassist.evaluation.history import HeldOut, held_out
from aiassist.evaluation.scores import (
    Judged,
    Mean,
    Step,
    brier,
    calibration_error,
    mean,
    reliability,
    rounded,
    share_json,
)
from aiassist.fleet import learned
from aiassist.learning import UNKNOWN, shares
from aiassist.providers.rulebook import diagnose
from aiassist.question import Question
from aiassist.ranking import base_weights
from equipment.models import Category

MOST_NAMED: Final = 3

Named = Sequence[tuple[str, float]]
"""The modes an answer names with how sure it is, the first one first. Empty: it says that it can't tell."""


def asked(question: Question) -> Named:
    """What a person is shown."""
    return [(issue.failure_mode or UNKNOWN, issue.confidence) for issue in diagnose(question).issues]


def keywords_only(question: Question) -> Named:
    return asked(replace(question, fleet=None, past=(), readings=()))


def without_fleet(question: Question) -> Named:
    return asked(replace(question, fleet=None))


def most_frequent(question: Question) -> Named:
    share = shares(base_weights(question.modes), question.fleet)
    modes = sorted((code for code in share if code != UNKNOWN), key=lambda code: (-share[code], code))
    return [(code, share[code]) for code in modes[:MOST_NAMED]]


CONTESTANTS: Final[dict[str, Callable[[Question], Named]]] = {
    "rule book": asked,
    "without the fleet's history": without_fleet,
    "keywords only": keywords_only,
    "most frequent mode": most_frequent,
}


@dataclass(slots=True)
class Record:
    """How one contestant did."""

    places: list[int] = field(default_factory=list)  # of the truth among what was named, from 1; 0: not named
    judged: list[Judged] = field(default_factory=list)
    abstained: int = 0

    def add(self, named: Named, truth: str) -> None:
        codes = [code for code, _ in named]
        self.places.append(codes.index(truth) + 1 if truth in codes else 0)
        if named:
            self.judged.append((min(1.0, named[0][1]), codes[0] == truth))
        else:
            self.abstained += 1

    def top(self, most: int) -> Share:
        """Of all faults: who abstains has not found it."""
        return Share(len(self.places), sum(0 < place <= most for place in self.places))

    @property
    def right_when_answered(self) -> Share:
        return Share(len(self.judged), sum(right for _, right in self.judged))

    @property
    def abstentions(self) -> Share:
        return Share(len(self.places), self.abstained)

    @property
    def reciprocal_rank(self) -> Mean:
        return mean(1 / place if place else 0.0 for place in self.places)

    @property
    def steps(self) -> list[Step]:
        return reliability(self.judged)

    def as_json(self) -> dict[str, Any]:
        return {
            "top_1": share_json(self.top(1)),
            "top_3": share_json(self.top(3)),
            "right_when_answered": share_json(self.right_when_answered),
            "abstained": share_json(self.abstentions),
            "mean_reciprocal_rank": self.reciprocal_rank.as_json(),
            "brier": brier(self.judged).as_json(),
            "calibration_error": rounded(calibration_error(self.steps)),
            "reliability": [step.as_json() for step in self.steps],
        }


@dataclass(slots=True)
class Evaluation:
    since: datetime
    learned_from: int = 0
    records: dict[str, Record] = field(default_factory=lambda: {name: Record() for name in CONTESTANTS})

    def add(self, cases: Iterable[HeldOut]) -> None:
        for case in cases:
            for name, contestant in CONTESTANTS.items():
                self.records[name].add(contestant(case.question), case.truth)

    def as_json(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat(),
            "learned_from": self.learned_from,
            "asked": len(self.records["rule book"].places),
            "contestants": {name: record.as_json() for name, record in self.records.items()},
        }


def evaluate(categories: Sequence[Category], *, since: datetime, most: int) -> Evaluation:
    """`most` faults of each kind are asked about; of each kind it learns from those closed before."""
    evaluation = Evaluation(since)
    for category in categories:
        known = learned(category, at=since)
        evaluation.learned_from += known.total
        evaluation.add(held_out(category, known, since=since, most=most))
    return evaluation
