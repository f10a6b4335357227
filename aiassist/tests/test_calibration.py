"""Confidence that means something: sharpness is found from how earlier answers turned out."""

import random

import pytest

from aiassist.calibration import LEAST_ASKED, calibrated, questions, surprise
from aiassist.evaluation.scores import brier
from aiassist.learning import Case, FleetFacts, sharpened
from aiassist.question import ModeFacts, Question
from aiassist.ranking import rank

BELT = ModeFacts("BELT", "Slips", keywords=("squealing", "chirping", "rubber"))
FILTER = ModeFacts("FILTER", "Clogged", keywords=("dust", "dirty", "clogged"))
MODES = (BELT, FILTER)


def fleet(*, misleading: float, cases: int = 800) -> list[Case]:
    """Reports that speak of one mode; a share of them was closed with the other. The newest first."""
    rng = random.Random(7)
    made = []
    for age in range(cases):
        mode, other = rng.sample(MODES, 2)
        found = other if rng.random() < misleading else mode
        made.append(Case(" and ".join(mode.keywords), found.code, float(age), machine=str(rng.randrange(200))))
    return made


def test_where_reports_mislead_it_is_less_sure() -> None:
    honest, misleading = (calibrated("Fan", fleet(misleading=share), MODES) for share in (0.02, 0.3))

    assert misleading.sharpness < honest.sharpness


def test_it_is_worth_it_on_faults_that_come_later() -> None:
    cases = fleet(misleading=0.3)
    later, known = cases[:200], calibrated("Fan", cases[200:], MODES)

    def score(facts: FleetFacts) -> float:
        answers = [(rank(Question(case.words, modes=MODES, fleet=facts))[0], case.mode_code) for case in later]
        return brier([(first.confidence, first.mode.code == truth) for first, truth in answers]).value

    unsharpened = FleetFacts(known.category, known.closed, known.weight, known.terms)
    assert score(known) <= score(unsharpened) + 1e-9


def test_a_short_history_leaves_confidence_as_it_is() -> None:
    few = calibrated("Fan", fleet(misleading=0.5, cases=4 * LEAST_ASKED - 1), MODES)

    assert few.sharpness == 1.0


def test_a_case_is_put_with_what_its_machine_had_before_only() -> None:
    cases = [Case("x", "BELT", 1.0, "a"), Case("x", "FILTER", 5.0, "a"), Case("x", "FILTER", 2.0, "b")]

    first, second = questions(cases, 2, FleetFacts("Fan"), MODES)

    assert [(past.mode_code, past.age_days) for past in first.past] == [("FILTER", 4.0)]
    assert second.past == ()


def test_sharpness_by_hand() -> None:
    assert sharpened({"A": 9.0, "B": 1.0}, 0.5) == {"A": pytest.approx(0.75), "B": pytest.approx(0.25)}
    assert sharpened({"A": 9.0, "B": 1.0}, 1.0)["A"] == pytest.approx(0.9)
    # -ln 0.75
    assert surprise([{"": 0.0, "A": 0.9, "B": 0.1}], ["A"], 0.5) == pytest.approx(0.28768, abs=1e-5)
