"""The moves of an alert. Each locks the row, checks, changes, and writes the timeline in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext

from alerts.lifecycle import AllowedTransition
from alerts.models import notices
from alerts.models.escalation import AlertEscalation
from alerts.models.moves import ALERT_LIFECYCLE
from alerts.models.queryset import AlertQuerySet
from alerts.models.record import AlertRecord
from alerts.models.timeline import AlertEvent
from alerts.signals import alert_deleting, alert_merging
from equipment.models import StatusInterval
from faultreporter.accounts.models import User
from faultreporter.errors import DomainError, Duplicate, NotFound, ValidationFailed

Data = dict[str, Any]


class StillFiring(DomainError):
    """The rule that raised the alert still sees its condition; it can be resolved once a reading clears it."""

    code = "STILL_FIRING"
    http_status = 409


class Alert(AlertRecord):
    """A fault on a machine that somebody or something noticed.

    *Acknowledged* (a person has seen it) and *cleared* (the rule's condition is gone) are independent facts; `status`
    follows from them and from the resolution. Repeats of an open alert count on it instead of making another one.
    While `equipment_down`, it holds a downtime interval of the machine open until it is resolved.
    """

    LONGEST_SILENCE: ClassVar = timedelta(days=30)
    # Resolutions that say it was no failure, and how the downtime log puts that.
    NO_FAILURE: ClassVar = {
        AlertRecord.Resolution.FALSE_ALARM: StatusInterval.Exclusion.FALSE_ALARM,
        AlertRecord.Resolution.DUPLICATE: StatusInterval.Exclusion.DUPLICATE,
    }
    LIFECYCLE: ClassVar = ALERT_LIFECYCLE
    # Raised a moment ago by this very object: there can't be an order for it yet, and nobody need look.
    is_new = False
    begun: "AlertEscalation | None" = None
    NEWS: ClassVar = "alert"

    objects = AlertQuerySet.as_manager()

    audited = True

    class Meta(AlertRecord.Meta):
        pass

    def __str__(self) -> str:
        return self.title

    @property
    def is_resolved(self) -> bool:
        return self.status == self.Status.RESOLVED

    @property
    def is_firing(self) -> bool:
        """The rule behind the alert still sees its condition; a report has no condition that could fire."""
        return self.rule_id is not None and self.cleared_at is None

    def particulars(self) -> Data:
        """For webhooks."""
        return {"severity": self.severity, "source": self.source, "occurrences": self.occurrences}

    def notice(self, event: AlertEvent) -> None:
        """Tells those it concerns."""
        notices.tell(self, event)

    def concerns(self, user: User) -> bool:
        """Reported by this person, or on a machine they look after."""
        return self.reported_by_id == user.pk or self.equipment.concerns(user)

    def allowed_transitions(self) -> list[AllowedTransition]:
        """The moves possible now; resolving isn't one while the condition still fires."""
        moves = [] if self.deleted_at else self.LIFECYCLE.allowed(self.status)
        return [move for move in moves if not (move["action"] == "resolve" and self.is_firing)]

    def acknowledge(self, *, by: User, at: datetime, note: str = "") -> None:
        with transaction.atomic():
            self.status, at = self._check("acknowledge", at=at)
            self.acknowledged_at, self.acknowledged_by = at, by
            self.save(update_fields=["status", "moved_at", "acknowledged_at", "acknowledged_by"])
            self.record(AlertEvent.Kind.ACKNOWLEDGED, by=by, at=at, note=note)
            AlertEscalation.quiet(self, at=at)

    def resolve(
        self, *, by: User | None, at: datetime, resolution: str = AlertRecord.Resolution.FIXED, note: str = ""
    ) -> None:
        """End the alert and let the machine go. STILL_FIRING while a rule sees its condition."""
        if resolution == self.Resolution.FALSE_ALARM:
            self.dismiss(by=by, at=at, note=note)
            return
        with transaction.atomic():
            _, at = self._check("resolve", at=at)
            if self.is_firing:
                raise StillFiring(gettext("The condition still holds; wait for a reading that clears it, or dismiss."))
            self._end(resolution, by=by, at=at, note=note)

    def dismiss(self, *, by: User | None, at: datetime, note: str = "") -> None:
        """It was no fault: its downtime no longer counts as a failure. Possible while the rule still fires."""
        with transaction.atomic():
            _, at = self._check("dismiss", at=at)
            self._end(self.Resolution.FALSE_ALARM, by=by, at=at, note=note)

    def whole_storm(self) -> AlertQuerySet:
        """The living alerts of its storm in the order of their keys; it alone, if it belongs to none."""
        head = self.storm_id or self.pk
        storm = Alert.objects.living().filter(Q(pk=head) | Q(storm=head))
        return storm.select_related("equipment").order_by("pk")

    def others_of_storm(self) -> AlertQuerySet:
        return self.whole_storm().exclude(pk=self.pk)

    def absorb(self, duplicate: "Alert", *, by: User, at: datetime, note: str = "") -> None:
        """Stand for a duplicate from now on: its files, repeats, severity and downtime become this alert's.

        Both rows are locked. The duplicate's own downtime doesn't count as another failure.
        """
        duplicate._refuse_to_be_merged(into=self)
        self.occurrences += duplicate.occurrences
        self.occurred_at = min(self.occurred_at, duplicate.occurred_at)
        self.last_occurred_at = max(self.last_occurred_at, duplicate.last_occurred_at)
        self.severity = max(self.severity, duplicate.severity, key=Alert.Severity.values.index)
        if duplicate.equipment_down and duplicate.equipment_id == self.equipment_id and not self.equipment_down:
            self.equipment_down = True
            self.take_machine_down(by=by, at=duplicate.occurred_at)
        self.attachments.add(*duplicate.attachments.all())
        self.save()
        alert_merging.send(sender=Alert, alert=duplicate, into=self, by=by, at=at)
        duplicate.duplicate_of = self
        duplicate._end(self.Resolution.DUPLICATE, by=by, at=at, note=note)
        self.record(AlertEvent.Kind.MERGED, by=by, at=at, note=note, data={"alert_id": str(duplicate.pk)})

    def _refuse_to_be_merged(self, *, into: "Alert") -> None:
        self.LIFECYCLE.check("resolve", self.status)
        self.LIFECYCLE.check("resolve", into.status)
        if self.is_firing:
            message = gettext("The condition of “%(title)s” still holds; merge the others into that one.")
            raise StillFiring(message % {"title": self.title})

    def silence(self, *, by: User, at: datetime, until: datetime | None) -> None:
        """Send no reminders before `until`; None ends a silence early. The fault itself stays open."""
        with transaction.atomic():
            _, at = self._check("silence", at=at)
            if until is not None and not at < until <= at + self.LONGEST_SILENCE:
                raise ValidationFailed(gettext("Choose a time within the next 30 days."), field="until")
            before, self.silenced_until = self.silenced_until, until
            self.save(update_fields=["silenced_until"])
            AlertEscalation.pause(self, before=before, until=until, at=at)
            self.record(AlertEvent.Kind.SILENCED, by=by, at=at, data={"until": until and until.isoformat()})

    def reopen(self, *, by: User | None, at: datetime, reason: str) -> None:
        """The fault is back, or was never gone. DUPLICATE if a newer open alert already stands for it."""
        with self._one_per_fault():
            self.status, at = self._check("reopen", at=at)
            self._count_again(self.NO_FAILURE.get(self.Resolution(self.resolution), ""))
            self.acknowledged_at = self.acknowledged_by = self.resolved_at = self.resolved_by = None
            self.repaired_at = self.repaired_by = None
            self.resolution = self.resolution_note = ""
            self.duplicate_of = None
            if self.equipment_down:
                self.take_machine_down(by=by, at=at)
            self.save()
            self.record(AlertEvent.Kind.REOPENED, by=by, at=at, note=reason)
            AlertEscalation.begin(self, at=at)

    def mark_repaired(
        self, *, by: User | None, at: datetime, note: str = "", restored_at: datetime | None = None
    ) -> None:
        """The repair is done: resolves the alert as fixed, now or, while its rule still fires, when that clears.

        `restored_at`: the machine ran again before that, and its downtime ends there.
        """
        with transaction.atomic():
            self.lock()
            if self.is_resolved or self.deleted_at:
                return
            self.repaired_at, self.repaired_by = at, by
            if not self.is_firing:
                self._end(self.Resolution.FIXED, by=by, at=at, note=note, restored_at=restored_at)
                return
            self.save(update_fields=["repaired_at", "repaired_by"])
            self.record(AlertEvent.Kind.REPAIRED, by=by, at=at, note=note)

    def take_back_repair(self, *, repaired_at: datetime, by: User | None, at: datetime, reason: str) -> None:
        """The repair reported done at `repaired_at` was not; an alert that it resolved is open again."""
        with transaction.atomic():
            self.lock()
            if self.repaired_at != repaired_at or self.deleted_at:
                return
            if self.is_resolved:
                self.reopen(by=by, at=max(at, self.moved_at), reason=reason)
                return
            self.repaired_at = self.repaired_by = None
            self.save(update_fields=["repaired_at", "repaired_by"])
            self.record(AlertEvent.Kind.REOPENED, by=by, at=at, note=reason)

    def clear(self, *, at: datetime, data: Data | None = None) -> None:
        """The rule's condition is gone: nobody else is told. It ends the alert if the repair was reported done."""
        with transaction.atomic():
            self.lock()
            if self.is_resolved or not self.is_firing:
                return
            self.cleared_at = at
            self.save(update_fields=["cleared_at"])
            self.record(AlertEvent.Kind.CLEARED, by=None, at=at, data=data)
            if self.repaired_at:
                self._end(self.Resolution.FIXED, by=self.repaired_by, at=at, note="")
            else:
                AlertEscalation.hold(self, at=at)

    def repeat(
        self, *, by: User | None, at: datetime, occurred_at: datetime, severity: str, equipment_down: bool,
        kind: AlertEvent.Kind = AlertEvent.Kind.REPEATED, note: str = "", data: Data | None = None,
    ) -> None:  # fmt: skip
        """The same fault was noticed once more: it counts, and the worse of what was said holds."""
        with transaction.atomic():
            self.lock()
            self.occurrences += 1
            self.occurred_at = min(self.occurred_at, occurred_at)
            self.last_occurred_at = max(self.last_occurred_at, occurred_at)
            before, self.severity = self.severity, max(self.severity, severity, key=Alert.Severity.values.index)
            is_back, self.cleared_at = self.cleared_at is not None, None
            if equipment_down and not self.equipment_down:
                self.equipment_down = True
                self.take_machine_down(by=by, at=occurred_at)
            self.save()
            self.record(kind, by=by, at=at, note=note, data={"occurred_at": occurred_at.isoformat(), **(data or {})})
            if self.severity != before:
                AlertEscalation.begin_if_none(self, at=at)
            if is_back:
                AlertEscalation.go_on(self, at=at)

    def change(self, *, by: User, at: datetime, **fields: Any) -> None:
        """Edit what people wrote: title, description, severity, and whether the machine is down."""
        with transaction.atomic():
            self.lock()
            before = {name: getattr(self, name) for name in fields}
            changed = {name: value for name, value in fields.items() if value != before[name]}
            if not changed:
                return
            for name, value in changed.items():
                setattr(self, name, value)
            if "equipment_down" in changed and not self.is_resolved:
                self.take_machine_down(by=by, at=at) if self.equipment_down else self._let_go(by=by, at=at)
            self.save()
            edits = {name: {"from": before[name], "to": value} for name, value in changed.items()}
            self.record(AlertEvent.Kind.EDITED, by=by, at=at, data=edits)
            if "severity" in changed:
                AlertEscalation.begin_if_none(self, at=at)

    def hand_over(self, *, by: User | None, at: datetime, number: str) -> None:
        """A work order was raised for it, so somebody has seen it. The caller has locked the row."""
        if self.status == self.Status.OPEN:
            self.status, self.acknowledged_by = self.Status.ACKNOWLEDGED, by
            self.moved_at = self.acknowledged_at = max(at, self.moved_at)
            self.save(update_fields=["status", "moved_at", "acknowledged_at", "acknowledged_by"])
        self.record(AlertEvent.Kind.WORK_ORDER, by=by, at=at, data={"number": number})
        AlertEscalation.stop(self, AlertEscalation.StopReason.WORK_ORDER, at=at)

    def hand_back(self, *, by: User | None, at: datetime, number: str, note: str) -> None:
        """Its last work order was dropped: open again, and a new escalation begins. The caller has locked the row.

        Whoever acknowledged it did so for that order; only where a later acknowledgement still reminds, that goes on.
        """
        if self.status != self.Status.ACKNOWLEDGED or self.deleted_at or self.escalations.going_on().exists():
            return
        self.status, self.acknowledged_at, self.acknowledged_by = self.Status.OPEN, None, None
        self.moved_at = max(at, self.moved_at)
        self.save(update_fields=["status", "moved_at", "acknowledged_at", "acknowledged_by"])
        self.record(AlertEvent.Kind.REOPENED, by=by, at=at, note=note, data={"number": number})
        AlertEscalation.begin_if_none(self, at=at)

    def raise_severity(self, to: str = "") -> tuple[str, str]:
        """Up to that level, or one level if none is named; from which to which. The row is locked."""
        levels = Alert.Severity.values
        before = levels.index(self.severity)
        after = max(before, levels.index(to)) if to else min(before + 1, len(levels) - 1)
        self.severity = levels[after]
        self.save(update_fields=["severity"])
        return levels[before], levels[after]

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        """Entered by mistake: the machine is let go and the downtime doesn't count."""
        with transaction.atomic():
            self.lock()
            if self.deleted_at is None:
                alert_deleting.send(sender=Alert, alert=self, by=by, at=at)
                self._let_go(by=by, at=at, exclusion=StatusInterval.Exclusion.CANCELLED)
                self.save(update_fields=["downtime_released_at"])
                super().soft_delete(by=by, at=at)
                self.record(AlertEvent.Kind.DELETED, by=by, at=at)
                AlertEscalation.stop(self, AlertEscalation.StopReason.DELETED, at=at)

    def restore(self, *, by: User | None, at: datetime) -> None:
        with self._one_per_fault():
            self.lock()
            if self.deleted_at is not None:
                super().restore(by=by, at=at)
                self._count_again(StatusInterval.Exclusion.CANCELLED)
                if self.equipment_down and not self.is_resolved:
                    self.take_machine_down(by=by, at=at)
                    self.save(update_fields=["downtime", "downtime_released_at"])
                self.record(AlertEvent.Kind.RESTORED, by=by, at=at)
                AlertEscalation.begin_if_none(self, at=at)

    def lock(self) -> None:
        """Holds the row until the transaction ends and reads what is in it now."""
        self.refresh_from_db(from_queryset=Alert.objects.lock().select_related("equipment", "downtime"))

    def _check(self, action: str, *, at: datetime) -> tuple[str, datetime]:
        """The state the move ends in, and when it counts; refused if it can't be made now."""
        self.lock()
        if self.deleted_at:
            raise NotFound(gettext("This alert was deleted."))
        target = self.LIFECYCLE.check(action, self.status)
        if target == self.status:  # it only changes hands, or is only silenced
            return target, max(at, self.moved_at)
        self.moved_at = self.moves_at(at)
        return target, self.moved_at

    def _end(
        self, resolution: str, *, by: User | None, at: datetime, note: str, restored_at: datetime | None = None
    ) -> None:
        """Writes the resolution. The row is locked and the move was checked."""
        self.status, self.resolution, self.resolution_note = self.Status.RESOLVED, resolution, note
        # The machine may have run again before somebody who was offline let us know.
        self.moved_at = self.resolved_at = max(at, self.moved_at)
        self.resolved_by = by
        self._let_go(by=by, at=restored_at or at, exclusion=self.NO_FAILURE.get(self.Resolution(resolution), ""))
        self.save()
        dismissed = resolution == self.Resolution.FALSE_ALARM
        kind = AlertEvent.Kind.DISMISSED if dismissed else AlertEvent.Kind.RESOLVED
        self.record(kind, by=by, at=at, note=note, data={"resolution": resolution})
        AlertEscalation.stop(self, AlertEscalation.REASONS.get(resolution, "RESOLVED"), at=at)

    def take_machine_down(self, *, by: User | None, at: datetime) -> None:
        """Hold the machine in ERROR until the alert is over. The row is locked; the caller saves it."""
        error, source = StatusInterval.Status.ERROR, StatusInterval.Source.ALERT
        self._hold(status=error, by=by, at=at, reason=self.title, source=source)

    @contextmanager
    def _one_per_fault(self) -> Iterator[None]:
        """A transaction in which the alert becomes open again."""
        try:
            with transaction.atomic():
                yield
        except IntegrityError as error:
            if "uniq_alerts_fingerprint_living" not in str(error):
                raise
            raise Duplicate(gettext("A newer open alert stands for the same fault."), field="fingerprint") from error
