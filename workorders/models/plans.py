"""The moves of a maintenance plan: what makes its orders, and what becomes of it when they are done.

An order's row is locked before its plan's when the order ends. That can't deadlock with the making of orders, because
whoever holds a plan never waits for an order: while one is unfinished it makes no other.
"""

from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.errors import DomainError, HasOpenWork, InvalidTransition, NotFound, ValidationFailed
from telemetry.models import Quality
from workorders.meters import next_threshold
from workorders.models.order import WorkOrder, require
from workorders.models.plan_errors import PlanHasOpenOrder, PlanNotActive
from workorders.models.plan_history import PlanEvent, PlanMeter, PlanOccurrence
from workorders.models.plan_queryset import MaintenancePlanQuerySet
from workorders.models.plan_record import PlanRecord
from workorders.models.tasks import WorkOrderTask
from workorders.recurrence import Recurrence, RuleRefused, instant

JOINED = ("equipment__location__site", "metric", "meter", "checklist", "assigned_to", "assigned_team")
ALMOST = timedelta(microseconds=1)


class MaintenancePlan(PlanRecord):
    """Work that comes round on a machine: by the calendar, by a counter, or by whichever comes first.

    It never has two unfinished orders. What falls due while one is unfinished is missed and written down as such.
    """

    # What moves the next due time when it is edited.
    TIMING: ClassVar = frozenset(
        {"trigger", "schedule", "rule", "start_date", "due_time", "ends_on", "lead_days", "metric", "meter_interval",
         "meter_base"}
    )  # fmt: skip
    MOST_MISSED: ClassVar = 400
    LEAST_INTERVAL: ClassVar = 0.001

    objects = MaintenancePlanQuerySet.as_manager()

    audited = True
    audit_ignored = ("updated_at", "next_due_at", "generate_at", "last_completed_at")

    class Meta(PlanRecord.Meta):
        pass

    def open_order(self) -> WorkOrder | None:
        """Its unfinished order."""
        if hasattr(self, "open_orders"):
            return next(iter(self.open_orders), None)
        return self.work_orders.living().unfinished().first()

    def allowed_moves(self, at: datetime) -> list[str]:
        if self.deleted_at:
            return ["restore"]
        if self.is_paused(at):
            return ["resume"]
        free = self.open_order() is None and self.is_active(at)
        return ["generate", "skip", "pause"] if free else ["pause"]

    @classmethod
    def add(cls, *, equipment: Equipment, by: User | None, at: datetime, **fields: Any) -> "MaintenancePlan":
        with transaction.atomic():
            plan = cls(equipment=equipment, created_by=by, created_at=at, **fields)
            plan.check_plan(at)
            plan._start_over(at)
            plan.save(force_insert=True)
            plan.meter = PlanMeter.objects.create(plan=plan)
            plan._restart_meter()
            plan.record(PlanEvent.Kind.CREATED, by=by, at=at)
        return plan

    def change(self, *, by: User, at: datetime, **fields: Any) -> None:
        """Edit the given fields. A new timing counts from what is known: what was due last, when it was last done."""
        with transaction.atomic():
            self._lock_living()
            changed = {name: value for name, value in fields.items() if value != getattr(self, name)}
            if not changed:
                return
            edits = {name: {"from": str(getattr(self, name)), "to": str(value)} for name, value in changed.items()}
            for name, value in changed.items():
                setattr(self, name, value)
            self.check_plan(at)
            if self.TIMING & changed.keys():
                self._start_over(at)
            self.save()
            if {"trigger", "metric", "meter_interval", "meter_base"} & changed.keys():
                self._restart_meter()
            self.record(PlanEvent.Kind.EDITED, by=by, at=at, data=edits)

    def generate(self, *, by: User | None, at: datetime) -> WorkOrder:
        """The order for what is due next; PLAN_HAS_OPEN_ORDER or PLAN_NOT_ACTIVE where there can be none."""
        with transaction.atomic():
            self._lock_living()
            self._refuse_if_open()
            if not self.is_active(at):
                raise PlanNotActive(gettext("The plan is paused or over, or its machine is out of service."))
            due = self._due_now(at)
            order = self._make_order(due, by=by, at=at)
            self._write_down(PlanOccurrence.State.GENERATED, due, by=by, work_order=order)
            recurrence = self.recurrence()
            if recurrence:
                following = recurrence.interval_after(due) if self.is_floating else recurrence.next_after(due)
                self._set_next(following)
            self._save_next()
            self.record(PlanEvent.Kind.GENERATED, by=by, at=at, data={"work_order_id": str(order.pk)})
        return order

    def order_ended(self, order: WorkOrder, *, by: User | None, at: datetime) -> None:
        """Its order was completed, cancelled or deleted: what is due next follows from that. The order is locked."""
        self.lock()
        done = order.completed_at is not None
        if done:
            self.last_completed_at = at
        recurrence = self.recurrence()
        if recurrence:
            last = self._last_due() or order.due_at or at
            self._set_next(self._after_end(recurrence, last, at=at, by=by))
        self._count_on()
        self._save_next()
        kind = PlanEvent.Kind.COMPLETED if done else PlanEvent.Kind.CANCELLED
        self.record(kind, by=by, at=at, data={"work_order_id": str(order.pk)})

    def skip(self, *, by: User, at: datetime, reason: str) -> None:
        """Leave out what is due next. The counter, if it has one, starts anew as well."""
        with transaction.atomic():
            self._lock_living()
            require(reason, field="reason")
            self._refuse_if_open()
            if not self.is_active(at):
                raise PlanNotActive(gettext("The plan is paused or over, or its machine is out of service."))
            due, recurrence = self.next_due_at or at, self.recurrence()
            self._write_down(PlanOccurrence.State.SKIPPED, due, by=by, reason=reason)
            if recurrence:
                self._set_next(
                    recurrence.interval_after(max(due, at)) if self.is_floating else recurrence.next_after(due)
                )
            self._count_on()
            self._save_next()
            self.record(PlanEvent.Kind.SKIPPED, by=by, at=at, note=reason, data={"due_at": due.isoformat()})

    def pause(self, *, by: User | None, at: datetime, reason: str, until: date | None = None) -> None:
        """No orders until that day, or until it is resumed. What would be due meanwhile isn't; an open order stays."""
        with transaction.atomic():
            self._lock_living()
            if until is not None and until <= self.today(at):
                raise ValidationFailed(gettext("That day is not in the future."), field="until")
            self.paused_at, self.paused_until, self.pause_reason = at, until, require(reason, field="reason")
            self._set_next(self.next_due_at)
            self.save()
            self.record(PlanEvent.Kind.PAUSED, by=by, at=at, note=reason, data={"until": until and until.isoformat()})

    def resume(self, *, by: User, at: datetime) -> None:
        """It goes on with what is due from today; work counted from the last time is due at once if that is over."""
        with transaction.atomic():
            self._lock_living()
            if self.paused_at is None:
                message = gettext("The plan is not paused.")
                raise InvalidTransition(message, source="ACTIVE", target="ACTIVE", allowed=["PAUSED"])
            self.paused_at, self.paused_until, self.pause_reason = None, None, ""
            self._start_over(at)
            self.save()
            self.record(PlanEvent.Kind.RESUMED, by=by, at=at)

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self.lock()
            if self.deleted_at is None:
                if order := self.work_orders.living().unfinished().first():
                    message = gettext("Work order %(number)s is not finished; complete or cancel it first.")
                    raise HasOpenWork(message % {"number": order.number}, meta={"work_order_id": str(order.pk)})
                super().soft_delete(by=by, at=at)
                self.record(PlanEvent.Kind.DELETED, by=by, at=at)

    def restore(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self.lock()
            if self.deleted_at is not None:
                super().restore(by=by, at=at)
                self._start_over(at)
                self._save_next()
                self.record(PlanEvent.Kind.RESTORED, by=by, at=at)

    def lock(self) -> None:
        """Holds the row until the transaction ends and reads what is in it now."""
        self.refresh_from_db(from_queryset=MaintenancePlan.objects.lock().select_related(*JOINED))
        self.__dict__.pop("open_orders", None)

    def record(
        self, kind: str, *, by: User | None, at: datetime, note: str = "", data: dict[str, Any] | None = None
    ) -> None:
        PlanEvent.objects.create(plan=self, kind=kind, by=by, at=at, note=note, data=data or {})

    def _lock_living(self) -> None:
        self.lock()
        if self.deleted_at:
            raise NotFound(gettext("This plan was deleted."))

    def _refuse_if_open(self) -> None:
        order = self.work_orders.living().unfinished().first()
        if order is not None:
            message = gettext("Work order %(number)s of this plan is not finished.") % {"number": order.number}
            raise PlanHasOpenOrder(message, meta={"work_order_id": str(order.pk), "number": order.number})

    def check_plan(self, at: datetime) -> None:
        """What the table's constraints would refuse and what they can't know, in words and at the field."""
        if self.trigger in self.BY_CALENDAR:
            self._check_calendar()
        elif self.rule:
            raise ValidationFailed(gettext("A plan by counter alone has no rule."), field="rule")
        counter = self.metric, self.meter_interval
        if self.trigger in self.BY_METER and None in counter:
            field = "metric" if self.metric is None else "meter_interval"
            raise ValidationFailed(gettext("A counter needs its metric and an interval."), field=field)
        if self.meter_interval is not None and self.meter_interval < self.LEAST_INTERVAL:
            raise ValidationFailed(gettext("The interval must be above 0."), field="meter_interval")
        if self.trigger == self.Trigger.CALENDAR and (counter != (None, None) or self.meter_base is not None):
            raise ValidationFailed(gettext("A plan by the calendar alone has no counter."), field="trigger")
        if self.assigned_to_id and self.assigned_team_id:
            raise ValidationFailed(gettext("Name a person or a team, not both."), field="assigned_to_id")
        if not self.is_in_service(at):
            raise ValidationFailed(gettext("This machine is out of service."), field="equipment_id")

    def _check_calendar(self) -> None:
        if self.start_date is None:
            raise ValidationFailed(gettext("Say when it is due for the first time."), field="start_date")
        try:
            recurrence = Recurrence.checked(
                self.rule, start=self.start_date, at=self.due_time, zone=self.zone_info(), floating=self.is_floating
            )
        except RuleRefused as refusal:
            raise ValidationFailed(str(refusal), field="rule") from refusal
        self.rule = recurrence.text
        if self.ends_on is not None and self.ends_on < self.start_date:
            raise ValidationFailed(gettext("It can't end before it starts."), field="ends_on")

    def _start_over(self, at: datetime) -> None:
        """What is due next by what is known: after a new timing, a pause, a deletion."""
        recurrence = self.recurrence()
        last = None if self._state.adding else self._last_due()
        if recurrence is None:
            self._set_next(None)
        elif not self.is_floating:
            midnight = instant(datetime.combine(self.today(at), time.min), self.zone_info())
            self._set_next(recurrence.next_after(max(midnight - ALMOST, last or midnight - ALMOST)))
        elif last is None:
            self._set_next(recurrence.first())
        else:
            self._set_next(recurrence.interval_after(self.last_completed_at or last))

    def _after_end(self, recurrence: Recurrence, last: datetime, *, by: User | None, at: datetime) -> datetime | None:
        if not self.is_floating:
            self._miss(recurrence.instants(after=last, until=at), gettext("The order before it wasn't finished."))
            return recurrence.next_after(max(last, at))
        following = recurrence.interval_after(at)
        # Done twice on one day: each due time has one order, ever.
        return following if following > last else recurrence.next_day(last)

    def _due_now(self, at: datetime) -> datetime:
        """What the next order is due at. Fixed times that nobody made an order for are missed, but for the last."""
        recurrence = self.recurrence()
        ripe = self.generate_at is not None and self.generate_at <= at
        if self.next_due_at is None or (self.meter.is_reached and not ripe):
            return at + timedelta(days=self.lead_days)
        if recurrence is None or self.is_floating or self.next_due_at >= at:
            return self.next_due_at
        passed = [self.next_due_at, *recurrence.instants(after=self.next_due_at, until=at)]
        self._miss(passed[:-1], gettext("No order was made in time."))
        return passed[-1]

    def _miss(self, times: list[datetime], reason: str) -> None:
        state = PlanOccurrence.State.MISSED
        rows = [
            PlanOccurrence(plan=self, due_at=due, late_after=self.late_after(due), state=state, reason=reason)
            for due in times[-self.MOST_MISSED :]
        ]
        PlanOccurrence.objects.bulk_create(rows, ignore_conflicts=True)

    def _write_down(self, state: str, due: datetime, **facts: Any) -> None:
        PlanOccurrence.objects.create(plan=self, due_at=due, late_after=self.late_after(due), state=state, **facts)

    def _last_due(self) -> datetime | None:
        return self.occurrences.order_by("-due_at").values_list("due_at", flat=True).first()

    def _make_order(self, due: datetime, *, by: User | None, at: datetime) -> WorkOrder:
        order = WorkOrder.add(
            equipment=self.equipment, plan=self, by=by, at=at, title=self.title, description=self.description,
            type=self.type, priority=self.priority, due_at=due, estimated_minutes=self.estimated_minutes,
        )  # fmt: skip
        if self.checklist and not self.checklist.deleted_at:
            WorkOrderTask.add_from_template(order, self.checklist, by=by, at=at)
        if self.assigned_to or self.assigned_team:
            try:
                with transaction.atomic():
                    order.assign(by=by, at=at, to=self.assigned_to, team=self.assigned_team)
            except DomainError:  # they left meanwhile: the order waits for somebody else
                order.refresh_from_db()
        return order

    def _set_next(self, due: datetime | None) -> None:
        """Puts it off beyond a pause, and drops what lies after the plan's end."""
        recurrence = self.recurrence()
        if due is not None and recurrence is not None and self.paused_at is not None and self.paused_until is not None:
            again = instant(datetime.combine(self.paused_until, time.min), self.zone_info())
            if due < again:
                at_due_time = instant(datetime.combine(self.paused_until, self.due_time), self.zone_info())
                due = at_due_time if self.is_floating else recurrence.next_after(again - ALMOST)
        if due is not None and self.ends_on is not None and self.today(due) > self.ends_on:
            due = None
        self.next_due_at = due
        self.generate_at = due and due - timedelta(days=self.lead_days)

    def _save_next(self) -> None:
        self.save(update_fields=["next_due_at", "generate_at", "last_completed_at"])

    def _restart_meter(self) -> None:
        """Counts from the base, or from what the counter shows."""
        meter = self.meter
        if self.trigger not in self.BY_METER:
            self.meter = PlanMeter(plan=self)
            self.meter.save()
            return
        latest = self.equipment.series.filter(metric=self.metric, latest__isnull=False).select_related("latest").first()
        if latest is not None and latest.latest.quality is Quality.GOOD:
            meter.total = meter.last = meter.suspect = meter.seen_at = None
            meter.read(latest.latest.value, at=latest.latest.recorded_at)
        base = self.meter_base if self.meter_base is not None else meter.total
        meter.due = None if base is None or self.meter_interval is None else base + self.meter_interval
        meter.save()

    def read_meter(self, value: float, *, at: datetime) -> None:
        """Takes in the counter's newest reading."""
        with transaction.atomic():
            meter = PlanMeter.objects.select_for_update(no_key=True).get(plan=self)
            meter.read(value, at=at)
            if meter.due is None and meter.total is not None and self.meter_interval is not None:
                meter.due = meter.total + self.meter_interval
            meter.save()
            self.meter = meter

    def _count_on(self) -> None:
        """The counter's next threshold: the next multiple, or an interval from where it is now."""
        meter = PlanMeter.objects.select_for_update(no_key=True).get(plan=self)
        if meter.due is not None and self.meter_interval is not None:
            total = meter.due if meter.total is None else meter.total
            floating = total + self.meter_interval
            fixed = next_threshold(meter.due, interval=self.meter_interval, total=total)
            meter.due = floating if self.is_floating else fixed
            meter.save(update_fields=["due"])
        self.meter = meter
