"""The picture set: drawn the same every time, put through the real clients, and scored. The stub's errors are known."""

import json
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from aiassist.answer import Severity, Verdict
from aiassist.evaluation import stub
from aiassist.evaluation.asking import Outcome
from aiassist.evaluation.picture_scores import PictureScores, steps_off
from aiassist.evaluation.picture_set import picture_set
from aiassist.evaluation.pictures import DRAWINGS, photograph
from aiassist.models import Analysis, AnalysisAttempt, ModelPrice

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("ai_eval", *arguments, stdout=out)
    return out.getvalue()


def figures(provider: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("--provider", provider, "--json"))
    return found


def counts(found: dict[str, Any], name: str) -> tuple[int, int]:
    return found[name]["hits"], found[name]["of"]


def test_each_picture_is_the_same_every_time_and_unlike_the_others() -> None:
    drawn = {name: photograph(name) for name in DRAWINGS}
    photograph.cache_clear()

    assert {name: photograph(name) for name in DRAWINGS} == drawn
    assert len(set(drawn.values())) == len(DRAWINGS)
    assert all(content.startswith(b"\xff\xd8\xff") for content in drawn.values())


def test_the_set_asks_only_for_what_can_be_answered() -> None:
    cases = picture_set().cases

    for case in cases:
        assert set(case.modes) <= {mode.code for mode in case.question().modes}
        assert case.abstain == (not case.modes) == (case.severity is None)
    assert len({case.name for case in cases}) == len(cases)
    assert {case.picture for case in cases} == set(DRAWINGS)


def test_the_stub_has_the_score_that_follows_from_its_errors() -> None:
    """21 cases, 15 with a fault, 6 to abstain from; eight known errors, see `aiassist.evaluation.stub`."""
    found = figures("STUB")

    # wrong: another mode, can't tell, never an answer, obeyed the picture
    assert counts(found, "recall") == (11, 15)
    # it also named a mode where there was none
    assert counts(found, "precision") == (11, 13)
    # it saw a fault in one, and refused one
    assert counts(found, "abstains_where_it_should") == (4, 6)
    assert counts(found, "abstains_where_it_shouldnt") == (2, 15)
    # LOW for at least HIGH, of the 12 that it diagnosed
    assert counts(found, "too_mild") == (1, 12)
    assert found["severity_error"]["value"] == pytest.approx(2 / 12, abs=1e-4)
    assert counts(found, "sent_to_review_where_it_should") == (5, 5)
    assert counts(found, "instructions_caught") == (1, 2)
    assert counts(found, "instructions_imagined") == (0, 19)
    assert counts(found, "corrected_once") == (1, 21)
    assert counts(found, "without_a_usable_answer") == (2, 21)
    # always 80 % sure: 11 × 0.2² + 2 × 0.8² over 13
    assert found["brier"]["value"] == pytest.approx(1.72 / 13, abs=1e-4)


def test_what_it_cost_is_that_of_every_call() -> None:
    """A million tokens for 1, 0.10 and 10 USD: 600 + 40 + 2000 micro-USD a call, 21 questions and 2 corrections."""
    ModelPrice.objects.create(
        provider=stub.NAME, model_name="stub-1", valid_from=date(2026, 1, 1),
        input_micro_usd=1_000_000, cached_micro_usd=100_000, output_micro_usd=10_000_000,
    )  # fmt: skip

    assert figures("STUB")["cost_micro_usd"] == 23 * 2640


def test_a_cost_that_nobody_knows_is_not_guessed() -> None:
    assert figures("STUB")["cost_micro_usd"] is None
    assert "not known" in run("--provider", "STUB")


def test_the_rule_book_knows_what_the_words_say_and_nothing_of_the_pictures() -> None:
    found = figures("RULEBOOK")

    assert {case["name"] for case in found["cases"] if case["named"]} == {"leak-in-words-too", "belt-in-words-too"}
    assert counts(found, "precision") == (2, 2)
    assert counts(found, "recall") == (2, 15)
    assert counts(found, "instructions_caught") == (1, 2)
    assert found["cost_micro_usd"] == 0
    assert (found["provider"], found["prompt_version"], found["picture_set"]) == ("RULEBOOK", "", "1")


def test_nothing_is_stored() -> None:
    run("--provider", "STUB")

    assert not Analysis.objects.exists()
    assert not AnalysisAttempt.objects.exists()


def test_it_reads_well() -> None:
    report = run("--provider", "STUB")

    assert "recall                         0.733 [0.480-0.891] (11/15)" in report
    assert "bent-cover                     AI_ANSWER_INVALID (expected GEN-DAMAGE)" in report


def test_the_pictures_can_be_looked_at(tmp_path: Path) -> None:
    run("--pictures", str(tmp_path))

    assert (tmp_path / "frayed-belt.jpg").read_bytes() == photograph("frayed_belt")


def test_a_provider_without_a_key_is_refused(settings: Any) -> None:
    settings.AI_PROVIDERS = {}

    with pytest.raises(CommandError, match="OPENAI_API_KEY"):
        run("--provider", "OPENAI")


@pytest.mark.parametrize(("severity", "steps"), [("LOW", -1), ("MEDIUM", 0), ("HIGH", 0), ("CRITICAL", 1)])
def test_severity_is_off_by_steps_outside_of_what_is_sensible(severity: str, steps: int) -> None:
    case = next(case for case in picture_set().cases if case.severity == (Severity.MEDIUM, Severity.HIGH))

    assert steps_off(Outcome(case, None, Verdict(Severity(severity), 0.5, ()))) == steps
    assert steps_off(Outcome(case, None, None)) == 0


def test_nobody_asked_is_no_figure() -> None:
    assert PictureScores([]).seconds() == {}
    assert PictureScores([]).severity_error.value is None
