"""What a fleet's closed faults teach about the next one: how often each mode comes, and which words went with it. Pure.

A word's weight is P(mode | word) / P(mode). It is learned from the closed faults whose report said the word, with a
Dirichlet prior that is the rule book's own judgement (its hand-set keyword ratios) and counts as much as `SHRINKAGE`
closed faults. Without history the judgement stands alone; a word that was said in hundreds of faults is what they say.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiassist.words import telling_terms, wording

HALF_LIFE_DAYS: Final = 730.0
"""A closed fault of two years ago counts half: machines are replaced, habits change."""
SHRINKAGE: Final = 8.0
LEAST_SAID: Final = 2
MOST_TERMS: Final = 3000
FLEET: Final = "fleet"
"""What evidence from these counts refers to: no single order, the fleet."""
UNKNOWN: Final = ""
"""The code of "something else": no failure found, or a mode that isn't in the list."""


@dataclass(frozen=True, slots=True)
class Case:
    """A closed fault: the words it was reported in, what it turned out to be, how long ago it was closed, and where."""

    words: str
    mode_code: str
    age_days: float = 0.0
    machine: str = ""


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """Closed faults of one kind of machine, counted.

    `closed[mode]` is their number, `weight[mode]` the same with old ones faded, `terms[term][mode]` the number whose
    report said the term. `sharpness` says how far a confidence may be trusted as it is (1), or is too sure (below).
    """

    category: str
    closed: Mapping[str, int] = field(default_factory=dict)
    weight: Mapping[str, float] = field(default_factory=dict)
    terms: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sharpness: float = 1.0

    @property
    def total(self) -> int:
        return sum(self.closed.values())


def learn(category: str, cases: Iterable[Case], phrases: Collection[tuple[str, ...]]) -> FleetFacts:
    closed: Counter[str] = Counter()
    weight: dict[str, float] = {}
    terms: dict[str, Counter[str]] = {}
    for case in cases:
        closed[case.mode_code] += 1
        faded = 0.5 ** (max(0.0, case.age_days) / HALF_LIFE_DAYS)
        weight[case.mode_code] = weight.get(case.mode_code, 0.0) + faded
        for term in telling_terms(wording(case.words), phrases):
            terms.setdefault(term, Counter())[case.mode_code] += 1
    often = sorted(terms, key=lambda term: (-terms[term].total(), term))[:MOST_TERMS]
    kept = {term: dict(terms[term]) for term in often if terms[term].total() >= LEAST_SAID}
    return FleetFacts(category, dict(closed), {code: round(one, 3) for code, one in weight.items()}, kept)


def shares(base: Mapping[str, float], fleet: FleetFacts | None) -> dict[str, float]:
    """How likely each mode is before anything is said, as shares of one: Dirichlet-smoothed counts of the fleet.

    `base` is the weight each mode has without any history; a mode that is gone from the list doesn't count.
    """
    raw = {code: one + (fleet.weight.get(code, 0.0) if fleet else 0.0) for code, one in base.items()}
    whole = sum(raw.values())
    return {code: one / whole for code, one in raw.items()}


def lifts(hand: Mapping[str, float], share: Mapping[str, float], seen: Mapping[str, int]) -> dict[str, float]:
    """How much a word makes each mode likelier: P(mode | word) / P(mode).

    `hand[mode]` is the hand-set ratio (1 where it isn't in the mapping), `seen[mode]` the closed faults that said it.
    """
    judged = {code: one * hand.get(code, 1.0) for code, one in share.items()}
    judged_whole, seen_whole = sum(judged.values()), sum(seen.get(code, 0) for code in share)
    return {
        code: (seen.get(code, 0) + SHRINKAGE * judged[code] / judged_whole) / (seen_whole + SHRINKAGE) / one
        for code, one in share.items()
    }


def sharpened(weights: Mapping[str, float], sharpness: float) -> dict[str, float]:
    """Weights as shares of one, each first raised to `sharpness`: below 1 the shares come closer together."""
    raised = {code: one**sharpness for code, one in weights.items()}
    whole = math.fsum(raised.values())
    return {code: one / whole for code, one in raised.items()}
