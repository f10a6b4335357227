"""Faults coming in: one open alert for each, however many people and readings say so."""

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models.functions import JSONObject
from django.utils.translation import gettext

from alerts.models import Alert, AlertEscalation, AlertEvent
from alerts.signals import alert_raised, alerts_merging
from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.errors import ValidationFailed
from faultreporter.locks import Lock, hold
from telemetry.models import Rule, Series

OLDEST_REPORT = timedelta(days=7)
CLOCK_SKEW = timedelta(minutes=5)
# So many alerts of a machine and its parts within so many minutes are one event.
STORM_SIZE = 3
STORM_WINDOW = timedelta(minutes=5)


def report_fault(
    *,
    equipment: Equipment,
    title: str,
    by: User | None,
    at: datetime,
    description: str = "",
    severity: str = Alert.Severity.MEDIUM,
    source: str = Alert.Source.REPORT,
    occurred_at: datetime | None = None,
    equipment_down: bool | None = None,
    attachments: Collection[Attachment] = (),
    analyze: bool = False,
    data: dict[str, Any] | None = None,
) -> tuple[Alert, bool]:
    """What a person saw on a machine; returns the alert and whether it is new. `data` goes to the timeline's line.

    The same title on the same machine, whatever its capitals and spaces, is the same fault: while it is open, a
    further report counts on it and its files join it. A critical fault takes the machine down unless they say it runs.
    """
    occurred_at = check_time(occurred_at or at, at=at)
    down = severity == Alert.Severity.CRITICAL if equipment_down is None else equipment_down
    alert = Alert(
        equipment=equipment, source=source, title=title, description=description, severity=severity, reported_by=by,
        occurred_at=occurred_at, last_occurred_at=occurred_at, moved_at=occurred_at, created_at=at, equipment_down=down,
        fingerprint=fingerprint(source, equipment.pk, " ".join(title.casefold().split())),
    )  # fmt: skip
    with transaction.atomic(savepoint=False):
        standing, is_new = insert_or_find(alert)
        if attachments:
            standing.attachments.add(*attachments)
        if is_new:
            standing.files = list(attachments)
            begin(standing, by=by, at=at, analyze=analyze, data=data)
        else:
            standing.repeat(
                by=by, at=at, occurred_at=occurred_at, severity=severity, equipment_down=down, note=description,
                data=data,
            )  # fmt: skip
    return standing, is_new


def raise_for_rule(*, rule: Rule, series: Series, value: float, at: datetime, because: str, version: int) -> Alert:
    """A rule's condition holds: `because` says why. While the alert of rule and series is open, this counts on it."""
    data = {"value": value, "because": because, "rule_version": version}
    alert = Alert(
        equipment=series.equipment, source=Alert.Source.RULE, title=rule.title, severity=rule.severity,
        description=because, rule=rule, series=series, occurred_at=at, last_occurred_at=at, moved_at=at,
        fingerprint=rule_fingerprint(rule, series),
    )  # fmt: skip
    with transaction.atomic():
        standing, is_new = insert_or_find(alert)
        if is_new:
            begin(standing, by=None, at=at, analyze=False, data=data)
        else:
            standing.repeat(
                by=None, at=at, occurred_at=at, severity=rule.severity, equipment_down=False,
                kind=AlertEvent.Kind.FIRED_AGAIN, data=data,
            )  # fmt: skip
    return standing


def clear_for_rule(*, rule: Rule, series: Series, at: datetime, **data: Any) -> None:
    """The rule's condition on the series is over; `data` is what the timeline should say about it."""
    alert = Alert.objects.living().unresolved().filter(fingerprint=rule_fingerprint(rule, series)).first()
    if alert is not None:
        alert.clear(at=at, data=data)


def merge(*, into: Alert, alert_ids: Collection[UUID], by: User, at: datetime, note: str = "") -> None:
    """The other alerts turn out to be the same fault; `into` stands for them all. All or none are merged.

    HAS_OPEN_WORK if both it and a duplicate have an unfinished order, STILL_FIRING for a duplicate whose rule fires.
    """
    with transaction.atomic():
        lock_for_merge([into.pk, *alert_ids])
        into.lock()
        for duplicate in duplicates_among(into, alert_ids, by=by):
            into.absorb(duplicate, by=by, at=at, note=note)


