"""An alert's way up the ladder: the copy of the policy it began with, and where it stands."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Greatest, JSONObject
from django.utils.translation import gettext_lazy as _

from alerts.ladder import START, Planned, Position, Rung, counted_from, timetable
from alerts.models.policy import EscalationPolicy
from alerts.models.timeline import AlertEvent
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from faultreporter.outbox import publish_at

if TYPE_CHECKING:
    from alerts.models.alert import Alert

ADVANCE = "alerts.tasks.advance_escalation"
# What "running" is in every partial index and constraint.
RUNNING = ("ACTIVE", "QUIET")
TROUBLED = 3
"""A step that failed this often is one that doesn't move, whenever its next try is due."""


class EscalationQuerySet(TimeStampedQuerySet["AlertEscalation"]):
    def running(self) -> Self:
        return self.filter(state__in=RUNNING)

    def going_on(self) -> Self:
        """Running, or at the top, from where an acknowledgement still reminds."""
        return self.exclude(state="STOPPED")

    def held(self) -> Self:
        """The condition has cleared, no step is due."""
        return self.running().filter(next_at=None)

    def moving(self) -> Self:
        return self.running().filter(next_at__isnull=False)

    def due(self, at: datetime) -> Self:
        return self.running().filter(next_at__lte=at)

    def stuck(self, at: datetime, *, grace: timedelta) -> Self:
        """Those that should have moved: due longer than the grace, or failing again and again.

        One that was written meanwhile isn't meant: an acknowledgement that a phone made hours ago is due at once.
        """
        overdue = Q(next_at__lte=at - grace, updated_at__lte=at - grace)
        return self.moving().filter(overdue | Q(failures__gte=TROUBLED))

    def with_history(self) -> Self:
        """Along with `history`, what it did so far, in the same query."""
        kinds = (AlertEvent.Kind.ESCALATED, AlertEvent.Kind.REMINDED)
        mine = Cast(OuterRef("pk"), models.TextField())
        done = AlertEvent.objects.filter(alert=OuterRef("alert"), kind__in=kinds)
        done = done.annotate(of=KT("data__escalation_id")).filter(of=mine)
        line = JSONObject(at="at", note="note", data="data")
        return self.annotate(history=ArraySubquery(done.order_by("at", "id").values(json=line)))


