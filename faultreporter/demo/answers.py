"""What the assistant said of faults of the last weeks, and what people made of it; the repairs say how good it was."""

from datetime import datetime, timedelta

from aiassist import fleet
from aiassist.models import Analysis, AnalysisAttempt, AnalysisReview
from aiassist.providers.rulebook import RuleBook
from aiassist.purposes import PURPOSES
from faultreporter.demo.people import Team
from workorders.models import WorkOrder

WEEKS = 10
MOST = 30
ASKED_AFTER = timedelta(minutes=1)
ANSWERED_AFTER = ASKED_AFTER + timedelta(seconds=1)
JUDGED_AFTER = timedelta(minutes=14)


def give(team: Team, *, now: datetime) -> None:
    """The real rule book's answers, from what was known when each fault was reported. Nothing of it is embellished."""
    repairs = WorkOrder.objects.filter(
        type=WorkOrder.Type.CORRECTIVE, status=WorkOrder.Status.CLOSED, alert__isnull=False,
        created_at__gte=now - timedelta(weeks=WEEKS),
    )  # fmt: skip
    related = repairs.select_related("alert__reported_by", "equipment__category", "failure_mode")
    # The oldest first: what is learned of a kind of machine for the first question holds no later repair.
    answered = [(order, *answer(order)) for order in list(related.order_by("-created_at")[:MOST])[::-1]]
    Analysis.objects.bulk_create([analysis for _, analysis, _ in answered])
    AnalysisAttempt.objects.bulk_create([attempt for _, _, attempt in answered])
    judged = [judge(order, analysis, team) for order, analysis, _ in answered[::3] + answered[1::3]]
    AnalysisReview.objects.bulk_create(judged)
    fleet.count_all(at=now)


def answer(order: WorkOrder) -> tuple[Analysis, AnalysisAttempt]:
    """Of the order's alert, a minute after it was reported."""
    alert, book, purpose = order.alert, RuleBook(), PURPOSES[Analysis.Purpose.FAULT]
    assert alert is not None  # noqa: S101 - only such orders are asked for
    asked_at, at = alert.created_at + ASKED_AFTER, alert.created_at + ANSWERED_AFTER
    analysis = Analysis(
        requested_by=alert.reported_by, equipment=order.equipment, alert=alert, created_at=asked_at, wake_at=asked_at,
        started_at=asked_at, finished_at=at, claims=1, status=Analysis.Status.SUCCEEDED, stage=Analysis.Stage.DONE,
        provider=book.name, model_name=book.model_name,
    )  # fmt: skip
    facts = purpose.gather(analysis, at=asked_at)
    reply = book.ask(purpose.prompt(analysis, facts, book), deadline_s=1.0)
    result, verdict = purpose.judged(reply.text, facts)
    analysis.result = result.model_dump(mode="json")
    analysis.severity, analysis.confidence = verdict.severity, verdict.confidence
    analysis.needs_review, analysis.review_reasons = bool(verdict.review_reasons), list(verdict.review_reasons)
    attempt = AnalysisAttempt(
        analysis=analysis, number=1, provider=book.name, model_name=book.model_name, started_at=asked_at,
        finished_at=at, created_at=asked_at, outcome=AnalysisAttempt.Outcome.ANSWERED,
        reply_text=reply.text,
    )  # fmt: skip
    return analysis, attempt


def judge(order: WorkOrder, analysis: Analysis, team: Team) -> AnalysisReview:
    """The manager takes the answer for the order, with the alert's severity, or turns down one that says nothing."""
    at = analysis.created_at - ASKED_AFTER + JUDGED_AFTER
    by_whom = {"analysis": analysis, "reviewed_by": order.created_by or team.managers[0], "reviewed_at": at}
    if not analysis.result["issues"]:  # type: ignore[index]  # every answer here has a result
        return AnalysisReview(
            verdict=AnalysisReview.Verdict.REJECTED, note="That helps nobody.", created_at=at, **by_whom
        )
    severity = order.priority if order.priority != analysis.severity else ""
    verdict = AnalysisReview.Verdict.EDITED if severity else AnalysisReview.Verdict.ACCEPTED
    return AnalysisReview(verdict=verdict, severity=severity, work_order=order, created_at=at, **by_whom)
