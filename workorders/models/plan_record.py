"""What a maintenance plan is in the database; its moves are beside it, in `plans.py`."""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from equipment.models import Equipment, Team
from faultreporter.accounts.models import User
from faultreporter.db import SoftDeleteModel
from telemetry.models import Metric
from workorders.models.checklists import ChecklistTemplate
from workorders.models.planning import LONGEST_JOB
from workorders.models.record import WorkOrderRecord
from workorders.recurrence import Recurrence

if TYPE_CHECKING:
    from workorders.models.plan_history import PlanMeter


class PlanRecord(SoftDeleteModel):
    """The stored facts of a maintenance plan."""

    class Trigger(models.TextChoices):
        CALENDAR = "CALENDAR", _("Calendar")
        METER = "METER", _("Counter")
        BOTH = "BOTH", _("Calendar or counter, whichever comes first")

    class Schedule(models.TextChoices):
        FIXED = "FIXED", _("Fixed: by the rule, whatever happened")
        FLOATING = "FLOATING", _("Floating: counted from when it was last done")

    class Type(models.TextChoices):
        PREVENTIVE = "PREVENTIVE", _("Preventive")
        INSPECTION = "INSPECTION", _("Inspection")
        CALIBRATION = "CALIBRATION", _("Calibration")

    BY_CALENDAR: ClassVar = ("CALENDAR", "BOTH")
    BY_METER: ClassVar = ("METER", "BOTH")

    equipment = models.ForeignKey(
        Equipment, models.PROTECT, related_name="maintenance_plans", db_index=False, verbose_name=_("equipment")
    )
    title = models.CharField(_("title"), max_length=200, help_text=_("What its orders will be called."))
    description = models.TextField(_("description"), blank=True)
    type = models.CharField(_("type"), max_length=12, choices=Type, default=Type.PREVENTIVE)
    priority = models.CharField(
        _("priority"), max_length=10, choices=WorkOrderRecord.Priority, default=WorkOrderRecord.Priority.MEDIUM
    )
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger, default=Trigger.CALENDAR)
    schedule = models.CharField(_("schedule"), max_length=10, choices=Schedule, default=Schedule.FIXED)

    rule = models.CharField(
        _("rule"), max_length=200, blank=True,
        help_text=_("RFC 5545: FREQ=MONTHLY;INTERVAL=3 or FREQ=MONTHLY;BYDAY=1MO, without DTSTART, COUNT and UNTIL."),
    )  # fmt: skip
    start_date = models.DateField(
        _("starts on"), null=True, blank=True, help_text=_("When it is due for the first time, by the site's calendar.")
    )
    due_time = models.TimeField(_("due at"), default=time(8), help_text=_("By the site's clock."))
    ends_on = models.DateField(_("ends on"), null=True, blank=True, help_text=_("The last day it may be due."))
    lead_days = models.PositiveSmallIntegerField(
        _("lead time in days"), default=7, validators=[MaxValueValidator(365)],
        help_text=_("The order is made so long before it is due; that of a counter is due so long after."),
    )  # fmt: skip
    tolerance_days = models.PositiveSmallIntegerField(
        _("tolerance in days"), default=3, validators=[MaxValueValidator(365)],
        help_text=_("Done so long after it was due still counts as on time."),
    )  # fmt: skip

    metric = models.ForeignKey(
        Metric, models.PROTECT, null=True, blank=True, related_name="maintenance_plans", verbose_name=_("counter"),
        help_text=_("A metric that only grows, such as running hours."),
    )  # fmt: skip
    meter_interval = models.FloatField(
        _("every"), null=True, blank=True, validators=[MinValueValidator(0.001)], help_text=_("In the counter's unit.")
    )
    meter_base = models.FloatField(
        _("counted from"), null=True, blank=True,
        help_text=_("What the counter showed when it was last done; what it shows now if left out."),
    )  # fmt: skip

    estimated_minutes = models.PositiveIntegerField(
        _("estimated minutes"), null=True, blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_JOB)],
    )  # fmt: skip
    checklist = models.ForeignKey(
        ChecklistTemplate, models.PROTECT, null=True, blank=True, related_name="maintenance_plans",
        verbose_name=_("checklist"), help_text=_("Its lines become the tasks of every order."),
    )  # fmt: skip
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="maintenance_plans",
        verbose_name=_("assigned to"),
    )  # fmt: skip
    assigned_team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="maintenance_plans", verbose_name=_("assigned team")
    )

    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True, editable=False)
    paused_until = models.DateField(_("paused until"), null=True, blank=True, editable=False)
    pause_reason = models.TextField(_("reason for the pause"), blank=True, editable=False)
    next_due_at = models.DateTimeField(_("next due"), null=True, blank=True, editable=False)
    # next_due_at less the lead time; a column because the beat asks for it every few minutes
    generate_at = models.DateTimeField(_("order comes"), null=True, blank=True, editable=False)
    last_completed_at = models.DateTimeField(_("last done"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("created by"),
    )  # fmt: skip

    class Meta:
        abstract = True
        db_table = "maintenance_plans"
        verbose_name = _("maintenance plan")
        verbose_name_plural = _("maintenance plans")
        constraints = [
            models.UniqueConstraint(
                fields=["equipment", "title"],
                condition=Q(deleted_at=None),
                name="uniq_maintenance_plans_title_living",
                violation_error_message=_("This machine has a plan with this title already."),
            ),
            models.CheckConstraint(
                condition=(Q(trigger="METER", rule="", next_due_at=None))
                | (Q(trigger__in=("CALENDAR", "BOTH"), start_date__isnull=False) & ~Q(rule="")),
                name="check_maintenance_plans_calendar",
                violation_error_message=_("A calendar needs a rule and a start; a counter alone has no rule."),
            ),
            models.CheckConstraint(
                condition=Q(trigger="CALENDAR", metric=None, meter_interval=None, meter_base=None)
                | Q(trigger__in=("METER", "BOTH"), metric__isnull=False, meter_interval__gt=0),
                name="check_maintenance_plans_meter",
                violation_error_message=_("A counter needs its metric and an interval; a calendar alone has neither."),
            ),
            models.CheckConstraint(
                condition=Q(assigned_to=None) | Q(assigned_team=None),
                name="check_maintenance_plans_assignee",
                violation_error_message=_("Name a person or a team, not both."),
            ),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=False) | Q(paused_until=None, pause_reason=""),
                name="check_maintenance_plans_paused",
            ),
        ]
        indexes = [
            # GET /maintenance-plans?ordering=next_due_at, the horizon
            models.Index(fields=["next_due_at", "id"], condition=Q(deleted_at=None), name="idx_plans_due"),
            # the beat: plans whose order is to be made
            models.Index(
                fields=["generate_at"],
                condition=Q(deleted_at=None, generate_at__isnull=False),
                name="idx_plans_generate",
            ),
            # the plans of one machine: GET /equipment/{id}/maintenance-plans
            models.Index(fields=["equipment"], condition=Q(deleted_at=None), name="idx_plans_equipment"),
        ]

    if TYPE_CHECKING:
        meter: PlanMeter

    def __str__(self) -> str:
        return self.title

    def concerns(self, user: User) -> bool:
        return user.pk == self.assigned_to_id or self.equipment.concerns(user)

    def zone_info(self) -> ZoneInfo:
        """The time zone of the site: its clock says when the work is due."""
        place = self.equipment.location
        return place.zone_info() if place else ZoneInfo(settings.TIME_ZONE)

    def recurrence(self) -> Recurrence | None:
        """When it comes round by the calendar; None for a counter alone."""
        if self.trigger not in self.BY_CALENDAR or self.start_date is None:
            return None
        return Recurrence(self.rule, self.start_date, self.due_time, self.zone_info())

    @property
    def is_floating(self) -> bool:
        return self.schedule == self.Schedule.FLOATING

    def rule_in_words(self) -> str:
        recurrence = self.recurrence()
        return recurrence.words(floating=self.is_floating) if recurrence else ""

    def is_paused(self, at: datetime) -> bool:
        return self.paused_at is not None and (self.paused_until is None or self.paused_until > at.date())

    def is_active(self, at: datetime) -> bool:
        """Whether it will make orders: not deleted, paused or over, on a machine in service."""
        return not (self.deleted_at or self.is_paused(at) or self.has_ended(at)) and self.is_in_service(at)

    def is_in_service(self, at: datetime) -> bool:
        machine = self.equipment
        return machine.deleted_at is None and (machine.retired_date is None or machine.retired_date > at.date())

    def has_ended(self, at: datetime) -> bool:
        by_calendar = self.trigger == self.Trigger.CALENDAR and self.next_due_at is None
        return by_calendar or (self.ends_on is not None and self.ends_on < self.today(at))

    def today(self, at: datetime) -> date:
        return at.astimezone(self.zone_info()).date()

    def minutes(self) -> int:
        """How long one order takes, an hour where nobody said."""
        return self.estimated_minutes or WorkOrderRecord.USUAL_MINUTES

    def is_overdue(self, at: datetime | None = None) -> bool:
        return self.next_due_at is not None and self.next_due_at < (at or timezone.now())

    def late_after(self, due_at: datetime) -> datetime:
        return due_at + timedelta(days=self.tolerance_days)
