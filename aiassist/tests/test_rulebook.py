import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiassist.answer import Answer, ImageQuality, ReviewReason, Severity, judge, parse_answer
from aiassist.learning import FleetFacts
from aiassist.prompts import fault_prompt
from aiassist.providers.registry import provider
from aiassist.providers.rulebook import diagnose
from aiassist.question import AlertFacts, ModeFacts, PastFailure, Question, ReadingFacts
from aiassist.ranking import rank
from aiassist.words import stem

LEAK = ModeFacts(
    "CH-LEAK", "Loss of refrigerant", mechanism="Refrigerant leak", keywords=("hissing", "oil stain", "not cooling"),
    causes=("flare joint", "valve core"), remedy="Find the leak, repair it, recharge.",
)  # fmt: skip
BEARING = ModeFacts("CH-BEARING", "Compressor bearing wear", keywords=("vibration", "grinding", "noise", "rattling"))
FOULING = ModeFacts("CH-FOUL", "Condenser fouling", keywords=("high pressure", "dirty", "condenser"))
POWER = ModeFacts("GEN-POWER", "No power supply", keywords=("no power", "fuse", "dead"), is_generic=True)
MODES = (LEAK, BEARING, FOULING, POWER)

HIGH_PRESSURE = ReadingFacts(
    "discharge_pressure", "Discharge pressure", 18.2, "bar", 60, True, "high", "above 17", "HIGH"
)
CALM = ReadingFacts("vibration_velocity", "Vibration velocity", 2.1, "mm/s", 60, False)


def ask(description: str = "", **facts: object) -> Answer:
    return diagnose(Question(description=description, modes=MODES, **facts))  # type: ignore[arg-type]


def codes(answer: Answer) -> list[str | None]:
    return [issue.failure_mode for issue in answer.issues]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("The chiller is vibrating badly and makes a grinding noise", "CH-BEARING"),
        ("A hissing sound, and oil stains under the pipe", "CH-LEAK"),
        ("it runs but is NOT COOLING any more", "CH-LEAK"),
        ("condenser is very dirty", "CH-FOUL"),
        ("display dead, blew a fuse", "GEN-POWER"),
    ],
)
def test_the_words_of_the_report_lead_to_the_failure_mode(words: str, code: str) -> None:
    answer = ask(words)

    assert codes(answer)[0] == code
    assert answer.issues[0].evidence
    assert "Most likely" in answer.condition


def test_more_that_points_to_it_makes_it_surer() -> None:
    one, two = ask("grinding"), ask("grinding, rattling")

    assert 0.3 < one.issues[0].confidence < two.issues[0].confidence < 1


def test_a_denial_speaks_against() -> None:
    answer = ask("no vibration, but the condenser is dirty")

    assert codes(answer)[0] == "CH-FOUL"
    assert "CH-BEARING" not in codes(answer)


def test_a_denial_ends_with_its_clause() -> None:
    assert codes(ask("not warm, hissing and oil stains"))[0] == "CH-LEAK"


def test_a_reading_beyond_its_rule_counts_and_is_cited() -> None:
    answer = ask("something is wrong", readings=(HIGH_PRESSURE,))

    assert codes(answer)[0] == "CH-FOUL"
    assert [e.text for e in answer.issues[0].evidence] == ["Discharge pressure 18.2 bar (above 17)"]
    assert answer.issues[0].severity is Severity.HIGH


def test_a_normal_reading_speaks_against() -> None:
    without, calm = ask("noise"), ask("noise", readings=(CALM,))

    assert calm.issues[0].confidence < without.issues[0].confidence
    assert "normal" in calm.issues[0].evidence[-1].text


def test_an_open_alert_counts_like_a_report() -> None:
    answer = ask(alerts=(AlertFacts("a-1", "Grinding noise", "HIGH"),))

    assert codes(answer)[0] == "CH-BEARING"
    assert answer.issues[0].evidence[0].reference == "a-1"


def test_what_this_machine_had_before_is_likelier() -> None:
    past = tuple(PastFailure(f"WO-{n}", "CH-LEAK", 30.0 * n, cause="flare joint") for n in range(1, 4))

    ranked = rank(Question(description="dirty, hissing", modes=MODES, past=past))

    assert ranked[0].mode is LEAK
    assert any("flare joint" in clue.text for clue in ranked[0].clues)


def test_an_old_repair_counts_less_than_a_new_one() -> None:
    new = rank(Question(modes=MODES, past=(PastFailure("WO-1", "CH-LEAK", 5),)))[0]
    old = rank(Question(modes=MODES, past=(PastFailure("WO-1", "CH-LEAK", 3000),)))[0]

    assert new.confidence > old.confidence


