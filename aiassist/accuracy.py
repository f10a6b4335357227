"""How good answers were, measured against what turned out to be wrong with the machine. Pure arithmetic.

Precision and recall as in Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.3.
Their interval is Wilson's (Probable inference, the law of succession, and statistical inference, Journal of the
American Statistical Association 22, 1927), which holds for few cases and for shares near 0 and 1, where the usual
normal approximation doesn't (Brown, Cai and DasGupta, Interval estimation for a binomial proportion, Statistical
Science 16, 2001).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Z_95: Final = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution: 2.5 % are left out on either side."""


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n`. `low` and `high` bound the true share with 95 % confidence; all three are None of nothing."""

    n: int
    hits: int

    @property
    def share(self) -> float | None:
        return self.hits / self.n if self.n else None

    @property
    def low(self) -> float | None:
        return wilson(self.hits, self.n)[0] if self.n else None

    @property
    def high(self) -> float | None:
        return wilson(self.hits, self.n)[1] if self.n else None


def wilson(hits: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The bounds of Wilson's score interval for `hits` of `n` > 0: the shares p with |hits/n − p| ≤ z √(p(1 − p)/n)."""
    share, square = hits / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    # At the ends the formula gives exactly 0 and 1, but for rounding.
    low = 0.0 if hits == 0 else middle - half
    return low, 1.0 if hits == n else middle + half


@dataclass(frozen=True, slots=True)
class Source:
    """Who answered, and with which words it was asked."""

    provider: str
    model_name: str
    prompt_version: str


@dataclass(frozen=True, slots=True)
class Tally:
    """`n` answers of one source that put the same failure mode first and turned out the same way.

    `named` is empty for an answer whose first issue names no mode. `truth` is the mode that was found, empty where
    nothing was wrong, None as long as nobody knows. Of `judged`, a person's verdicts, some state a `severity`.
    """

    source: Source
    named: str
    truth: str | None
    n: int
    in_top_3: int = 0
    right: int = 0
    abstained: int = 0
    needs_review: int = 0
    dropped_citations: int = 0
    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    with_severity: int = 0
    severity_agreed: int = 0


@dataclass(frozen=True, slots=True)
class Effort:
    """What it took to ask a source: analyses it was asked for, calls, their cost in micro-USD, seconds of an answer.

    `cost_micro_usd` is the sum over the calls with a known cost, None if there is none.
    """

    source: Source
    asked: int
    calls: int
    calls_without_cost: int
    cost_micro_usd: int | None
    median_seconds: float | None


@dataclass(frozen=True, slots=True)
class ModeAccuracy:
    """Of the answers that put the mode first, how many were right; of the machines that had it, how many were seen."""

    code: str
    precision: Share
    recall: Share


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One source's figures. See the properties of the API for what each share is of."""

    source: Source
    effort: Effort
    answers: int
    known: Share
    right: Share
    precision: Share
    recall: Share
    top_3: Share
    abstained: Share
    needs_review: Share
    accepted: Share
    edited: Share
    rejected: Share
    severity_agreed: Share
    dropped_citations: int
    failure_modes: Sequence[ModeAccuracy]

    @property
    def dropped_citations_per_answer(self) -> float | None:
        return self.dropped_citations / self.answers if self.answers else None

    @property
    def cost_per_answer_micro_usd(self) -> float | None:
        """All calls paid for, the failed ones and the corrections too, over the answers that came of them."""
        cost = self.effort.cost_micro_usd
        return cost / self.answers if cost is not None and self.answers else None

    @property
    def cost_per_right_answer_micro_usd(self) -> float | None:
        """What one right answer costs, if those with an unknown truth are right as often as the others."""
        cost, share = self.cost_per_answer_micro_usd, self.right.share
        return cost / share if cost is not None and share else None


def accuracies(tallies: Iterable[Tally], efforts: Iterable[Effort]) -> list[Accuracy]:
    """One for each source that was asked or answered, by provider, model and prompt."""
    rows: dict[Source, list[Tally]] = defaultdict(list)
    for tally in tallies:
        rows[tally.source].append(tally)
    effort_of = {effort.source: effort for effort in efforts}
    sources = sorted(rows.keys() | effort_of.keys(), key=lambda s: (s.provider, s.model_name, s.prompt_version))
    return [accuracy(source, rows[source], effort_of.get(source)) for source in sources]


def accuracy(source: Source, rows: Sequence[Tally], effort: Effort | None = None) -> Accuracy:
    answers = sum(row.n for row in rows)
    known = [row for row in rows if row.truth is not None]
    faulty = [row for row in known if row.truth]
    judged = sum(row.accepted + row.edited + row.rejected for row in rows)
    return Accuracy(
        source=source,
        effort=effort
        or Effort(source, asked=answers, calls=0, calls_without_cost=0, cost_micro_usd=None, median_seconds=None),
        answers=answers,
        known=Share(answers, count(known)),
        right=Share(count(known), sum(row.right for row in known)),
        precision=share_of(row for row in known if row.named),
        recall=share_of(faulty),
        top_3=Share(count(faulty), sum(row.in_top_3 for row in faulty)),
        abstained=Share(answers, sum(row.abstained for row in rows)),
        needs_review=Share(answers, sum(row.needs_review for row in rows)),
        accepted=Share(judged, sum(row.accepted for row in rows)),
        edited=Share(judged, sum(row.edited for row in rows)),
        rejected=Share(judged, sum(row.rejected for row in rows)),
        severity_agreed=Share(sum(row.with_severity for row in rows), sum(row.severity_agreed for row in rows)),
        dropped_citations=sum(row.dropped_citations for row in rows),
        failure_modes=by_mode(known),
    )


def by_mode(known: Sequence[Tally]) -> list[ModeAccuracy]:
    codes = sorted({code for row in known for code in (row.named, row.truth) if code})
    return [
        ModeAccuracy(
            code,
            precision=share_of(row for row in known if row.named == code),
            recall=share_of(row for row in known if row.truth == code),
        )
        for code in codes
    ]


def share_of(rows: Iterable[Tally]) -> Share:
    """How many of these answers put first what was found."""
    listed = list(rows)
    return Share(count(listed), count(row for row in listed if row.named == row.truth))


def count(rows: Iterable[Tally]) -> int:
    return sum(row.n for row in rows)
