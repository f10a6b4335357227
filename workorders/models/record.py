"""What a work order is in the database; its moves are beside it, in `order.py`."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from alerts.models import Alert
from alerts.models.hold import MachineHold
from alerts.models.timeline import KeepsTimeline
from equipment.models import Equipment
from faultreporter.attachments.models import Attachment
from faultreporter.db import SoftDeleteModel
from workorders.models.clocks import KeepsPromises
from workorders.models.planning import Planned
from workorders.models.states import UNFINISHED


def default_currency() -> str:
    return str(settings.CURRENCY)


class WorkOrderRecord(KeepsTimeline, KeepsPromises, MachineHold, Planned, SoftDeleteModel):
    """The stored facts of a work order."""

    class Type(models.TextChoices):
        CORRECTIVE = "CORRECTIVE", _("Corrective")
        PREVENTIVE = "PREVENTIVE", _("Preventive")
        INSPECTION = "INSPECTION", _("Inspection")
        CALIBRATION = "CALIBRATION", _("Calibration")
        IMPROVEMENT = "IMPROVEMENT", _("Improvement")

    class Priority(models.TextChoices):
        LOW = "LOW", _("Low")
        MEDIUM = "MEDIUM", _("Medium")
        HIGH = "HIGH", _("High")
        CRITICAL = "CRITICAL", _("Critical")

    class Status(models.TextChoices):
        OPEN = "OPEN", _("Open")
        ASSIGNED = "ASSIGNED", _("Assigned")
        IN_PROGRESS = "IN_PROGRESS", _("In progress")
        ON_HOLD = "ON_HOLD", _("On hold")
        COMPLETED = "COMPLETED", _("Completed")
        CLOSED = "CLOSED", _("Closed")
        CANCELLED = "CANCELLED", _("Cancelled")

    number = models.CharField(_("number"), max_length=20, unique=True, editable=False)
    equipment = models.ForeignKey(
        Equipment, models.PROTECT, related_name="work_orders", db_index=False, verbose_name=_("equipment")
    )
    alert = models.ForeignKey(
        Alert, models.PROTECT, null=True, blank=True, editable=False, related_name="work_orders",
        verbose_name=_("alert"),
    )  # fmt: skip
    plan = models.ForeignKey(
        "workorders.MaintenancePlan", models.PROTECT, null=True, blank=True, editable=False, related_name="work_orders",
        verbose_name=_("maintenance plan"),
    )  # fmt: skip
    type = models.CharField(_("type"), max_length=12, choices=Type, default=Type.CORRECTIVE)
    priority = models.CharField(_("priority"), max_length=10, choices=Priority, default=Priority.MEDIUM)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.OPEN, editable=False)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("created by"),
    )  # fmt: skip

    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="work_orders",
        db_index=False, verbose_name=_("assigned to"),
    )  # fmt: skip
    assigned_at = models.DateTimeField(_("assigned at"), null=True, blank=True, editable=False)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True, editable=False)
    hold_reason = models.TextField(_("reason for the hold"), blank=True, editable=False)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True, editable=False)
    completed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("completed by"),
    )  # fmt: skip
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True, editable=False)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True, editable=False)
    cancel_reason = models.TextField(_("reason for cancelling"), blank=True, editable=False)

    resolution = models.TextField(_("resolution"), blank=True, editable=False, help_text=_("What was done."))
    cause = models.TextField(_("cause"), blank=True, editable=False)
    remedy = models.TextField(_("remedy"), blank=True, editable=False)
    labour_minutes = models.PositiveIntegerField(_("labour in minutes"), null=True, blank=True)
    labour_cost = models.DecimalField(
        _("labour cost"), max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    parts_cost = models.DecimalField(
        _("cost of parts"), max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    other_cost = models.DecimalField(
        _("other cost"), max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3, default=default_currency, editable=False)
    attachments = models.ManyToManyField(
        Attachment, through="WorkOrderAttachment", blank=True, related_name="work_orders",
        verbose_name=_("attachments"),
    )  # fmt: skip

    class Meta:
        abstract = True
        db_table = "work_orders"
        verbose_name = _("work order")
        verbose_name_plural = _("work orders")
        constraints = [
            models.UniqueConstraint(
                fields=["alert"],
                condition=Q(deleted_at=None, status__in=UNFINISHED),
                name="uniq_work_orders_alert_living",
            ),
            models.UniqueConstraint(
                fields=["plan"],
                condition=Q(deleted_at=None, status__in=UNFINISHED),
                name="uniq_work_orders_plan_living",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("OPEN", "CANCELLED"))
                | Q(assigned_to__isnull=False, assigned_at__isnull=False)
                | Q(status="ASSIGNED", assigned_team__isnull=False, assigned_at__isnull=False),
                name="check_work_orders_assigned",
            ),
            models.CheckConstraint(
                condition=Q(planned_start_at=None) | Q(planned_date__isnull=False), name="check_work_orders_planned"
            ),
            models.CheckConstraint(
                condition=Q(status__in=("OPEN", "ASSIGNED", "CANCELLED")) | Q(started_at__isnull=False),
                name="check_work_orders_started",
            ),
            models.CheckConstraint(
                condition=(Q(status="ON_HOLD") & ~Q(hold_reason="")) | (~Q(status="ON_HOLD") & Q(hold_reason="")),
                name="check_work_orders_hold",
            ),
            models.CheckConstraint(
                condition=(Q(status__in=("COMPLETED", "CLOSED"), completed_at__isnull=False) & ~Q(resolution=""))
                | (~Q(status__in=("COMPLETED", "CLOSED")) & Q(completed_at=None)),
                name="check_work_orders_completed",
            ),
            models.CheckConstraint(
                condition=Q(no_failure_found=False) | Q(failure_mode=None), name="check_work_orders_findings"
            ),
            models.CheckConstraint(
                condition=Q(status="CLOSED", closed_at__isnull=False) | (~Q(status="CLOSED") & Q(closed_at=None)),
                name="check_work_orders_closed",
            ),
            models.CheckConstraint(
                condition=(Q(status="CANCELLED", cancelled_at__isnull=False) & ~Q(cancel_reason=""))
                | (~Q(status="CANCELLED") & Q(cancelled_at=None, cancel_reason="")),
                name="check_work_orders_cancelled",
            ),
            models.CheckConstraint(
                condition=(Q(labour_cost=None) | Q(labour_cost__gte=0))
                & (Q(parts_cost=None) | Q(parts_cost__gte=0))
                & (Q(other_cost=None) | Q(other_cost__gte=0)),
                name="check_work_orders_costs",
            ),
        ]
        indexes = [
            # GET /work-orders, newest first
            models.Index(fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="idx_work_orders_list"),
            # the unfinished ones, few among very many
            models.Index(
                fields=["-created_at", "-id"],
                condition=Q(deleted_at=None, status__in=UNFINISHED),
                name="idx_work_orders_unfinished",
            ),
            # GET /work-orders?status=: the page in its order; and what has a status, a priority or a type is counted
            models.Index(
                fields=["status", "-created_at", "-id"],
                include=["priority", "type"],
                condition=Q(deleted_at=None),
                name="idx_work_orders_status",
            ),
            # the orders of one machine: GET /equipment/{id}/work-orders
            models.Index(
                fields=["equipment", "-created_at", "-id"],
                condition=Q(deleted_at=None),
                name="idx_work_orders_equipment",
            ),
            # GET /me/work-orders and ?assigned_to=
            models.Index(
                fields=["assigned_to", "-created_at", "-id"],
                condition=Q(deleted_at=None, assigned_to__isnull=False),
                name="idx_work_orders_assignee",
            ),
            # what a team was given and nobody of it has taken: GET /me/work-orders, ?assigned_team=
            models.Index(
                fields=["assigned_team", "-created_at", "-id"],
                condition=Q(deleted_at=None, assigned_team__isnull=False),
                name="idx_work_orders_team",
            ),
            # the calendar and the workload: what is planned for a span of days
            models.Index(
                fields=["planned_date"],
                condition=Q(deleted_at=None, planned_date__isnull=False),
                name="idx_work_orders_planned",
            ),
            # ?overdue=true, ?due_before=
            models.Index(
                fields=["due_at"],
                condition=Q(deleted_at=None, status__in=UNFINISHED, due_at__isnull=False),
                name="idx_work_orders_due",
            ),
            # the same for what nobody gave a due time: its restore target
            models.Index(
                fields=["restore_due_at"],
                condition=Q(deleted_at=None, status__in=UNFINISHED, restore_due_at__isnull=False),
                name="idx_work_orders_restore_due",
            ),
            # the sweep of the clocks, every minute: those that have something to say
            models.Index(
                fields=["sla_next_at"],
                condition=Q(deleted_at=None, sla_next_at__isnull=False),
                name="idx_work_orders_sla_next",
            ),
            # the costs of a quarter, by when the work was completed
            models.Index(
                fields=["completed_at"],
                condition=Q(deleted_at=None, completed_at__isnull=False),
                name="idx_work_orders_completed",
            ),
            # ?search= (icontains is UPPER(…) LIKE UPPER(…))
            GinIndex(
                OpClass(Upper("number"), name="gin_trgm_ops"),
                OpClass(Upper("title"), name="gin_trgm_ops"),
                OpClass(Upper("description"), name="gin_trgm_ops"),
                name="idx_work_orders_search",
            ),
        ]
