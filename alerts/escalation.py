"""Climbing the ladder: claims what is due and does it. A step's effect and the move to the next one commit together.

The alert's row lock guards everything: whoever acknowledges first stops the step, whoever comes second finds it done.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import transaction
from django.utils.translation import gettext

from alerts.ladder import TELLS, Rung, StepKind, timetable
from alerts.models import Alert, AlertEscalation, AlertEvent, EscalationPolicy
from alerts.recipients import recipients
from faultreporter.accounts.models import User
from faultreporter.errors import DomainError
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify

log = structlog.get_logger(__name__)

BATCH: Final = 50
MOST_A_SWEEP: Final = 5_000
RUNNING = AlertEscalation.State.ACTIVE, AlertEscalation.State.QUIET


class NotEscalating(DomainError):
    """No policy fits the alert, or its escalation is over: there is no next step."""

    code = "NOT_ESCALATING"
    http_status = 409


def sweep(*, at: datetime, batch: int = BATCH) -> int:
    """Does everything that is due, in small transactions; says how many steps that were."""
    done = 0
    while done < MOST_A_SWEEP and (moved := advance_batch(at=at, limit=batch)):
        done += moved
    return done


def advance_batch(*, at: datetime, limit: int) -> int:
    """One step of each alert that is due, the longest due first; those somebody holds are left to the next sweep."""
    due = AlertEscalation.objects.due(at)
    with transaction.atomic():
        rows = Alert.objects.filter(escalations__state__in=RUNNING, escalations__next_at__lte=at)
        held = rows.order_by("escalations__next_at").lock(skip_locked=True)[:limit]
        # Read anew under the locks: another sweep may have moved them since the first statement looked.
        return advance(due.filter(alert__in=[alert.pk for alert in held]).order_by("next_at"), at=at)


def advance_one(*, escalation_id: uuid.UUID, round: int, step: int, reminded: int, at: datetime) -> int:  # noqa: A002
    """The wake-up of exactly this step; nothing if it was done, taken back or put off meanwhile."""
    with transaction.atomic():
        mine = AlertEscalation.objects.filter(pk=escalation_id)
        list(Alert.objects.filter(pk__in=mine.values("alert")).lock())
        return advance(mine.due(at).filter(round=round, step=step, reminded=reminded), at=at)


def escalate_now(*, alert: Alert, by: User, at: datetime) -> None:
    """Somebody doesn't want to wait: the next step happens at once, the one after it when its wait is over."""
    with transaction.atomic():
        alert.lock()
        escalation = alert.escalations.running().select_related("policy").first()
        if escalation is None:
            raise NotEscalating(gettext("No escalation is under way for this alert, so there is no next step."))
        escalation.alert = alert
        was_held = escalation.is_held
        escalation.next_at, escalation.wait_left = at, None
        if escalation.state == AlertEscalation.State.QUIET:
            escalation.resume(at=at)
        climb(escalation, by=by, at=at)
        if was_held:
            AlertEscalation.hold(alert, at=at)


def advance(due: Iterable[Any], *, at: datetime) -> int:
    """Their alerts are locked. One that fails is put off and doesn't keep the others."""
    rows = list(due.select_related("alert__equipment__location__site", "alert__acknowledged_by"))  # type: ignore[attr-defined]
    for escalation in rows:
        try:
            with transaction.atomic():
                step(escalation, at=at)
        except Exception:  # whatever it is: it is told, tried again and counted by the watchdog
            log.exception("escalation step failed", escalation=str(escalation.pk), alert=str(escalation.alert_id))
            AlertEscalation.objects.get(pk=escalation.pk).postpone(at=at)
    return len(rows)


def step(escalation: AlertEscalation, *, at: datetime) -> None:
    alert = escalation.alert
    if alert.is_resolved or alert.deleted_at:
        AlertEscalation.stop(alert, AlertEscalation.StopReason.RESOLVED, at=at)
    elif escalation.state == AlertEscalation.State.ACTIVE:
        climb(escalation, by=None, at=at)
    elif escalation.reminded < escalation.reminders:
        remind(escalation, at=at)
    else:
        escalation.resume(at=at)
        climb(escalation, by=None, at=at)


