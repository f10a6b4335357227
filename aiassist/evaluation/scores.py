"""What a row of answers is worth: means, Brier score and reliability, beside the shares of `aiassist.accuracy`. Pure.

Brier, G. W. (1950), Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1-3.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiassist.accuracy import Z_95, Share


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with the 95 % interval of the normal approximation; None of nothing, no interval of one."""

    value: float | None
    half: float | None
    of: int

    def __str__(self) -> str:
        if self.value is None:
            return "none"
        around = "" if self.half is None else f" ±{self.half:.3f}"
        return f"{self.value:.3f}{around} ({self.of})"

    def as_json(self) -> dict[str, Any]:
        return {"value": rounded(self.value), "plus_minus": rounded(self.half), "of": self.of}


@dataclass(frozen=True, slots=True)
class Step:
    """Answers of about one confidence: how sure they were on average, and how many were right."""

    low: float
    high: float
    confidence: float
    right: Share

    def as_json(self) -> dict[str, Any]:
        return {
            "from": self.low,
            "to": self.high,
            "confidence": rounded(self.confidence),
            "right": share_json(self.right),
        }


Judged = tuple[float, bool]
"""How sure an answer was, and whether it was right."""


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def in_words(share: Share) -> str:
    """0.800 [0.490-0.943] (8/10)"""
    if share.share is None:
        return "none"
    return f"{share.share:.3f} [{share.low:.3f}-{share.high:.3f}] ({share.hits}/{share.n})"


def share_json(share: Share) -> dict[str, Any]:
    figures = {"value": rounded(share.share), "low": rounded(share.low), "high": rounded(share.high)}
    return {**figures, "hits": share.hits, "of": share.n}


def mean(values: Iterable[float]) -> Mean:
    found = list(values)
    if not found:
        return Mean(None, None, 0)
    middle = math.fsum(found) / len(found)
    if len(found) == 1:
        return Mean(middle, None, 1)
    spread = math.sqrt(math.fsum((one - middle) ** 2 for one in found) / (len(found) - 1))
    return Mean(middle, Z_95 * spread / math.sqrt(len(found)), len(found))


def brier(judged: Iterable[Judged]) -> Mean:
    """0 is perfect; who always says 50 % gets 0.25; always sure and always wrong is 1."""
    return mean((confidence - right) ** 2 for confidence, right in judged)


def reliability(judged: Sequence[Judged], *, steps: int = 5) -> list[Step]:
    """Answers by confidence in equal steps, without empty ones. Of those that said 70 %, 70 % should be right."""
    found = []
    for step in range(steps):
        inside = [one for one in judged if min(int(one[0] * steps), steps - 1) == step]
        if inside:
            average = math.fsum(confidence for confidence, _ in inside) / len(inside)
            right = Share(len(inside), sum(right for _, right in inside))
            found.append(Step(step / steps, (step + 1) / steps, average, right))
    return found


def calibration_error(steps: Sequence[Step]) -> float | None:
    """How far confidence and truth are apart on average, over all answers (the expected calibration error)."""
    total = sum(step.right.n for step in steps)
    if not total:
        return None
    return math.fsum(abs(step.confidence * step.right.n - step.right.hits) for step in steps) / total
