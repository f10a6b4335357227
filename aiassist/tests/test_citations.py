"""What an answer cites must exist; the rest is struck out and counted."""

from typing import Any

import pytest

from aiassist.answer import Answer, EvidenceKind, ReviewReason, parse_answer
from aiassist.citations import assess, grounded
from aiassist.question import (
    AlertFacts,
    DiagramFacts,
    ManualFacts,
    ModeFacts,
    PastFailure,
    Question,
    ReadingFacts,
)
from aiassist.tests.answers import issue, text

QUESTION = Question(
    description="It grinds",
    modes=(ModeFacts("BEARING", "Bearing wear"),),
    alerts=(AlertFacts("a-1", "Noise", "LOW"),),
    readings=(ReadingFacts("vibration", "Vibration", 9.0, "mm/s", 60.0),),
    past=(PastFailure("WO-2026-000001", "BEARING", 30.0),),
    manuals=(ManualFacts("m-1#12", "Chiller handbook", "Grease the bearing yearly"),),
    diagrams=(DiagramFacts("d-1#1", "Fan, sheet 1"),),
    image_count=2,
)
OFFERED = {
    "ALERT": "a-1",
    "READING": "vibration",
    "HISTORY": "WO-2026-000001",
    "MANUAL": "m-1#12",
    "DIAGRAM": "d-1#1",
}


def evidence(kind: str, reference: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "text": "as cited", "reference": reference}


def answered(**changes: Any) -> Answer:
    return parse_answer(text(issues=[issue(**changes)]))


def kinds(answer: Answer) -> list[str]:
    return [piece.kind.value for piece in answer.issues[0].evidence]


def test_evidence_of_every_kind_that_was_offered_stays() -> None:
    cited = [evidence(kind, reference) for kind, reference in OFFERED.items()]
    found = answered(evidence=[*cited, evidence("REPORT"), evidence("PHOTO")])

    answer, verdict = assess(found, QUESTION)

    assert kinds(answer) == [*OFFERED, "REPORT", "PHOTO"]
    assert set(kinds(answer)) == {kind.value for kind in EvidenceKind}
    assert verdict.dropped_citations == 0
    assert verdict.review_reasons == ()


@pytest.mark.parametrize("kind", OFFERED)
@pytest.mark.parametrize("reference", [None, "", " ", "m-1#13", "m-1", "WO-2026-000002", "VIBRATION", "a-1\nb"])
def test_a_reference_that_was_not_offered_is_dropped_and_counted(kind: str, reference: str | None) -> None:
    pieces = [evidence(kind, reference or None), evidence("REPORT")]

    answer, verdict = assess(answered(evidence=pieces), QUESTION)

    assert kinds(answer) == ["REPORT"]
    assert verdict.dropped_citations == 1
    assert ReviewReason.UNSUPPORTED not in verdict.review_reasons


def test_a_reference_of_one_kind_does_not_serve_another() -> None:
    checked = grounded(
        answered(evidence=[evidence("MANUAL", "WO-2026-000001"), evidence("HISTORY", "m-1#12")]), QUESTION
    )

    assert checked.answer.issues[0].evidence == []
    assert checked.dropped == 2


def test_an_issue_that_loses_all_its_evidence_needs_a_look() -> None:
    answer, verdict = assess(answered(evidence=[evidence("MANUAL", "m-9#1")]), QUESTION)

    assert answer.issues[0].title == "Bearing worn"
    assert verdict.review_reasons == (ReviewReason.UNSUPPORTED,)


def test_an_issue_that_never_had_any_needs_one_too() -> None:
    assert ReviewReason.UNSUPPORTED in assess(answered(evidence=[]), QUESTION)[1].review_reasons


def test_a_photograph_that_does_not_exist_is_no_evidence() -> None:
    answer, verdict = assess(answered(image_index=2), QUESTION)

    only = answer.issues[0]
    assert (only.image_index, only.region, only.evidence) == (None, None, [])
    assert verdict.dropped_citations == 1


def test_a_photograph_that_is_not_named_is_no_evidence() -> None:
    assert grounded(answered(image_index=None), QUESTION).dropped == 1


def test_the_report_is_no_evidence_where_nobody_wrote_one() -> None:
    assert grounded(answered(evidence=[evidence("REPORT")]), Question()).dropped == 1


def test_a_region_ends_where_the_picture_does() -> None:
    wide = answered(region={"x": 0.75, "y": 0.5, "width": 0.75, "height": 1.0})

    region = grounded(wide, QUESTION).answer.issues[0].region

    assert region is not None
    assert (region.x, region.y, region.width, region.height) == (0.75, 0.5, 0.25, 0.5)


@pytest.mark.parametrize(
    "region",
    [
        {"x": 1.0, "y": 0.1, "width": 0.2, "height": 0.2},
        {"x": 0.1, "y": 1.0, "width": 0.2, "height": 0.2},
        {"x": 0.1, "y": 0.1, "width": 0.0, "height": 0.2},
    ],
)
def test_a_region_that_shows_nothing_is_no_evidence(region: dict[str, float]) -> None:
    checked = grounded(answered(region=region), QUESTION)

    assert checked.answer.issues[0].region is None
    assert checked.answer.issues[0].image_index == 0
    assert checked.dropped == 1


def test_the_whole_picture_needs_no_region() -> None:
    assert grounded(answered(region=None), QUESTION).dropped == 0


def test_an_invented_failure_mode_is_taken_off() -> None:
    invented = parse_answer(text(issues=[issue(failure_mode="INVENTED"), issue()]))

    first, second = grounded(invented, QUESTION).answer.issues

    assert (first.failure_mode, second.failure_mode) == (None, "BEARING")
