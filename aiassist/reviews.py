"""What a person makes of an answer, and the alert or the order that comes of it.

Locks are taken in one order: analysis, work order, alert, machine. Whoever comes second finds what the first one did.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.db import transaction
from django.utils.translation import gettext

from aiassist.drafts import Draft, answer_of, draft_of, severity_of, title_of
from aiassist.models import Analysis, AnalysisReview
from alerts.models import Alert
from alerts.services import report_fault
from equipment.models import Equipment, FailureMode
from faultreporter.accounts.models import User
from faultreporter.errors import DomainError, ValidationFailed
from workorders.models import AlreadyConverted, WorkOrder, WorkOrderAttachment, WorkOrderTask
from workorders.services import raise_work_order

Verdict = AnalysisReview.Verdict
JOINED = (
    "equipment__category", "equipment__location__site", "alert__equipment", "review__failure_mode", "review__work_order"
)  # fmt: skip


class NotReviewable(DomainError):
    """Only the answer to a question about a fault can be judged, and only once it is there."""

    code = "ANALYSIS_NOT_REVIEWABLE"
    http_status = 409


class ReviewSettled(DomainError):
    """An alert or an order was made of the answer, so the verdict stands; `meta` names them."""

    code = "REVIEW_SETTLED"
    http_status = 409


class AnswerRejected(DomainError):
    """Nothing is made of an answer that somebody rejected."""

    code = "ANSWER_REJECTED"
    http_status = 409


class AnalysisHasAlert(DomainError):
    """The analysis belongs to an alert already; `meta` names it."""

    code = "ANALYSIS_HAS_ALERT"
    http_status = 409


class AnalysisWithoutMachine(DomainError):
    """Nobody said which machine the question is about."""

    code = "ANALYSIS_WITHOUT_MACHINE"
    http_status = 409


def review(
    *, analysis: Analysis, by: User, at: datetime, verdict: str, failure_mode: FailureMode | None = None,
    severity: str = "", note: str = "",
) -> AnalysisReview:  # fmt: skip
    """Say whether the answer is right. The latest word counts, until an alert or an order was made of it.

    EDITED says what is right instead; REJECTED may. Saying the same again changes nothing.
    """
    said: dict[str, Any] = {"verdict": verdict, "failure_mode": failure_mode, "severity": severity, "note": note}
    with transaction.atomic():
        held = hold(analysis)
        check_words(held, **said)
        standing = review_of(held)
        if standing is None:
            touch(held)
            return AnalysisReview.objects.create(analysis=held, reviewed_by=by, reviewed_at=at, created_at=at, **said)
        if all(getattr(standing, name) == value for name, value in said.items()):
            return standing
        refuse_if_settled(standing)
        for name, value in said.items():
            setattr(standing, name, value)
        standing.reviewed_by, standing.reviewed_at = by, at
        standing.save(update_fields=[*said, "reviewed_by", "reviewed_at"])
        touch(held)
        return standing


def make_alert(
    *, analysis: Analysis, by: User, at: datetime, title: str = "", description: str = "", severity: str = "",
    equipment_down: bool | None = None,
) -> tuple[Alert, bool]:  # fmt: skip
    """Accept the answer and raise an alert of it, with its photographs; also whether the alert is new.

    Another severity than the answer's makes it an edited one. A fault that is open under the same title counts there.
    """
    with transaction.atomic():
        held = hold(analysis)
        machine = machine_of(held)
        standing = living_alert_of(held)
        if standing is not None:
            message = gettext("It belongs to the alert “%(title)s” already.") % {"title": standing.title}
            raise AnalysisHasAlert(message, meta={"alert_id": str(standing.pk)})
        refuse_if_rejected(held)
        alert, is_new = report_fault(
            equipment=machine, title=title or title_of(held), description=description or words_of(held), by=by, at=at,
            severity=severity or severity_of(held), source=Alert.Source.AI, equipment_down=equipment_down,
            attachments=list(held.images.all()), data={"analysis_id": str(held.pk)},
        )  # fmt: skip
        accept(held, by=by, at=at, severity=severity, alert=alert)
        Analysis.objects.filter(pk=held.pk).update(alert=alert)
    return alert, is_new


def make_order(
    *, analysis: Analysis, by: User, at: datetime, tasks: Sequence[dict[str, Any]] | None = None, **changes: Any
) -> WorkOrder:
    """Accept the answer and raise the drafted order, for the analysis's alert if it has one.

    `changes` and `tasks` override what the draft says. ALREADY_CONVERTED if the analysis or its alert has an order.
    """
    with transaction.atomic():
        held = hold(analysis)
        machine = machine_of(held)
        refuse_second_order(held)
        refuse_if_rejected(held)
        draft = draft_of(held)
        fields = draft.fields() | changes
        alert = living_alert_of(held)
        if alert is not None:
            order = raise_work_order(alert=standing_for(alert), by=by, at=at, **fields)
        else:
            order = WorkOrder.add(
                equipment=machine, by=by, at=at, attachments=list(held.images.all()),
                phase=WorkOrderAttachment.Phase.BEFORE, **fields,
            )  # fmt: skip
        lines = draft.task_lines() if tasks is None else tasks
        if lines:
            WorkOrderTask.add_all(lines, work_order=order, by=by, at=at)
        accept(held, by=by, at=at, work_order=order)
        touch(held)
    return order


def draft_order(*, analysis: Analysis) -> Draft:
    """The order that `make_order` would make now."""
    check_reviewable(analysis)
    machine_of(analysis)
    return draft_of(analysis)


def review_of(analysis: Analysis) -> AnalysisReview | None:
    return getattr(analysis, "review", None)


def hold(analysis: Analysis) -> Analysis:
    """Locks the row and reads it and what belongs to it anew: what is joined to a lock is as old as the wait for it."""
    list(Analysis.objects.filter(pk=analysis.pk).select_for_update(no_key=True).values_list("pk"))
    held = Analysis.objects.select_related(*JOINED).get(pk=analysis.pk)
    check_reviewable(held)
    return held


def touch(analysis: Analysis) -> None:
    """Its version moves: the verdict is part of what is read of it."""
    Analysis.objects.filter(pk=analysis.pk).update()


def failure_mode_named(analysis: Analysis, code: str) -> FailureMode:
    """The mode with this code, if the machine can fail like that."""
    category = analysis.equipment.category_id if analysis.equipment else None
    found = FailureMode.objects.living().applicable_to(category).filter(code=code.upper()).first()
    if found is None:
        raise ValidationFailed(gettext("This kind of machine has no such failure mode."), field="failure_mode")
    return found


def check_reviewable(analysis: Analysis) -> None:
    if analysis.purpose != Analysis.Purpose.FAULT:
        raise NotReviewable(gettext("Only the answer to a question about a fault can be judged."))
    if analysis.status != Analysis.Status.SUCCEEDED:
        raise NotReviewable(gettext("There is no answer to judge."), meta={"status": analysis.status})


def check_words(
    analysis: Analysis, *, verdict: str, failure_mode: FailureMode | None, severity: str, note: str
) -> None:
    changes = bool(failure_mode or severity)
    if verdict == Verdict.ACCEPTED and changes:
        raise ValidationFailed(gettext("What is accepted isn't changed; say EDITED."), field="verdict")
    if verdict == Verdict.EDITED and not changes:
        raise ValidationFailed(gettext("Say what is right: a failure mode or a severity."), field="verdict")
    category = analysis.equipment and analysis.equipment.category_id
    if failure_mode and failure_mode.category_id not in (None, category):
        raise ValidationFailed(gettext("This kind of machine doesn't fail like this."), field="failure_mode")


def refuse_if_settled(standing: AnalysisReview) -> None:
    made = {"alert_id": standing.alert_id, "work_order_id": standing.work_order_id}
    if any(made.values()):
        meta = {name: pk and str(pk) for name, pk in made.items()}
        raise ReviewSettled(gettext("An alert or an order was made of the answer; the verdict stands."), meta=meta)


def refuse_if_rejected(analysis: Analysis) -> None:
    standing = review_of(analysis)
    if standing and standing.verdict == Verdict.REJECTED:
        raise AnswerRejected(gettext("The answer was rejected; accept it first, or report the fault by hand."))


def accept(analysis: Analysis, *, by: User, at: datetime, severity: str = "", **made: Any) -> None:
    """Note what was made of the answer; who makes something of it accepts it, unless a verdict stands already."""
    standing = review_of(analysis)
    if standing is not None:
        for name, record in made.items():
            setattr(standing, name, record)
        standing.save(update_fields=list(made))
        return
    edited = severity not in ("", analysis.severity)
    AnalysisReview.objects.create(
        analysis=analysis, reviewed_by=by, reviewed_at=at, created_at=at,
        verdict=Verdict.EDITED if edited else Verdict.ACCEPTED, severity=severity if edited else "", **made,
    )  # fmt: skip


def machine_of(analysis: Analysis) -> Equipment:
    if analysis.equipment is None:
        raise AnalysisWithoutMachine(gettext("The question names no machine; report the fault by hand."))
    return analysis.equipment


def living_alert_of(analysis: Analysis) -> Alert | None:
    alert = analysis.alert
    return alert if alert and not alert.deleted_at else None


def standing_for(alert: Alert) -> Alert:
    """The alert that a merged one is a duplicate of, else itself."""
    standing: Any = alert
    while standing.duplicate_of is not None:
        standing = standing.duplicate_of
    return cast("Alert", standing)


def standing_order_of(analysis: Analysis) -> WorkOrder | None:
    """The order that was made of the answer, unless somebody has deleted or cancelled it."""
    standing = review_of(analysis)
    order = standing.work_order if standing else None
    return order if order and not order.deleted_at and order.status != WorkOrder.Status.CANCELLED else None


def refuse_second_order(analysis: Analysis) -> None:
    order = standing_order_of(analysis)
    if order is not None:
        message = gettext("Work order %(number)s was made of it already.") % {"number": order.number}
        raise AlreadyConverted(message, meta={"work_order_id": str(order.pk), "number": order.number})


def words_of(analysis: Analysis) -> str:
    """What the person asking wrote, then what the answer says."""
    return "\n\n".join(part for part in (analysis.description.strip(), answer_of(analysis)["condition"]) if part)
