"""Whether an answer's evidence exists: what it cites must have been offered, or it is dropped and counted. Pure."""

from dataclasses import dataclass, replace

from aiassist.answer import Answer, Evidence, EvidenceKind, Issue, Region, ReviewReason, Verdict, judge
from aiassist.question import Question


@dataclass(frozen=True, slots=True)
class Grounded:
    """An answer that rests on nothing invented. `unsupported`: one of its issues has no evidence left."""

    answer: Answer
    dropped: int
    unsupported: bool


def assess(answer: Answer, question: Question) -> tuple[Answer, Verdict]:
    """The answer as it may be stored, and what our code says about it."""
    checked = grounded(answer, question)
    verdict = judge(checked.answer, question)
    reasons = verdict.review_reasons
    if checked.unsupported:
        reasons = (*reasons, ReviewReason.UNSUPPORTED)
    return checked.answer, replace(verdict, review_reasons=reasons, dropped_citations=checked.dropped)


def grounded(answer: Answer, question: Question) -> Grounded:
    """Without failure modes, images and evidence that don't exist; regions end where their picture does."""
    issues = [grounded_issue(issue, question) for issue in answer.issues]
    dropped = sum(
        len(before.evidence) - len(after.evidence) for before, after in zip(answer.issues, issues, strict=True)
    )
    return Grounded(
        answer=answer.model_copy(update={"issues": issues}),
        dropped=dropped,
        unsupported=any(not issue.evidence for issue in issues),
    )


def grounded_issue(issue: Issue, question: Question) -> Issue:
    has_image = issue.image_index is not None and issue.image_index < question.image_count
    region = clipped(issue.region) if has_image and issue.region else None
    shows = has_image and (issue.region is None or region is not None)
    offered = question.references()
    kept = [checked for evidence in issue.evidence if (checked := existing(evidence, offered, question, shows=shows))]
    codes = {mode.code for mode in question.modes}
    return issue.model_copy(
        update={
            "failure_mode": issue.failure_mode if issue.failure_mode in codes else None,
            "image_index": issue.image_index if has_image else None,
            "region": region,
            "evidence": kept,
        }
    )


def existing(evidence: Evidence, offered: dict[str, set[str]], question: Question, *, shows: bool) -> Evidence | None:
    """The evidence if what it cites was there. The report and a photograph are cited without a reference."""
    if evidence.kind is EvidenceKind.REPORT:
        return evidence.model_copy(update={"reference": None}) if question.description.strip() else None
    if evidence.kind is EvidenceKind.PHOTO:
        return evidence.model_copy(update={"reference": None}) if shows else None
    reference = (evidence.reference or "").strip()
    if reference not in offered[evidence.kind]:
        return None
    return evidence.model_copy(update={"reference": reference})


def clipped(region: Region) -> Region | None:
    """The part of it that lies on the picture; None if there is none."""
    width, height = min(region.width, 1 - region.x), min(region.height, 1 - region.y)
    return region.model_copy(update={"width": width, "height": height}) if width > 0 and height > 0 else None