def climb(escalation: AlertEscalation, *, by: User | None, at: datetime) -> None:
    """Do the next rung, write it into the timeline, stand before the one after it."""
    alert, rung = escalation.alert, escalation.ladder[escalation.step]
    data: dict[str, Any] = {"did": rung.kind}
    if rung.kind in TELLS:
        people = recipients(rung, alert, at=at)
        tell(escalation, people, at=at)
        note, data["people"] = told(people), named(people)
    elif rung.kind == StepKind.RAISE_SEVERITY:
        note, data["severity"] = raised(alert, rung)
    else:
        note = gettext("From the start, round %(round)d.") % {"round": escalation.round + 1}
    where = {"escalation_id": str(escalation.pk), "round": escalation.round, "step": escalation.step}
    alert.record(AlertEvent.Kind.ESCALATED, by=by, at=at, note=note, data={**where, **data})
    escalation.climb(at=at)


def tell(escalation: AlertEscalation, people: list[User], *, at: datetime) -> None:
    alert = escalation.alert
    notify(
        people=people, kind=Notification.Kind.ALERT_ESCALATED, at=at, subject=alert, severity=alert.severity,
        title=gettext("Escalated: %(title)s") % {"title": alert.title}, body=why(alert, at=at),
        key=f"escalation:{escalation.pk}:{escalation.round}:{escalation.step}",
    )  # fmt: skip


def why(alert: Alert, *, at: datetime) -> str:
    """What somebody reads who hears of the alert for the first time."""
    place = alert.equipment.location
    where = f"{alert.equipment}, {place}" if place else f"{alert.equipment}"
    if alert.acknowledged_by:
        waits = gettext("%(person)s acknowledged it, and no work order followed.") % {"person": alert.acknowledged_by}
    else:
        since = max(alert.created_at, alert.moved_at)  # it may have been acknowledged before it came back
        minutes = max(0, int((at - since).total_seconds() // 60))
        waits = gettext("Nobody has acknowledged it for %(minutes)d minutes.") % {"minutes": minutes}
    return f"{where}. {alert.get_severity_display()}. {waits}"


def told(people: list[User]) -> str:
    if not people:
        return gettext("There was nobody to tell.")
    return gettext("Told %(people)s.") % {"people": ", ".join(str(person) for person in people)}


def named(people: Iterable[User]) -> list[dict[str, str]]:
    return [{"id": str(person.pk), "name": str(person)} for person in people]


def raised(alert: Alert, rung: Rung) -> tuple[str, dict[str, str]]:
    before, after = alert.raise_severity(rung.severity)
    if before == after:
        note = gettext("The severity was %(severity)s already.") % {"severity": alert.get_severity_display().lower()}
    else:
        note = gettext("Severity raised to %(severity)s.") % {"severity": alert.get_severity_display().lower()}
    return note, {"from": before, "to": after}


def remind(escalation: AlertEscalation, *, at: datetime) -> None:
    """Whoever acknowledged is asked to do something: raise an order, resolve it, or silence it."""
    alert, person = escalation.alert, escalation.alert.acknowledged_by
    number = escalation.reminded + 1
    people = [person] if person else []
    acknowledged = alert.acknowledged_at.isoformat() if alert.acknowledged_at else ""
    notify(
        people=people, kind=Notification.Kind.ALERT_REMINDER, at=at, subject=alert, severity=alert.severity,
        title=gettext("Still open: %(title)s") % {"title": alert.title},
        body=gettext("You acknowledged it. Raise a work order, resolve it or silence it."),
        key=f"escalation:{escalation.pk}:{acknowledged}:reminder:{number}",
    )  # fmt: skip
    data = {"escalation_id": str(escalation.pk), "reminder": number, "people": named(people)}
    alert.record(AlertEvent.Kind.REMINDED, by=None, at=at, note=told(people), data=data)
    escalation.remind_again(at=at)


@dataclass(frozen=True, slots=True)
class Preview:
    """One step as it would be: when, what, and whom it would reach as people are now."""

    at: datetime
    round: int
    step: int
    words: str
    people: list[User]


def preview(policy: EscalationPolicy, alert: Alert, *, since: datetime) -> list[Preview]:
    rungs = policy.rungs()
    reached = [recipients(rung, alert, at=since) if rung.kind in TELLS else [] for rung in rungs]
    return [Preview(one.at, one.round, one.step, one.words, reached[one.step]) for one in timetable(rungs, since=since)]