@pytest.mark.parametrize("words", ["", "it is broken", "defekt", "das Ding geht nicht"])
def test_it_says_when_it_cannot_tell(words: str) -> None:
    answer = ask(words)

    assert answer.issues == []
    assert answer.not_assessable_reason
    assert answer.recommendations
    assert ReviewReason.NOT_ASSESSABLE in judge(answer, Question()).review_reasons


def test_it_says_that_it_did_not_look_at_the_photo() -> None:
    answer = ask("grinding noise, rattling", image_count=2)

    assert "did not look at the photographs" in answer.condition
    assert answer.image_quality is ImageQuality.NOT_EXAMINED
    assert ReviewReason.PHOTO_NOT_EXAMINED in judge(answer, Question(image_count=2)).review_reasons
    assert all(issue.image_index is None for issue in answer.issues)


def test_danger_comes_first() -> None:
    answer = ask("smoke from the panel, smells of burning")

    assert judge(answer, Question()).severity is Severity.CRITICAL
    assert "smoke" in answer.safety_warnings[0]


@pytest.mark.parametrize("words", ["The fire pump drips", "fire door does not close", "trapped air in the radiator"])
def test_a_machine_named_after_danger_is_not_in_danger(words: str) -> None:
    assert ask(words).safety_warnings == []


def test_work_on_moving_or_live_parts_asks_for_isolation() -> None:
    assert ask("hissing, oil stain").recommendations[0].requires_isolation


def test_it_is_a_provider_like_the_others() -> None:
    reply = provider("RULEBOOK").ask(fault_prompt(Question(description="grinding", modes=MODES)), deadline_s=1)

    assert parse_answer(reply.text).issues[0].failure_mode == "CH-BEARING"


def test_it_takes_milliseconds() -> None:
    modes = tuple(
        ModeFacts(f"M-{n}", f"Mode {n}", keywords=tuple(f"word{n}x{k}" for k in range(12))) for n in range(25)
    )
    words = " ".join(f"word{n}x{n % 12} filler text goes here" for n in range(25))
    seen = {mode.code: 40 for mode in modes}
    terms = {stem(word): seen for mode in modes for word in mode.keywords}
    fleet = FleetFacts("Chiller", closed=seen, weight=dict.fromkeys(seen, 30.0), terms=terms)
    question = Question(words, modes=modes, readings=(HIGH_PRESSURE, CALM) * 10, fleet=fleet)

    def seconds() -> float:
        started = time.perf_counter()
        diagnose(question)
        return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.05


WORDS = st.sampled_from(
    ["hissing", "grinding", "no", "dirty", "dead", "fuse", "smoke", ".", "not cooling", "Öl", "🙂", "x"]
)
TEXT = st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=80)
ALERTS = st.lists(
    st.builds(AlertFacts, st.sampled_from(["a", "b", "c"]), TEXT, st.sampled_from(["LOW", "CRITICAL"])), max_size=4
)
PAST = st.lists(
    st.builds(PastFailure, st.text("WO-1", min_size=1, max_size=4), st.sampled_from([m.code for m in MODES]),
              st.floats(0, 5000)),
    max_size=5,
)  # fmt: skip
READINGS = st.lists(st.sampled_from([HIGH_PRESSURE, CALM]), max_size=3)


@settings(max_examples=60)
@given(TEXT, ALERTS, PAST, READINGS)
def test_confidences_are_shares_of_one(
    words: str, alerts: list[AlertFacts], past: list[PastFailure], readings: list[ReadingFacts]
) -> None:
    question = Question(words, modes=MODES, alerts=tuple(alerts), past=tuple(past), readings=tuple(readings))

    ranked = rank(question)
    answer = diagnose(question)

    assert all(0 <= candidate.confidence <= 1 for candidate in ranked)
    assert sum(candidate.confidence for candidate in ranked) <= 1 + 1e-9
    assert 0 <= (judge(answer, question).confidence or 0) <= 1
    assert parse_answer(answer.model_dump_json()) is not None


@settings(max_examples=60)
@given(TEXT, ALERTS, PAST, READINGS, st.randoms())
def test_the_order_of_the_facts_changes_nothing(
    words: str, alerts: list[AlertFacts], past: list[PastFailure], readings: list[ReadingFacts], random: object
) -> None:
    def question() -> Question:
        modes = list(MODES)
        for facts in (modes, alerts, past, readings):
            random.shuffle(facts)  # type: ignore[attr-defined]
        return Question(words, modes=tuple(modes), alerts=tuple(alerts), past=tuple(past), readings=tuple(readings))

    assert diagnose(question()) == diagnose(question())


@pytest.mark.parametrize(
    "family",
    [("leak", "leaks", "leaking", "leaked"), ("vibration", "vibrating", "vibrates"), ("trip", "tripping", "trips")],
)
def test_forms_of_a_word_are_one(family: tuple[str, ...]) -> None:
    assert len({stem(word) for word in family}) == 1
