"""The moves of a work order. Each locks the row, checks, changes, and writes the timeline in one transaction.

Locks are taken in one order everywhere: work order, alert, machine.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, NoReturn

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from alerts.lifecycle import AllowedTransition
from alerts.models import Alert
from equipment.models import Equipment, FailureMode, StatusInterval, Team
from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.errors import DomainError, Duplicate, InvalidTransition, NotFound, ValidationFailed
from workorders.models import notices
from workorders.models.clocks import SLA_FIELDS
from workorders.models.effort import STATED, KeepsEffort
from workorders.models.files import HasPhasedFiles, WorkOrderAttachment
from workorders.models.findings import FINDINGS, Findings
from workorders.models.moves import ORDER_LIFECYCLE
from workorders.models.number import WorkOrderNumber
from workorders.models.obstacles import HasObstacles
from workorders.models.plan_errors import PlanHasOpenOrder
from workorders.models.promises import HoldReason
from workorders.models.queryset import WorkOrderQuerySet
from workorders.models.record import WorkOrderRecord
from workorders.models.relations import HasRelations
from workorders.models.states import UNFINISHED
from workorders.models.timeline import WorkOrderEvent
from workorders.signals import work_order_completed

Data = dict[str, Any]


class AlreadyConverted(DomainError):
    """The alert has an unfinished work order; `meta` names it."""

    code = "ALREADY_CONVERTED"
    http_status = 409


class WorkOrder(KeepsEffort, Findings, HasObstacles, HasRelations, HasPhasedFiles, WorkOrderRecord):
    """A job on a machine: who does it, how it stands, what was found and done, and what it cost.

    A started repair keeps the machine down until it is completed; completing tells the alert it came from.
    Completed is the technician's word, closed the manager's.
    """

    LIFECYCLE: ClassVar = ORDER_LIFECYCLE
    NEWS: ClassVar = "work_order"
    UNFINISHED: ClassVar = UNFINISHED
    # Work for which the machine stands still unless whoever starts it says otherwise.
    STOPS_MACHINE: ClassVar = (WorkOrderRecord.Type.CORRECTIVE, WorkOrderRecord.Type.PREVENTIVE)
    DELETABLE: ClassVar = (WorkOrderRecord.Status.OPEN, WorkOrderRecord.Status.CANCELLED)
    ASSIGNEES: ClassVar = (User.Role.TECHNICIAN, User.Role.MANAGER)

    EDITABLE_TO_THE_END: ClassVar = (*UNFINISHED, WorkOrderRecord.Status.COMPLETED)

    objects = WorkOrderQuerySet.as_manager()

    audited = True

    class Meta(WorkOrderRecord.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def has_logged_work(self) -> bool:
        """Somebody wrote down time, money or a result: from then on it isn't cancelled any more."""
        return bool(self.labour_minutes or self.total_cost or self.resolution)

    @property
    def total_cost(self) -> Decimal | None:
        """None as long as no cost was written down at all."""
        costs = [c for c in (self.labour_cost, self.parts_cost, self.other_cost) if c is not None]
        return sum(costs, Decimal(0)) if costs else None

    def particulars(self) -> Data:
        """For webhooks."""
        return {
            "number": self.number,
            "type": self.type,
            "priority": self.priority,
            "due_at": self.due_at,
            "assigned_to": self.assigned_to_id,
            "alert_id": self.alert_id,
        }

    def notice(self, event: WorkOrderEvent) -> None:
        """Tells those it concerns."""
        notices.tell(self, event)

    def is_overdue(self, at: datetime) -> bool:
        """Past the due time that somebody gave, or past the restore target where nobody gave one."""
        deadline = self.due_at or self.restore_due_at
        return deadline is not None and deadline < at and not self.is_finished

    def concerns(self, user: User) -> bool:
        """Theirs or their team's to do, raised by them, or on a machine they look after."""
        theirs = user.pk in (self.assigned_to_id, self.created_by_id)
        return theirs or self.equipment.concerns(user) or self.is_for_team_of(user)

    def allowed_transitions(self) -> list[AllowedTransition]:
        """The moves possible now; cancelling isn't one once work is logged."""
        moves = [] if self.deleted_at else self.LIFECYCLE.allowed(self.status)
        return self.with_refusals([m for m in moves if not (m["action"] == "cancel" and self.has_logged_work)])

    def failure_mode_named(self, code: str) -> FailureMode:
        """The mode with this code, if the machine can fail like that."""
        modes = FailureMode.objects.living().applicable_to(self.equipment.category_id)
        found = modes.filter(code=code.upper()).first()
        if found is None:
            raise ValidationFailed(gettext("This kind of machine has no such failure mode."), field="failure_mode")
        return found

    @classmethod
    def add(
        cls, *, equipment: Equipment, by: User | None, at: datetime, attachments: Collection[Attachment] = (),
        phase: str = WorkOrderAttachment.Phase.OTHER, **fields: Any,
    ) -> "WorkOrder":  # fmt: skip
        """A new order with the next number of the year. For an alert use `services.raise_work_order`."""
        with transaction.atomic(savepoint=False):
            order = cls(equipment=equipment, created_by=by, created_at=at, moved_at=at, **fields)
            order.number = WorkOrderNumber.take(year=at.year)
            order.begin_clocks()
            order.save(force_insert=True)
            order.add_files(attachments, phase=phase)
            order.expect_nothing()
            order.record(WorkOrderEvent.Kind.RAISED, by=by, at=at)
        return order

    def assign(self, *, by: User | None, at: datetime, to: User | None = None, team: Team | None = None) -> None:
        """Give the job to a technician or manager who sees the machine, or to a team until one of it starts it.

        A running job changes hands, from person to person only.
        """
        with transaction.atomic():
            self.status, at = self._check("assign", at=at)
            before = {"before": self.assigned_to_id and str(self.assigned_to_id)}
            if (to is None) == (team is None):
                raise ValidationFailed(gettext("Name a person or a team, one of the two."), field="user_id")
            if to is not None:
                self._check_assignee(to)
            if team is not None:
                if self.started_at:
                    raise ValidationFailed(gettext("The work has begun; give it to a person."), field="team_id")
                self._check_team(team, at=at)
            self.assigned_to, self.assigned_team, self.assigned_at = to, team, at
            self.save(update_fields=["status", "moved_at", "assigned_to", "assigned_team", "assigned_at"])
            given = {"user_id": str(to.pk)} if to else {"team_id": str(team and team.pk)}
            self.record(WorkOrderEvent.Kind.ASSIGNED, by=by, at=at, data={**given, **before})

    def start(self, *, by: User, at: datetime, equipment_down: bool | None = None, downtime_reason: str = "") -> None:
        """Work begins. A repair takes the machine down as a failure, preventive work as planned maintenance.

        `downtime_reason` says why it stands, on the status log. A team's job becomes that of whoever of them starts it.
        """
        with transaction.atomic():
            self.status, at = self._check("start", at=at)
            self._claim(by)
            self.started_at = at
            self.answer_clock(at=at)
            if self.type in self.STOPS_MACHINE if equipment_down is None else equipment_down:
                self._take_machine_down(by=by, at=at, reason=downtime_reason)
            self.save()
            self.record(WorkOrderEvent.Kind.STARTED, by=by, at=at)

    def hold(self, *, by: User, at: datetime, reason: str, why: HoldReason | None = None) -> None:
        """The work waits. `why`, one of the catalogue, says whether the restore clock waits with it."""
        with transaction.atomic():
            self.status, at = self._check("hold", at=at)
            self.hold_reason = require(reason, field="reason")
            self.stop_timers(at=at)
            self.pause_clock(at=at, reason=why)
            self.save(update_fields=["status", "moved_at", "hold_reason", *SLA_FIELDS])
            data = {"reason_code": why.code} if why else {}
            self.record(WorkOrderEvent.Kind.HELD, by=by, at=at, note=reason, data=data)

    def resume(self, *, by: User, at: datetime) -> None:
        with transaction.atomic():
            self.status, at = self._check("resume", at=at)
            self.hold_reason = ""
            self.resume_clock(at=at)
            self.save(update_fields=["status", "moved_at", "hold_reason", *SLA_FIELDS])
            self.record(WorkOrderEvent.Kind.RESUMED, by=by, at=at)

    def complete(
        self, *, by: User, at: datetime, resolution: str, restored_at: datetime | None = None,
        exclusion_reason: str = "", **said: Any,
    ) -> None:  # fmt: skip
        """The work is done: tells the alert, then lets the machine go. Another fault on it keeps it down.

        `said`: the findings (`FINDINGS`) and what the whole order took (`STATED`). `restored_at`: the machine ran
        before the paperwork. `exclusion_reason`: its standstill was no failure, the mains were lost for example.
        """
        with transaction.atomic():
            self.status, at = self._check("complete", at=at)
            self.resolution = require(resolution, field="resolution")
            self.check_restored(restored_at, at=at)
            self.code_findings(said)
            self.stop_timers(at=at)
            self.state_totals(by=by, at=at, said=said)
            self.completed_at, self.completed_by = at, by
            self.stop_clock(at=at)
            for alert in self.alerts_mended():
                alert.mark_repaired(by=by, at=at, note=resolution, restored_at=restored_at)
            self._let_go(by=by, at=restored_at or at)
            if exclusion_reason and self.downtime:
                self.exclude_downtime(exclusion_reason, by=by)
            self.save()
            self.record(WorkOrderEvent.Kind.COMPLETED, by=by, at=at, note=resolution)
            self._tell_plan(by=by, at=at)
            work_order_completed.send(sender=WorkOrder, work_order=self, by=by, at=at)

    def close(self, *, by: User, at: datetime, note: str = "", **findings: Any) -> None:
        """The manager accepts the work and may put its coding right; a repair without one is FINDINGS_MISSING."""
        with transaction.atomic():
            self.status, at = self._check("close", at=at)
            changes = self.code_findings(findings)
            self.require_findings()
            self.closed_at = at
            self.save(update_fields=["status", "moved_at", "closed_at", *FINDINGS])
            self.record(WorkOrderEvent.Kind.CLOSED, by=by, at=at, note=note, data=changes)

    def reopen(self, *, by: User, at: datetime, reason: str, equipment_down: bool | None = None) -> None:
        """The work wasn't done after all: it goes on, the alert it resolved is open again, what was found stays."""
        with self._one_per_alert():
            self.status, at = self._check("reopen", at=at)
            require(reason, field="reason")
            for alert in self.alerts_mended():
                self._reopen_alert(alert, by=by, at=at, reason=reason)
            completed_at, self.completed_at, self.completed_by = self.completed_at, None, None
            self.restart_clock(completed_at=completed_at, at=at)
            if self.downtime_id is not None if equipment_down is None else equipment_down:
                self._take_machine_down(by=by, at=at)
            self.save()
            self.record(WorkOrderEvent.Kind.REOPENED, by=by, at=at, note=reason)

    def cancel(self, *, by: User, at: datetime, reason: str) -> None:
        """Nobody will do it. Only before work is logged; a downtime that the start began was no failure."""
        with transaction.atomic():
            target, at = self._check("cancel", at=at)
            self.stop_timers(at=at)
            if self.has_logged_work:
                self._refuse(gettext("Work is logged on this order; complete it instead."), target=target)
            self.status = target
            self.cancelled_at, self.cancel_reason, self.hold_reason = at, require(reason, field="reason"), ""
            self.drop_clocks(at=at)
            said = {"number": self.number, "reason": reason}
            self.hand_alerts_back(by=by, at=at, note=gettext("Work order %(number)s was cancelled: %(reason)s") % said)
            self._let_go(by=by, at=at, exclusion=StatusInterval.Exclusion.CANCELLED)
            self.save()
            self.record(WorkOrderEvent.Kind.CANCELLED, by=by, at=at, note=reason)
            self._tell_plan(by=by, at=at)

    def change(self, *, by: User, at: datetime, **fields: Any) -> None:
        """Edit the given fields; what is closed or cancelled stays as it is."""
        with transaction.atomic():
            self.lock()
            before = {name: getattr(self, name) for name in fields}
            changed = {name: value for name, value in fields.items() if value != before[name]}
            if not changed:
                return
            if self.status not in self.EDITABLE_TO_THE_END:
                self._refuse(gettext("A closed or cancelled order can't be edited."), target=self.status)
            if "type" in changed and self.started_at:
                raise ValidationFailed(gettext("The type can't change once work has started."), field="type")
            self.state_totals(by=by, at=at, said=changed, may_lower=True)
            plain = {name: value for name, value in changed.items() if name not in STATED}
            for name, value in plain.items():
                setattr(self, name, value)
            if {"priority", "type"} & set(changed):
                self.renew_clocks(at=at)
            self.save(update_fields=[*plain, *SLA_FIELDS])
            edits: Data = {name: {"from": str(before[name]), "to": str(value)} for name, value in plain.items()}
            edits |= {name: {} for name in changed.keys() - plain.keys()}  # everybody reads this, but not costs
            self.record(WorkOrderEvent.Kind.EDITED, by=by, at=at, data=edits)

    def carry_over(self, alert: Alert, *, by: User, at: datetime) -> None:
        """Its alert was a duplicate of this one; the caller has locked both."""
        self.alert = alert
        self.save(update_fields=["alert"])
        self.record(WorkOrderEvent.Kind.EDITED, by=by, at=at, data={"alert_id": str(alert.pk)})
        alert.hand_over(by=by, at=at, number=self.number)

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        """Entered by mistake. What was assigned or worked on is cancelled or closed instead, and stays on record."""
        with transaction.atomic():
            self.lock()
            if self.deleted_at is not None:
                return
            if self.status not in self.DELETABLE:
                self._refuse(gettext("Only an open or cancelled order can be deleted."), target="DELETED")
            super().soft_delete(by=by, at=at)
            self.record(WorkOrderEvent.Kind.DELETED, by=by, at=at)
            if not self.is_finished:
                note = gettext("Work order %(number)s was deleted.") % {"number": self.number}
                self.hand_alerts_back(by=by, at=at, note=note)
                self._tell_plan(by=by, at=at)

    def restore(self, *, by: User | None, at: datetime) -> None:
        with self._one_per_alert():
            self.lock()
            if self.deleted_at is not None:
                super().restore(by=by, at=at)
                self.record(WorkOrderEvent.Kind.RESTORED, by=by, at=at)
                if not self.is_finished:
                    self.take_alerts_on(by=by, at=at)

    def lock(self) -> None:
        """Holds the row until the transaction ends and reads what is in it now."""
        self.refresh_from_db(
            from_queryset=WorkOrder.objects.lock().select_related("equipment", "downtime", "alert", "assigned_team")
        )
        self.forget_obstacles()

    def _check(self, action: str, *, at: datetime) -> tuple[str, datetime]:
        """The state the move ends in, and when it counts; refused if it can't be made now."""
        self.lock()
        if self.deleted_at:
            raise NotFound(gettext("This work order was deleted."))
        target = self.LIFECYCLE.check(action, self.status)
        self.refuse_if_held_up(action)
        if target == self.status:  # it only changes hands, or is only silenced
            return target, max(at, self.moved_at)
        self.moved_at = self.moves_at(at)
        return target, self.moved_at

    def _refuse(self, message: str, *, target: str) -> NoReturn:
        allowed = [state for state in self.LIFECYCLE.targets(self.status) if state != target]
        raise InvalidTransition(message, source=self.status, target=target, allowed=allowed)

    def _check_assignee(self, user: User) -> None:
        if not user.is_active or user.deleted_at or user.role not in self.ASSIGNEES:
            message = gettext("Work is given to an active technician or manager.")
        elif not Equipment.objects.for_user(user).filter(pk=self.equipment_id).exists():
            message = gettext("This person doesn't see the site of the machine.")
        else:
            return
        raise ValidationFailed(message, field="user_id")

    def _claim(self, user: User) -> None:
        """A job that is a team's only becomes this person's."""
        if self.assigned_to_id:
            return
        if not self.is_for_team_of(user):
            message = gettext("It was given to a team: one of them starts it, or give it to a person first.")
            self._refuse(message, target=self.Status.IN_PROGRESS)
        self._check_assignee(user)
        self.assigned_to = user

    def _take_machine_down(self, *, by: User, at: datetime, reason: str = "") -> None:
        corrective = self.type == self.Type.CORRECTIVE
        status = StatusInterval.Status.ERROR if corrective else StatusInterval.Status.MAINTENANCE
        self._hold(status=status, by=by, at=at, reason=reason or str(self), source=StatusInterval.Source.WORK_ORDER)

    def _reopen_alert(self, alert: Alert, *, by: User, at: datetime, reason: str) -> None:
        try:
            if self.completed_at:
                alert.take_back_repair(repaired_at=self.completed_at, by=by, at=at, reason=reason)
        except Duplicate:
            return  # the fault was reported anew meanwhile, and that alert stands for it

    def _tell_plan(self, *, by: User | None, at: datetime) -> None:
        """The plan it came from goes on. The order is locked."""
        if self.plan is not None:
            self.plan.order_ended(self, by=by, at=at)

    @contextmanager
    def _one_per_alert(self) -> Iterator[None]:
        """A transaction in which the order becomes unfinished again."""
        try:
            with transaction.atomic():
                yield
        except IntegrityError as error:
            if "uniq_work_orders_plan_living" in str(error):
                raise PlanHasOpenOrder(gettext("The plan has another unfinished work order.")) from error
            if "uniq_work_orders_alert_living" not in str(error):
                raise
            raise AlreadyConverted(gettext("The alert has another unfinished work order.")) from error


def require(text: str, *, field: str) -> str:
    """The text, if it says anything."""
    if not text.strip():
        raise ValidationFailed(gettext("Say something here."), field=field)
    return text
