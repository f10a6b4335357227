"""What closed faults teach: base rates, words, and how little of either moves the rule book's own judgement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiassist.answer import EvidenceKind
from aiassist.citations import assess
from aiassist.learning import SHRINKAGE, UNKNOWN, Case, FleetFacts, learn, lifts, shares
from aiassist.providers.rulebook import diagnose
from aiassist.question import ModeFacts, PastFailure, Question
from aiassist.ranking import rank
from aiassist.words import phrases_of, telling_terms, wording

BELT = ModeFacts("AHU-BELT", "Belt slips", keywords=("belt", "squealing"))
FILTER = ModeFacts("AHU-FILTER", "Filter clogged", keywords=("filter", "pressure drop"))
NOISE = ModeFacts("GEN-NOISE", "Unusual sound", keywords=("noise",), is_generic=True)
MODES = (BELT, FILTER, NOISE)
PHRASES = phrases_of(["pressure drop"])


def fleet(*cases: tuple[str, str, int], age_days: float = 0.0) -> FleetFacts:
    """Words, mode, how many."""
    return learn(
        "Air handler", [Case(words, code, age_days) for words, code, count in cases for _ in range(count)], PHRASES
    )


def confidence(words: str, known: FleetFacts | None, code: str, **facts: object) -> float:
    ranked = rank(Question(words, modes=MODES, fleet=known, **facts))  # type: ignore[arg-type]
    return next(candidate.confidence for candidate in ranked if candidate.mode.code == code)


def test_the_mode_that_came_most_is_likeliest_before_anything_is_said() -> None:
    known = fleet(("it is out", "AHU-FILTER", 15), ("it is out", "AHU-BELT", 5))

    ranked = rank(Question("", modes=MODES, fleet=known))

    assert [candidate.mode.code for candidate in ranked] == ["AHU-FILTER", "AHU-BELT", "GEN-NOISE"]
    # (1 + 15) / (1 + 1 + 0.5 + 2 + 20), by hand
    assert ranked[0].confidence == pytest.approx(16 / 24.5)


def test_recent_faults_weigh_more_than_old_ones() -> None:
    now = fleet(("x", "AHU-BELT", 10))
    four_years_ago = fleet(("x", "AHU-BELT", 10), age_days=4 * 365)

    assert four_years_ago.weight["AHU-BELT"] == pytest.approx(2.5)
    assert confidence("", now, "AHU-BELT") > confidence("", four_years_ago, "AHU-BELT")


def test_a_word_no_keyword_knows_is_learned() -> None:
    known = fleet(("it chirps", "AHU-BELT", 12), ("clogged up", "AHU-FILTER", 12))

    assert confidence("it chirps", known, "AHU-BELT") > 0.6
    assert confidence("it chirps", None, "AHU-BELT") < 0.4


def test_a_keyword_that_misleads_here_is_unlearned() -> None:
    known = fleet(("squealing", "AHU-FILTER", 60), ("dirt", "AHU-BELT", 60))

    assert confidence("squealing", None, "AHU-BELT") > 0.5
    assert confidence("squealing", known, "AHU-FILTER") > confidence("squealing", known, "AHU-BELT")


def test_a_fault_or_two_hardly_move_the_judgement() -> None:
    known = fleet(("squealing", "AHU-FILTER", 2), ("dirt", "AHU-BELT", 2))

    assert confidence("squealing", known, "AHU-BELT") > confidence("squealing", known, "AHU-FILTER")


def test_a_fleet_without_history_behaves_as_before() -> None:
    words = "squealing noise, no filter, pressure drop of the belt"

    assert rank(Question(words, modes=MODES, fleet=FleetFacts("Air handler"))) == rank(Question(words, modes=MODES))


def test_the_base_rate_alone_is_no_diagnosis() -> None:
    answer = diagnose(Question("it is out", modes=MODES, fleet=fleet(("it is out", "AHU-FILTER", 15))))

    assert answer.issues == []
    assert "Most often it was Filter clogged: 15 of 15 closed faults" in (answer.not_assessable_reason or "")


def test_it_says_what_it_learned_from() -> None:
    known = fleet(("the belt chirps", "AHU-BELT", 9), ("chirps", "AHU-FILTER", 1), ("dust", "AHU-FILTER", 14))

    question = Question("it chirps", modes=MODES, fleet=known)
    answer, verdict = assess(diagnose(question), question)

    issue = answer.issues[0]
    history = [evidence.text for evidence in issue.evidence if evidence.kind is EvidenceKind.HISTORY]
    assert issue.failure_mode == "AHU-BELT"
    assert history == [
        "9 of 24 closed faults of this kind (Air handler) were: Belt slips",
        "9 of 10 closed faults reported with “chirps” were this",
    ]
    assert verdict.dropped_citations == 0


def test_what_this_machine_had_still_counts_beside_the_fleet() -> None:
    known = fleet(("x", "AHU-FILTER", 300), ("x", "AHU-BELT", 100))
    past = tuple(PastFailure(f"WO-{n}", "AHU-BELT", 20.0 * n) for n in range(1, 6))

    assert confidence("", known, "AHU-BELT", past=past) > confidence("", known, "AHU-FILTER", past=past)


def test_faults_closed_without_a_failure_make_something_else_likelier() -> None:
    found, nothing = fleet(("x", "AHU-BELT", 10)), fleet(("x", "AHU-BELT", 10), ("x", UNKNOWN, 30))

    assert confidence("squealing", nothing, "AHU-BELT") < confidence("squealing", found, "AHU-BELT")


def test_a_word_inside_a_phrase_is_one_clue() -> None:
    said = telling_terms(wording("The pressure drop is high, no leak, valve V3"), PHRASES)

    assert list(said) == ["pressur drop", "valv"]


def test_lifts_by_hand() -> None:
    """Two modes alike, the hand-set ratio 9 for A: judged 0.9 and 0.1. Seen 2 of 12 in A, 10 in B."""
    found = lifts({"A": 9.0}, {"A": 0.5, "B": 0.5}, {"A": 2, "B": 10})

    assert found["A"] == pytest.approx((2 + SHRINKAGE * 0.9) / (12 + SHRINKAGE) / 0.5)
    assert found["B"] == pytest.approx((10 + SHRINKAGE * 0.1) / (12 + SHRINKAGE) / 0.5)


COUNTS = st.dictionaries(st.sampled_from(["A", "B", UNKNOWN, "GONE"]), st.integers(0, 1000))


@given(COUNTS, COUNTS, st.dictionaries(st.sampled_from("AB"), st.floats(1, 10)))
def test_shares_and_lifts_stay_probabilities(
    weight: dict[str, int], seen: dict[str, int], hand: dict[str, float]
) -> None:
    share = shares({"A": 1.0, "B": 0.5, UNKNOWN: 2.0}, FleetFacts("x", weight=weight))
    lift = lifts(hand, share, seen)

    assert sum(share.values()) == pytest.approx(1)
    assert sum(share[code] * lift[code] for code in share) == pytest.approx(1)
    assert all(one > 0 for one in lift.values())
