"""An order's promise and its two clocks: response, until the work begins, and restore, until it is done."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel
from workorders.models.promises import HoldReason, SlaPolicy
from workorders.models.timeline import WorkOrderEvent
from workorders.sla import Clock, ClockKind, ClockState, Pause, Terms, earliest, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from equipment.models import Equipment
    from workorders.models.order import WorkOrder  # noqa: F401 - names the foreign key's target for the type checker


class Facts(NamedTuple):
    """What is stored of one clock."""

    due_at: datetime | None
    warn_at: datetime | None
    warned_at: datetime | None
    breached_at: datetime | None
    stopped_at: datetime | None


class WorkOrderPause(TimeStampedModel):
    """A time that doesn't count towards an order's restore target: a hold for a reason that pauses, or a completion
    that was taken back."""

    work_order = models.ForeignKey("workorders.WorkOrder", models.CASCADE, related_name="pauses", db_index=False)
    reason = models.ForeignKey(
        HoldReason, models.PROTECT, null=True, blank=True, related_name="+", db_index=False,
        verbose_name=_("hold reason"),
        help_text=_("Empty: the work counted as completed then, and was reopened."),
    )  # fmt: skip
    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        db_table = "work_order_pauses"
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        ordering = ("started_at", "id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("started_at")),
                name="check_work_order_pauses_order",
            ),
            # An order is on hold once at a time; also the index of an order's pauses' open end.
            models.UniqueConstraint(
                fields=["work_order"], condition=models.Q(ended_at=None), name="uniq_work_order_pauses_open"
            ),
        ]
        indexes = [
            # the clocks of one order: GET /work-orders/{id}
            models.Index(fields=["work_order", "started_at"], name="idx_work_order_pauses_order"),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class KeepsPromises(models.Model):
    """The clocks of a corrective order. `sla_terms` is what was promised; without it there are none.

    Everything follows the instants of the moves, not of the server: a phone that was offline says when it happened,
    and a breach written down meanwhile is taken back if the move came before it.
    """

    sla_terms = models.JSONField(_("promised"), null=True, blank=True, editable=False)
    response_due_at = models.DateTimeField(_("response due at"), null=True, blank=True, editable=False)
    response_warn_at = models.DateTimeField(null=True, blank=True, editable=False)
    response_warned_at = models.DateTimeField(null=True, blank=True, editable=False)
    response_breached_at = models.DateTimeField(_("response breached at"), null=True, blank=True, editable=False)
    restore_due_at = models.DateTimeField(_("restore due at"), null=True, blank=True, editable=False)
    restore_warn_at = models.DateTimeField(null=True, blank=True, editable=False)
    restore_warned_at = models.DateTimeField(null=True, blank=True, editable=False)
    restore_breached_at = models.DateTimeField(_("restore breached at"), null=True, blank=True, editable=False)
    sla_next_at = models.DateTimeField(
        null=True, blank=True, editable=False,
        help_text=_("When a clock next has something to say: that it is at risk, or breached."),
    )  # fmt: skip
    held_for = models.ForeignKey(
        HoldReason, models.PROTECT, null=True, blank=True, editable=False, related_name="+", db_index=False,
        verbose_name=_("waits for"),
    )  # fmt: skip

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        Type: Any
        equipment: Equipment
        type: models.CharField[str, str]
        priority: models.CharField[str, str]
        status: models.CharField[str, str]
        created_at: models.DateTimeField[datetime, datetime]
        started_at: models.DateTimeField[datetime | None, datetime | None]
        completed_at: models.DateTimeField[datetime | None, datetime | None]
        pauses: Any

        record: Callable[..., Any]

    @property
    def terms(self) -> Terms | None:
        """What is promised; nothing for a cancelled order, planned work, or a priority without a policy."""
        return Terms.from_json(self.sla_terms) if self.sla_terms else None

    def target_minutes(self, kind: ClockKind) -> int | None:
        """How long there is; without reading the calendar by which that is counted, as every row of a list would."""
        return self.sla_terms[f"{kind.lower()}_minutes"] if self.sla_terms else None

    def facts(self, kind: ClockKind) -> Facts:
        if kind is ClockKind.RESPONSE:
            return Facts(
                self.response_due_at, self.response_warn_at, self.response_warned_at, self.response_breached_at,
                self.started_at,
            )  # fmt: skip
        return Facts(
            self.restore_due_at, self.restore_warn_at, self.restore_warned_at, self.restore_breached_at,
            self.completed_at,
        )  # fmt: skip

    def clock(self, kind: ClockKind) -> Clock | None:
        """Nothing if nothing is promised of this kind. Only the restore clock pauses: work that waits has begun."""
        terms, minutes = self.terms, self.target_minutes(kind)
        if terms is None or minutes is None:
            return None
        pauses = self._pauses() if kind is ClockKind.RESTORE else ()
        return Clock(terms.hours, self.created_at, timedelta(minutes=minutes), pauses, warn_percent=terms.warn_percent)

    def clock_state(self, kind: ClockKind, *, at: datetime) -> ClockState | None:
        """From the row alone, without a query; None where nothing is promised."""
        if self.target_minutes(kind) is None:
            return None
        due_at, warn_at, _warned_at, breached_at, stopped_at = self.facts(kind)
        return state_of(due_at=due_at, warn_at=warn_at, breached_at=breached_at, stopped_at=stopped_at, at=at)

    def begin_clocks(self) -> None:
        """Promise what the policy says today, counted from the raising. The caller saves."""
        corrective = self.type == self.Type.CORRECTIVE
        self.promise(SlaPolicy.objects.terms_for(self.equipment, priority=self.priority) if corrective else None)

    def promise(self, terms: Terms | None) -> None:
        self.sla_terms = terms.as_json() if terms else None
        self._wind()

    def renew_clocks(self, *, at: datetime) -> None:
        """Another priority or type promises otherwise, still counted from the raising, but due no sooner than now.

        What was breached, answered or completed under the old promise stays so.
        """
        for kind in self._running():
            self._set(kind, warned_at=None)
        self.begin_clocks()
        for kind in self._running():
            due_at, warn_at, *_rest = self.facts(kind)
            if due_at and due_at < at:
                self._set(kind, due_at=at, warn_at=warn_at and min(warn_at, at))
        self._set_next()

    def answer_clock(self, *, at: datetime) -> None:
        """Somebody has begun the work."""
        self._stop(ClockKind.RESPONSE, at=at)

    def pause_clock(self, *, at: datetime, reason: HoldReason | None) -> None:
        """The work waits; for a reason that pauses, its time doesn't count."""
        self.held_for = reason
        if reason and reason.pauses_sla:
            self.pauses.create(started_at=at, reason=reason)
            if self.restore_breached_at and at < self.restore_breached_at:
                self._forgive(ClockKind.RESTORE, at=at)
            self._wind()

    def resume_clock(self, *, at: datetime) -> None:
        self.held_for = None
        if self.pauses.filter(ended_at=None).update(ended_at=at):
            self._wind()

    def stop_clock(self, *, at: datetime) -> None:
        """The work is done."""
        self._stop(ClockKind.RESTORE, at=at)

    def restart_clock(self, *, completed_at: datetime | None, at: datetime) -> None:
        """It wasn't done after all: the clock goes on from where the completion had stopped it."""
        if completed_at:
            self.pauses.create(started_at=completed_at, ended_at=at)
            self._wind()

    def drop_clocks(self, *, at: datetime) -> None:
        """Nobody will do it, so nothing is promised any more."""
        self.held_for = None
        self.pauses.filter(ended_at=None).update(ended_at=at)
        self.promise(None)

    def note_clocks(self, *, at: datetime) -> int:
        """Write down what the clocks have to say by `at`. Each thing is said once, however late we come."""
        with transaction.atomic():
            said = sum([self._note(kind, at=at) for kind in self._running()])
            self._set_next()
            self.save(update_fields=SLA_FIELDS)
        return said

    def _note(self, kind: ClockKind, *, at: datetime) -> bool:
        due_at, warn_at, warned_at, _breached_at, _stopped_at = self.facts(kind)
        if due_at and due_at < at:
            self._breach(kind, due_at=due_at)
            return True
        if warn_at and warn_at < at and not warned_at:
            self._set(kind, warned_at=warn_at)
            self._log(WorkOrderEvent.Kind.SLA_AT_RISK, kind, at=warn_at)
            return True
        return False

    def _breach(self, kind: ClockKind, *, due_at: datetime) -> None:
        """The instant of a breach is that at which the target was used up, not that at which we noticed."""
        self._set(kind, breached_at=due_at)
        self._log(WorkOrderEvent.Kind.SLA_BREACHED, kind, at=due_at)

    def _stop(self, kind: ClockKind, *, at: datetime) -> None:
        due_at, _warn_at, _warned_at, breached_at, _stopped_at = self.facts(kind)
        if breached_at and at <= breached_at:
            self._forgive(kind, at=at)
        elif due_at and due_at < at and not breached_at:
            self._breach(kind, due_at=due_at)
        self._set_next()

    def _forgive(self, kind: ClockKind, *, at: datetime) -> None:
        """A breach written down before we heard of a move that came first, from a phone that was offline."""
        self._set(kind, breached_at=None)
        self._log(WorkOrderEvent.Kind.SLA_WITHDRAWN, kind, at=at)

    def _log(self, event: str, kind: ClockKind, *, at: datetime) -> None:
        self.record(event, by=None, at=at, data={"clock": kind.value, "target_minutes": self.target_minutes(kind)})

    def _running(self) -> list[ClockKind]:
        """The clocks that can still be met: neither stopped nor breached."""
        facts = [(kind, self.facts(kind)) for kind in ClockKind if self.sla_terms]
        return [kind for kind, clock in facts if not (clock.stopped_at or clock.breached_at)]

    def _wind(self) -> None:
        """Work out anew when the clocks are due. Those that are stopped or breached stay as they are."""
        for kind in ClockKind:
            facts = self.facts(kind)
            if facts.stopped_at is None and facts.breached_at is None:
                clock = self.clock(kind)
                self._set(kind, due_at=clock and clock.due_at, warn_at=clock and clock.warn_at)
        self._set_next()

    def _set_next(self) -> None:
        waiting = [self.facts(kind) for kind in self._running()]
        self.sla_next_at = earliest(
            instant for facts in waiting for instant in (facts.due_at, None if facts.warned_at else facts.warn_at)
        )

    def _set(self, kind: ClockKind, **facts: Any) -> None:
        for name, value in facts.items():
            setattr(self, f"{kind.lower()}_{name}", value)

    def _pauses(self) -> tuple[Pause, ...]:
        if self.started_at is None:  # only work that has begun waits
            return ()
        return tuple(Pause(pause.started_at, pause.ended_at) for pause in self.pauses.all())


SLA_FIELDS = tuple(field.name for field in KeepsPromises._meta.local_fields)
