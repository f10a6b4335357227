"""The arithmetic of how good answers were."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiassist.accuracy import Z_95, Effort, Share, Source, Tally, accuracies, accuracy, wilson

GPT = Source("OPENAI", "gpt-x", "1")
RULES = Source("RULEBOOK", "rulebook-1", "")
MODES = st.sampled_from(["", "BEARING", "BELT", "LEAK"])
ANSWERS = st.lists(st.tuples(MODES, st.none() | MODES), max_size=60)
CASES = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def tallies(answers: list[tuple[str, str | None]]) -> list[Tally]:
    return [
        Tally(GPT, named, truth, n, right=n if named == truth else 0)
        for (named, truth), n in sorted(Counter(answers).items(), key=str)
    ]


# Wilson's interval ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I,
        # method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_one_wrong_of_one_says_little() -> None:
    # For no hits the upper bound is z²/(n + z²): 3.8415/4.8415.
    assert wilson(0, 1) == pytest.approx((0, 0.79346), abs=1e-5)


@given(CASES)
def test_the_bounds_are_where_the_test_just_does_not_reject(case: tuple[int, int]) -> None:
    hits, n = case
    for bound in wilson(hits, n):
        distance = Z_95 * math.sqrt(max(0.0, bound * (1 - bound)) / n)
        assert bound in (0, 1) or abs(hits / n - bound) == pytest.approx(distance, abs=1e-9)


@given(CASES)
def test_the_interval_holds_the_share_and_stays_among_shares(case: tuple[int, int]) -> None:
    hits, n = case
    low, high = wilson(hits, n)

    assert 0 <= low <= hits / n <= high <= 1


@given(CASES)
def test_misses_are_the_mirror_of_hits(case: tuple[int, int]) -> None:
    hits, n = case
    low, high = wilson(hits, n)

    assert wilson(n - hits, n) == pytest.approx((1 - high, 1 - low))


@given(CASES, st.integers(2, 20))
def test_more_of_the_same_says_more(case: tuple[int, int], times: int) -> None:
    hits, n = case
    (low, high), (lower, higher) = wilson(hits * times, n * times), wilson(hits, n)

    assert high - low < higher - lower


def test_of_nothing_there_is_no_share() -> None:
    nothing = Share(0, 0)

    assert (nothing.share, nothing.low, nothing.high) == (None, None, None)


# A source's figures --------------------------------------------------------------------------------------------------


def test_figures_counted_by_hand() -> None:
    rows = [
        Tally(GPT, "BEARING", "BEARING", 6, in_top_3=6, right=6, accepted=5, with_severity=5, severity_agreed=4),
        Tally(GPT, "BEARING", "BELT", 2, in_top_3=1, edited=1, needs_review=1, with_severity=1),
        Tally(GPT, "BELT", "", 1, rejected=1),  # nothing was wrong
        Tally(GPT, "", "BELT", 1, abstained=1, needs_review=1),
        Tally(GPT, "BELT", None, 10, dropped_citations=5),  # not repaired yet
    ]

    of = accuracy(GPT, rows, Effort(GPT, 22, 25, 1, 40_000, 2.5))

    assert of.answers == 20
    assert of.known == Share(20, 10)
    assert of.right == Share(10, 6)
    assert of.precision == Share(9, 6)
    assert of.recall == Share(9, 6)
    assert of.top_3 == Share(9, 7)
    assert (of.abstained, of.needs_review) == (Share(20, 1), Share(20, 2))
    assert (of.accepted, of.edited, of.rejected) == (Share(7, 5), Share(7, 1), Share(7, 1))
    assert of.severity_agreed == Share(6, 4)
    assert of.dropped_citations_per_answer == 0.25
    assert of.cost_per_answer_micro_usd == 2000
    assert of.cost_per_right_answer_micro_usd == pytest.approx(2000 / 0.6)
    bearing, belt = of.failure_modes
    assert (bearing.code, bearing.precision, bearing.recall) == ("BEARING", Share(8, 6), Share(6, 6))
    assert (belt.code, belt.precision, belt.recall) == ("BELT", Share(1, 0), Share(3, 0))


def test_without_a_known_truth_nothing_is_claimed() -> None:
    of = accuracy(GPT, [Tally(GPT, "BEARING", None, 3)], Effort(GPT, 3, 3, 3, None, None))

    assert (of.precision.share, of.recall.share, of.top_3.share) == (None, None, None)
    assert (of.cost_per_answer_micro_usd, of.cost_per_right_answer_micro_usd) == (None, None)


def test_who_was_asked_and_never_answered_is_listed() -> None:
    (of,) = accuracies([], [Effort(GPT, 4, 8, 8, None, None)])

    assert (of.source, of.effort.asked, of.answers, of.dropped_citations_per_answer) == (GPT, 4, 0, None)


def test_sources_are_kept_apart() -> None:
    rows = [Tally(RULES, "BELT", "BELT", 1), Tally(GPT, "BELT", "LEAK", 1)]

    assert [(of.source, of.precision.hits) for of in accuracies(rows, [])] == [(GPT, 0), (RULES, 1)]


@given(ANSWERS)
def test_figures_are_those_of_the_answers_one_by_one(answers: list[tuple[str, str | None]]) -> None:
    of = accuracy(GPT, tallies(answers))

    named = [(mode, truth) for mode, truth in answers if mode and truth is not None]
    faulty = [(mode, truth) for mode, truth in answers if truth]
    assert of.precision == Share(len(named), sum(mode == truth for mode, truth in named))
    assert of.recall == Share(len(faulty), sum(mode == truth for mode, truth in faulty))
    assert of.known == Share(len(answers), sum(truth is not None for _, truth in answers))


@given(ANSWERS)
def test_the_modes_add_up_to_the_whole(answers: list[tuple[str, str | None]]) -> None:
    of = accuracy(GPT, tallies(answers))

    for whole, parts in [
        (of.precision, [mode.precision for mode in of.failure_modes]),
        (of.recall, [mode.recall for mode in of.failure_modes]),
    ]:
        assert (whole.n, whole.hits) == (sum(part.n for part in parts), sum(part.hits for part in parts))


@given(ANSWERS, ANSWERS)
def test_one_more_source_leaves_the_others_alone(
    answers: list[tuple[str, str | None]], others: list[tuple[str, str | None]]
) -> None:
    mine = tallies(answers)
    theirs = [Tally(RULES, row.named, row.truth, row.n, right=row.right) for row in tallies(others)]

    assert [of for of in accuracies([*mine, *theirs], []) if of.source == GPT] == accuracies(mine, [])