class AlertEscalation(TimeStampedModel):
    """What happens to one alert while nobody takes care of it.

    ACTIVE climbs the ladder. QUIET was acknowledged: it reminds that person, and goes on after reminders in vain. DONE
    has reached the top; STOPPED ended early, `stop_reason` says by what. ACTIVE and QUIET are held while the rule's
    condition has cleared: no step is due, and once it is back, `wait_left` follows. Whoever writes here holds the
    alert's row lock, so a step and an acknowledgement never pass each other.
    """

    class State(models.TextChoices):
        ACTIVE = "ACTIVE", _("Under way")
        QUIET = "QUIET", _("Acknowledged, reminds")
        STOPPED = "STOPPED", _("Stopped")
        DONE = "DONE", _("At the top")

    class StopReason(models.TextChoices):
        ACKNOWLEDGED = "ACKNOWLEDGED", _("Acknowledged")
        WORK_ORDER = "WORK_ORDER", _("Work order raised")
        RESOLVED = "RESOLVED", _("Resolved")
        DISMISSED = "DISMISSED", _("Dismissed as a false alarm")
        MERGED = "MERGED", _("Merged into another alert")
        DELETED = "DELETED", _("Alert deleted")

    audited: ClassVar[bool] = False  # the timeline says what it did
    # Resolutions of the alert that stop it for a reason of their own.
    REASONS: ClassVar = {"FALSE_ALARM": StopReason.DISMISSED, "DUPLICATE": StopReason.MERGED}

    alert = models.ForeignKey("alerts.Alert", models.CASCADE, related_name="escalations", db_index=False)
    policy = models.ForeignKey(EscalationPolicy, models.PROTECT, related_name="escalations", verbose_name=_("policy"))
    policy_name = models.CharField(_("policy"), max_length=120)
    policy_version = models.PositiveIntegerField(_("version"))
    rungs = models.JSONField(_("steps"), default=list)
    remind_after_minutes = models.PositiveIntegerField(_("remind after minutes"), null=True)
    reminders = models.PositiveSmallIntegerField(_("reminders"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACTIVE)
    stop_reason = models.CharField(_("stopped by"), max_length=15, choices=StopReason, blank=True)
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    step = models.PositiveSmallIntegerField(_("next step"), default=0)
    reminded = models.PositiveSmallIntegerField(_("reminded"), default=0)
    next_at = models.DateTimeField(_("next step at"), null=True)
    wait_left = models.DurationField(_("left of the wait"), null=True)
    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    failures = models.PositiveSmallIntegerField(_("failures"), default=0)

    objects = EscalationQuerySet.as_manager()

    class Meta:
        db_table = "alert_escalations"
        verbose_name = _("escalation")
        verbose_name_plural = _("escalations")
        constraints = [
            models.UniqueConstraint(
                fields=["alert"], condition=Q(state__in=RUNNING), name="uniq_alert_escalations_running"
            ),
            models.CheckConstraint(
                condition=Q(state__in=RUNNING, next_at__isnull=False, wait_left=None, ended_at=None, stop_reason="")
                | Q(state__in=RUNNING, next_at=None, wait_left__isnull=False, ended_at=None, stop_reason="")
                | Q(state="DONE", next_at=None, wait_left=None, ended_at__isnull=False, stop_reason="")
                | (Q(state="STOPPED", next_at=None, wait_left=None, ended_at__isnull=False) & ~Q(stop_reason="")),
                name="check_alert_escalations_state",
            ),
        ]
        indexes = [
            # what the sweep claims, and what the watchdog counts
            models.Index(fields=["next_at"], condition=Q(state__in=RUNNING), name="idx_alert_escalations_due"),
            # the alert's own: its detail, and every move of it
            models.Index(fields=["alert", "-started_at"], name="idx_alert_escalations_alert"),
        ]

    if TYPE_CHECKING:
        history: list[dict[str, Any]]

    def __str__(self) -> str:
        return self.policy_name

    @property
    def ladder(self) -> list[Rung]:
        return [Rung(**rung) for rung in self.rungs]

    @property
    def position(self) -> Position:
        return Position(self.round, self.step)

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING

    @property
    def is_held(self) -> bool:
        return self.is_running and self.next_at is None

    def planned(self) -> Iterable[Planned]:
        """What comes next and when, if nobody moves."""
        if self.state != self.State.ACTIVE or self.next_at is None:
            return []
        since = self.next_at - timedelta(minutes=self.ladder[self.step].after)
        return timetable(self.ladder, since=since, position=self.position)

    # What the alert tells. The caller holds the alert's lock. -----------------------------------------------------

    @classmethod
    def begin(cls, alert: "Alert", *, at: datetime) -> "AlertEscalation | None":
        """Take a copy of the policy that fits the alert now; None if none does."""
        policy = EscalationPolicy.objects.fitting(alert).with_steps().first()
        rungs = policy.rungs() if policy else []
        if policy is None or not rungs:
            return None
        escalation = cls(
            alert=alert, policy=policy, policy_name=policy.name, policy_version=policy.version, started_at=at,
            rungs=[rung.as_json() for rung in rungs], remind_after_minutes=policy.remind_after_minutes,
            reminders=policy.reminders, next_at=at + timedelta(minutes=rungs[START.step].after),
        )  # fmt: skip
        escalation.save(force_insert=True)
        escalation.history = []
        escalation._wake()
        return escalation

    @classmethod
    def begin_if_none(cls, alert: "Alert", *, at: datetime) -> None:
        """The alert has become worse: it may have a policy now, where it had none before. Not while it is over."""
        if alert.cleared_at or alert.status != alert.Status.OPEN:
            return
        if not alert.escalations.going_on().exists():
            cls.begin(alert, at=at)

    @classmethod
    def stop(cls, alert: "Alert", reason: str, *, at: datetime) -> None:
        """Whatever goes on ends. What had reached the top is over, too, and can't be woken any more."""
        alert.escalations.going_on().update(
            state=cls.State.STOPPED, stop_reason=reason, next_at=None, wait_left=None, ended_at=at
        )
        if alert.status == alert.Status.RESOLVED or alert.deleted_at:
            cls.pass_on(alert, at=at)

    @classmethod
    def pass_on(cls, alert: "Alert", *, at: datetime) -> None:
        """Nobody takes care of a storm, or of a single alert, and none speaks for it: one that isn't over begins to."""
        speaking = cls.objects.going_on().filter(alert=OuterRef("pk"), wait_left=None)
        storm: list[Any] = list(alert.whole_storm().unresolved().annotate(speaks=Exists(speaking)))
        unseen = [one for one in storm if one.status == one.Status.OPEN and one.cleared_at is None]
        if unseen and not any(one.speaks or one.status == one.Status.ACKNOWLEDGED for one in storm):
            cls.begin(unseen[0], at=at)

    @classmethod
    def hold(cls, alert: "Alert", *, at: datetime) -> None:
        """The condition has cleared: nobody else is told before it is back. Another of the storm speaks meanwhile."""
        counted = Value(max(at, alert.silenced_until or at))
        left = Greatest(F("next_at") - counted, Value(timedelta()))
        if alert.escalations.moving().update(wait_left=left, next_at=None):
            cls.pass_on(alert, at=at)

    @classmethod
    def go_on(cls, alert: "Alert", *, at: datetime) -> None:
        """The condition is back: what was left of the wait follows, after a silence."""
        held = list(alert.escalations.held())
        for escalation in held:
            escalation.next_at = max(at, alert.silenced_until or at) + (escalation.wait_left or timedelta())
            escalation.wait_left = None
            escalation._keep()
        if not held:
            cls.pass_on(alert, at=at)

    @classmethod
    def quiet(cls, alert: "Alert", *, at: datetime) -> None:
        """Somebody has acknowledged: nobody else is told, that person is reminded if the policy says so."""
        for escalation in alert.escalations.going_on():
            if escalation.remind_after_minutes is None:
                cls.stop(alert, cls.StopReason.ACKNOWLEDGED, at=at)
                continue
            wait = timedelta(minutes=escalation.remind_after_minutes)
            is_over = escalation._is_over(alert)
            escalation.state, escalation.ended_at, escalation.reminded = cls.State.QUIET, None, 0
            escalation.next_at, escalation.wait_left = (None, wait) if is_over else (at + wait, None)
            escalation._keep()

    @classmethod
    def pause(cls, alert: "Alert", *, before: datetime | None, until: datetime | None, at: datetime) -> None:
        """A silence from now `until`, in place of one that ran until `before`: what was left of the wait follows it."""
        for escalation in alert.escalations.moving():
            counted = before if before and before > at else at
            left = max((escalation.next_at or counted) - counted, timedelta())
            escalation.next_at = max(until or at, at) + left
            escalation._keep()

    def _is_over(self, alert: "Alert") -> bool:
        """The condition has cleared. What began only after that, began because a person says the fault is there."""
        return self.is_held or (alert.cleared_at is not None and self.started_at <= alert.cleared_at)

    # What the sweep does. The alert is locked. --------------------------------------------------------------------

    def climb(self, *, at: datetime) -> None:
        """The next rung is done: stand before the one after it, or at the top."""
        following = self.position.next(self.ladder)
        self.failures = 0
        if following is None:
            self.state, self.next_at, self.ended_at, self.step = self.State.DONE, None, at, len(self.rungs)
        else:
            since = counted_from(due=self.next_at or at, ran=at)
            self.round, self.step = following.round, following.step
            self.next_at = since + timedelta(minutes=self.ladder[self.step].after)
        self._keep()

    def remind_again(self, *, at: datetime) -> None:
        """A reminder was sent; after the last one the ladder is climbed on."""
        self.reminded += 1
        self.failures = 0
        self.next_at = counted_from(due=self.next_at or at, ran=at) + timedelta(minutes=self.remind_after_minutes or 0)
        self._keep()

    def resume(self, *, at: datetime) -> None:
        """The acknowledgement led nowhere: the next rung is due now; from the top it is another round."""
        self.state, self.next_at = self.State.ACTIVE, at
        if self.step >= len(self.rungs):
            self.round, self.step = self.round + 1, 0
        self._keep()

    def postpone(self, *, at: datetime) -> None:
        """The step failed: try again later, and let the others pass."""
        self.failures = min(self.failures + 1, 1000)
        self.next_at = at + timedelta(minutes=min(2 ** min(self.failures, 4), 10))
        self.save(update_fields=["failures", "next_at"])

    def _keep(self) -> None:
        self.save(update_fields=["state", "round", "step", "reminded", "next_at", "wait_left", "ended_at", "failures"])
        self._wake()

    def _wake(self) -> None:
        """A bell for exactly this step: it finds nothing to do once the step is another, or due later."""
        if self.next_at is not None:
            where = {"round": self.round, "step": self.step, "reminded": self.reminded}
            publish_at(self.next_at, ADVANCE, escalation_id=self.pk, **where)


ROW = (
    "id", "policy_id", "policy_name", "policy_version", "rungs", "state", "stop_reason", "round", "step", "reminded",
    "next_at", "started_at", "ended_at",
)  # fmt: skip
TIMES = ("next_at", "started_at", "ended_at")


def latest_row() -> Subquery:
    """The last escalation of each listed alert with its history, as JSON: a detail page reads it in its one query."""
    rows = AlertEscalation.objects.filter(alert=OuterRef("pk")).order_by("-started_at", "-pk").with_history()
    return Subquery(rows.values(json=JSONObject(**{name: name for name in ROW}, history="history"))[:1])


def from_row(row: dict[str, Any] | None) -> AlertEscalation | None:
    if row is None:
        return None
    fields = {name: row[name] for name in ROW} | {
        name: datetime.fromisoformat(row[name]) for name in TIMES if row[name]
    }
    escalation = AlertEscalation(**fields)
    escalation.history = row["history"]
    return escalation


def latest(alert: "Alert") -> AlertEscalation | None:
    """The alert's last escalation, from the query that read the alert if that asked for it."""
    if alert.is_new:
        return alert.begun
    if "escalation_row" in alert.__dict__:
        found = from_row(alert.__dict__["escalation_row"])
    else:
        found = alert.escalations.with_history().order_by("-started_at", "-pk").first()
    if found is not None:  # times are text in JSON
        found.history = [{**line, "at": datetime.fromisoformat(line["at"])} for line in found.history]
    return found