def lock_for_merge(alert_ids: Collection[UUID]) -> None:
    """Holds the alerts, and before them what the apps above keep on them, always in the same order.

    One merge at a time: two people who merge two alerts into each other would wait for one another for ever.
    """
    hold(Lock.MERGE)
    alerts_merging.send(sender=Alert, alert_ids=alert_ids)
    list(Alert.objects.filter(pk__in=alert_ids).order_by("pk").lock())


def duplicates_among(into: Alert, alert_ids: Collection[UUID], *, by: User) -> list[Alert]:
    rows = Alert.objects.living().for_user(by).filter(pk__in=alert_ids).exclude(pk=into.pk)
    found = list(rows.select_related("equipment", "downtime").order_by("pk"))
    if len(found) != len(set(alert_ids)):
        raise ValidationFailed(gettext("Name other alerts, all of them in your sight."), field="alert_ids")
    return found


def insert_or_find(alert: Alert) -> tuple[Alert, bool]:
    """Stores the alert, or finds the open one of its fingerprint; either way its row is locked.

    Of two at once the database lets one in; the other waits for that transaction and then finds its row. If that one
    was resolved in between, the place is free again.
    """
    while True:
        Alert.objects.bulk_create([alert], ignore_conflicts=True)
        open_alerts = Alert.objects.living().unresolved().filter(fingerprint=alert.fingerprint)
        others = came_just_before(alert, at=alert.created_at)
        rows = open_alerts.select_related("equipment__location", "reported_by").annotate(others=others)
        standing: Any = rows.lock().first()
        if standing is not None:
            is_new = standing.pk == alert.pk
            if is_new:
                standing.storm_id = storm_among(standing.others)
            return standing, is_new


def begin(alert: Alert, *, by: User | None, at: datetime, analyze: bool, data: dict[str, Any] | None = None) -> None:
    """A new alert takes effect."""
    alert.is_new = True
    if alert.equipment_down:
        alert.take_machine_down(by=by, at=alert.occurred_at)
    if alert.storm_id or alert.equipment_down:
        alert.save(update_fields=["storm", "downtime", "downtime_released_at"])
    alert.record(AlertEvent.Kind.RAISED, by=by, at=at, data=data)
    if alert.storm_id is None:  # the first alert of a storm speaks for all
        alert.begun = AlertEscalation.begin(alert, at=at)
    alert_raised.send(sender=Alert, alert=alert, analyze=analyze)


def came_just_before(alert: Alert, *, at: datetime) -> ArraySubquery:
    """The unresolved alerts that came from the same machine and its parts within the last minutes, oldest first."""
    others = Alert.objects.living().unresolved().of_asset(alert.equipment).exclude(pk=alert.pk)
    recent = others.filter(created_at__gt=at - STORM_WINDOW, created_at__lte=at).order_by("created_at", "pk")
    return ArraySubquery(recent.values(of=JSONObject(id="pk", storm="storm", storm_status="storm__status")))


def storm_among(others: list[dict[str, str]]) -> UUID | None:
    """The alert that speaks for the storm: a further one joins it for as long as they keep coming.

    So that one fault with many symptoms calls people once.
    """
    for other in reversed(others):
        if other["storm"] and other["storm_status"] != Alert.Status.RESOLVED:
            return UUID(other["storm"])
    return UUID(others[0]["id"]) if len(others) >= STORM_SIZE - 1 else None


def check_time(occurred_at: datetime, *, at: datetime) -> datetime:
    """When it happened, which a phone that was offline reports late; a clock that is a little fast is forgiven."""
    if occurred_at < at - OLDEST_REPORT:
        raise ValidationFailed(gettext("A report can be at most 7 days old."), field="occurred_at")
    if occurred_at > at + CLOCK_SKEW:
        raise ValidationFailed(gettext("This is in the future."), field="occurred_at")
    return min(occurred_at, at)


def rule_fingerprint(rule: Rule, series: Series) -> str:
    return fingerprint(Alert.Source.RULE, rule.pk, series.pk)


def fingerprint(*parts: Any) -> str:
    """The identity of a fault: at most one open alert has it."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
