"""How sure the rule book may be in this fleet: one number, from how its earlier answers would have turned out. Pure.

Words of one report are not independent, reports mislead, and repairs are closed with the wrong code; so a naive Bayes
is too sure of itself, in each fleet in its own measure. The newest closed faults are asked about with what the older
ones taught, and all confidences are raised to the power that makes the truth likeliest (temperature scaling: Guo, C. et
al. (2017), On calibration of modern neural networks, ICML).
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from aiassist.learning import UNKNOWN, Case, FleetFacts, learn, sharpened
from aiassist.question import ModeFacts, PastFailure, Question
from aiassist.ranking import rank
from aiassist.words import phrases_of

ASKED: Final = 300
"""Faults to try it on: enough to place one number, few enough for a question that has to wait for it."""
LEAST_ASKED: Final = 50
SHARPNESSES: Final = tuple(step / 20 for step in range(4, 31))
"""From 0.2 to 1.5."""
IMPOSSIBLE: Final = 1e-9


def calibrated(category: str, cases: Sequence[Case], modes: Collection[ModeFacts]) -> FleetFacts:
    """What the cases teach, with the sharpness that suits them. `cases`: the newest first."""
    phrases = phrases_of(keyword for mode in modes for keyword in mode.keywords)
    asked = min(ASKED, len(cases) // 4)
    known = learn(category, cases, phrases)
    if asked < LEAST_ASKED:
        return known
    before = learn(category, cases[asked:], phrases)
    shares = [shares_of(question) for question in questions(cases, asked, before, tuple(modes))]
    truths = [case.mode_code for case in cases[:asked]]
    return replace(known, sharpness=min(SHARPNESSES, key=lambda one: (surprise(shares, truths, one), one)))


def questions(cases: Sequence[Case], asked: int, known: FleetFacts, modes: tuple[ModeFacts, ...]) -> Iterator[Question]:
    """The newest cases as they were put: their words, and what the same machine had before."""
    earlier: dict[str, list[Case]] = {}
    for case in cases:
        earlier.setdefault(case.machine, []).append(case)
    for case in cases[:asked]:
        past = tuple(
            PastFailure("", one.mode_code, one.age_days - case.age_days)
            for one in earlier[case.machine]
            if one.age_days > case.age_days
        )
        yield Question(case.words, modes=modes, past=past, fleet=known)


def shares_of(question: Question) -> dict[str, float]:
    found = {candidate.mode.code: candidate.confidence for candidate in rank(question)}
    return {UNKNOWN: max(0.0, 1 - math.fsum(found.values())), **found}


def surprise(shares: Sequence[dict[str, float]], truths: Sequence[str], sharpness: float) -> float:
    """The mean negative logarithm of what the truth was given. A mode that is gone from the list was something else."""
    total = 0.0
    for share, truth in zip(shares, truths, strict=True):
        given = sharpened(share, sharpness)
        total -= math.log(max(IMPOSSIBLE, given.get(truth, given[UNKNOWN])))
    return total / len(truths)
