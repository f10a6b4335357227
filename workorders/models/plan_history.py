"""What became of each time a plan was due, how far its counter has come, and who changed what."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Q
from django.utils.translation import gettext_lazy as _

from alerts.models.timeline import TimelineEvent
from faultreporter.db import TimeStampedModel
from workorders.meters import Counter, forecast

if TYPE_CHECKING:
    from workorders.models.plans import MaintenancePlan  # noqa: F401 - names the foreign key's target

COMPLIANCE_DAYS = 365


class OccurrenceQuerySet(models.QuerySet["PlanOccurrence"]):
    def compliance(self, *, at: datetime) -> dict[str, Any]:
        """How much of what was due in the last year was done in time.

        What people skipped or cancelled, with a reason, doesn't count; what nobody did in time does.
        """
        done = Q(state="GENERATED", work_order__completed_at__isnull=False)
        in_time = Q(work_order__completed_at__lte=F("late_after"))
        waiting = Q(state="GENERATED", work_order__completed_at=None, work_order__deleted_at=None, late_after__lt=at)
        counts = self.filter(due_at__gt=at - timedelta(days=COMPLIANCE_DAYS), due_at__lte=at).aggregate(
            on_time=Count("pk", filter=done & in_time),
            late=Count("pk", filter=(done & ~in_time) | (waiting & ~Q(work_order__status="CANCELLED"))),
            missed=Count("pk", filter=Q(state="MISSED")),
            skipped=Count("pk", filter=Q(state="SKIPPED")),
        )
        judged = counts["on_time"] + counts["late"] + counts["missed"]
        return {**counts, "on_time_percent": round(100 * counts["on_time"] / judged, 1) if judged else None}


class PlanOccurrence(TimeStampedModel):
    """One time that a plan was due, and what became of it. Each due time has one, ever."""

    class State(models.TextChoices):
        GENERATED = "GENERATED", _("Order made")
        SKIPPED = "SKIPPED", _("Skipped")
        MISSED = "MISSED", _("Missed")

    plan = models.ForeignKey(
        "workorders.MaintenancePlan", models.CASCADE, related_name="occurrences", db_index=False, verbose_name=_("plan")
    )
    due_at = models.DateTimeField(_("due"))
    late_after = models.DateTimeField(_("late after"))
    state = models.CharField(_("state"), max_length=10, choices=State)
    reason = models.TextField(_("reason"), blank=True)
    work_order = models.OneToOneField(
        "workorders.WorkOrder", models.PROTECT, null=True, blank=True, related_name="occurrence",
        verbose_name=_("work order"),
    )  # fmt: skip
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False,
        verbose_name=_("by"),
    )  # fmt: skip

    objects = OccurrenceQuerySet.as_manager()

    class Meta:
        db_table = "maintenance_plan_occurrences"
        verbose_name = _("due time")
        verbose_name_plural = _("due times")
        ordering = ("-due_at", "-id")
        constraints = [
            # the last guard against a second order, and the index for the due times of one plan
            models.UniqueConstraint(fields=["plan", "due_at"], name="uniq_maintenance_plan_occurrences_due"),
            models.CheckConstraint(
                condition=Q(state="GENERATED", work_order__isnull=False)
                | (Q(state__in=("SKIPPED", "MISSED"), work_order=None) & ~Q(reason="")),
                name="check_maintenance_plan_occurrences_state",
            ),
        ]
        indexes = [
            # the horizon and compliance: all plans' due times in a span
            models.Index(fields=["due_at"], name="idx_plan_due_times"),
        ]

    def __str__(self) -> str:
        return f"{self.due_at:%Y-%m-%d} {self.get_state_display()}"


class PlanMeter(models.Model):
    """How far the counter of a plan has come, and at which total the work is due.

    Apart from the plan, because it moves with the readings and nobody edits it.
    """

    plan = models.OneToOneField(
        "workorders.MaintenancePlan", models.CASCADE, primary_key=True, related_name="meter", verbose_name=_("plan")
    )
    due = models.FloatField(_("due at"), null=True, blank=True)
    total = models.FloatField(_("counted"), null=True, blank=True)
    last = models.FloatField(_("last reading"), null=True, blank=True)
    suspect = models.FloatField(null=True, blank=True)  # one reading below the last: a reset if the next is low, too
    seen_at = models.DateTimeField(_("read at"), null=True, blank=True)
    since_total = models.FloatField(null=True, blank=True)
    since_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "maintenance_plan_meters"
        verbose_name = _("plan's counter")
        verbose_name_plural = _("plans' counters")

    def __str__(self) -> str:
        return "–" if self.total is None else f"{self.total:g}"

    @property
    def is_reached(self) -> bool:
        return self.total is not None and self.due is not None and self.total >= self.due

    def read(self, value: float, *, at: datetime) -> None:
        """Takes in the newest reading; one that was taken in before changes nothing."""
        if self.seen_at is not None and at <= self.seen_at:
            return
        if self.total is None or self.last is None:
            self.total = self.last = self.since_total = value
            self.since_at = at
        else:
            counter = Counter(self.total, self.last, self.suspect).read(value)
            self.total, self.last, self.suspect = counter.total, counter.last, counter.suspect
        self.seen_at = at

    def expected_at(self, at: datetime) -> datetime | None:
        """When it will be due at the pace so far."""
        if self.total is None or self.due is None or self.since_at is None or self.since_total is None:
            return None
        return forecast(due=self.due, total=self.total, since_total=self.since_total, since=self.since_at, now=at)


class PlanEvent(TimelineEvent):
    """One line of a plan's timeline: who did what to it, and when an order was made."""

    class Kind(models.TextChoices):
        CREATED = "CREATED", _("Created")
        EDITED = "EDITED", _("Edited")
        GENERATED = "GENERATED", _("Order made")
        COMPLETED = "COMPLETED", _("Done")
        CANCELLED = "CANCELLED", _("Order dropped")
        SKIPPED = "SKIPPED", _("Skipped")
        MISSED = "MISSED", _("Missed")
        PAUSED = "PAUSED", _("Paused")
        RESUMED = "RESUMED", _("Resumed")
        DELETED = "DELETED", _("Deleted")
        RESTORED = "RESTORED", _("Restored")

    plan = models.ForeignKey("workorders.MaintenancePlan", models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)

    class Meta(TimelineEvent.Meta):
        db_table = "maintenance_plan_events"
        indexes = [
            # the timeline of one plan, newest first
            models.Index(fields=["plan", "-at", "-id"], name="idx_plan_events_timeline"),
        ]
