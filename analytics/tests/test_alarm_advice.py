"""Advice follows from numbers, each of its thresholds from both sides."""

from dataclasses import replace
from typing import Any

import pytest

from analytics.alarms.advice import advice_for, rounded_up
from analytics.alarms.figures import NOTHING, Load
from telemetry.models import Rule

FLEETING = replace(NOTHING, begins=9, of_rules=9, fleeting=7, longest_fleeting_s=240.0)
CHATTERING = replace(NOTHING, begins=12, chattering=3, chatter_gap_s=400.0)
WRONG = replace(NOTHING, begins=8, judged=8, resolved=8, false_alarms=5)
IGNORED = replace(NOTHING, begins=10, judged=10, unanswered=8)


def rule(**fields: Any) -> Rule:
    given: dict[str, Any] = {"kind": "THRESHOLD", "trigger_value": 80.0, "clear_value": 75.0, "clear_margin": None}
    return Rule(**given | fields)


def codes(load: Load, standing: int = 0, **fields: Any) -> list[str]:
    return [one.code for one in advice_for(rule(**fields), load, standing)]


def test_it_works() -> None:
    (advice,) = advice_for(rule(), FLEETING, 0)

    assert advice.text == "7 of 9 alarms cleared by themselves within 4 min: try a duration of 5 min."
    assert advice.changes == {"for_s": 300}


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"for_s": 120}, {"for_s": 600}),
        ({"kind": "STALE", "stale_after_s": 900}, {"stale_after_s": 1200}),
        ({"kind": "STUCK", "stuck_for_s": 7200}, {"stuck_for_s": 10800}),
    ],
)
def test_it_adds_to_the_duration_the_kind_has(fields: dict[str, Any], changes: dict[str, int]) -> None:
    assert advice_for(rule(**fields), FLEETING, 0)[0].changes == changes


def test_chattering_is_bridged() -> None:
    (advice,) = advice_for(rule(), CHATTERING, 0)

    assert advice.changes == {"keep_firing_s": 600}
    assert "clear value" not in advice.text
    assert "give it a clear value" in advice_for(rule(clear_value=80.0), CHATTERING, 0)[0].text


def test_a_rule_that_says_nothing_bad_gets_no_advice() -> None:
    assert codes(NOTHING) == []
    assert codes(replace(NOTHING, begins=50, of_rules=50, judged=50, answered=50, resolved=50)) == []


@pytest.mark.parametrize(
    ("load", "less", "code"),
    [
        (FLEETING, {"fleeting": 4, "begins": 4}, "LENGTHEN_DURATION"),
        (FLEETING, {"begins": 15}, "LENGTHEN_DURATION"),
        (CHATTERING, {"chattering": 2}, "STOP_CHATTERING"),
        (WRONG, {"false_alarms": 4, "resolved": 4}, "MOVE_LIMIT"),
        (WRONG, {"resolved": 11}, "MOVE_LIMIT"),
        (IGNORED, {"unanswered": 4, "judged": 4}, "QUESTION_NEED"),
        (IGNORED, {"judged": 11}, "QUESTION_NEED"),
    ],
)
def test_each_threshold(load: Load, less: dict[str, int], code: str) -> None:
    assert codes(load) == [code]
    assert codes(replace(load, **less)) == []  # type: ignore[arg-type]  # they are counts


def test_standing_alerts_are_to_be_closed() -> None:
    assert codes(NOTHING, standing=3) == ["CLOSE_STANDING"]
    assert codes(NOTHING, standing=2) == []


def test_what_is_not_in_force_needs_no_advice() -> None:
    assert codes(FLEETING, is_enabled=False) == []


@pytest.mark.parametrize(("amount", "step"), [(1, 60), (59, 60), (60, 120), (299, 300), (300, 600), (7200, 10800)])
def test_durations_are_round_and_longer(amount: float, step: int) -> None:
    assert rounded_up(amount) == step
