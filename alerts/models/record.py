"""What an alert is in the database; its moves are beside it, in `alert.py`."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alerts.models.hold import MachineHold
from alerts.models.queryset import UNRESOLVED
from alerts.models.timeline import KeepsTimeline
from equipment.models import Equipment
from faultreporter.attachments.models import Attachment
from faultreporter.db import SoftDeleteModel


class AlertRecord(KeepsTimeline, MachineHold, SoftDeleteModel):
    """The stored facts of an alert."""

    class Source(models.TextChoices):
        REPORT = "REPORT", _("Report")
        RULE = "RULE", _("Rule")
        ANOMALY = "ANOMALY", _("Anomaly")
        AI = "AI", _("AI")
        PUBLIC = "PUBLIC", _("Public report")

    class Severity(models.TextChoices):
        LOW = "LOW", _("Low")
        MEDIUM = "MEDIUM", _("Medium")
        HIGH = "HIGH", _("High")
        CRITICAL = "CRITICAL", _("Critical")

    class Status(models.TextChoices):
        OPEN = "OPEN", _("Open")
        ACKNOWLEDGED = "ACKNOWLEDGED", _("Acknowledged")
        RESOLVED = "RESOLVED", _("Resolved")

    class Resolution(models.TextChoices):
        FIXED = "FIXED", _("Fixed")
        SELF_CLEARED = "SELF_CLEARED", _("Cleared by itself")
        FALSE_ALARM = "FALSE_ALARM", _("False alarm")
        DUPLICATE = "DUPLICATE", _("Duplicate")

    equipment = models.ForeignKey(
        Equipment, models.PROTECT, related_name="alerts", db_index=False, verbose_name=_("equipment")
    )
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.REPORT)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity, default=Severity.MEDIUM)
    status = models.CharField(_("status"), max_length=15, choices=Status, default=Status.OPEN, editable=False)

    occurred_at = models.DateTimeField(_("occurred at"), default=timezone.now)
    last_occurred_at = models.DateTimeField(_("last occurred at"), default=timezone.now, editable=False)
    occurrences = models.PositiveIntegerField(_("occurrences"), default=1, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    reported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="reported_alerts",
        db_index=False, verbose_name=_("reported by"),
    )  # fmt: skip
    rule = models.ForeignKey(
        "telemetry.Rule", models.PROTECT, null=True, blank=True, editable=False, related_name="alerts"
    )
    series = models.ForeignKey(
        "telemetry.Series", models.PROTECT, null=True, blank=True, editable=False, related_name="alerts"
    )

    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True, blank=True, editable=False)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("acknowledged by"),
    )  # fmt: skip
    cleared_at = models.DateTimeField(_("condition cleared at"), null=True, blank=True, editable=False)
    silenced_until = models.DateTimeField(_("silenced until"), null=True, blank=True, editable=False)
    repaired_at = models.DateTimeField(
        _("repaired at"), null=True, blank=True, editable=False,
        help_text=_("When its work order was completed. While the rule still fires, the alert waits for it to clear."),
    )  # fmt: skip
    repaired_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("repaired by"),
    )  # fmt: skip
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True, editable=False)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("resolved by"),
    )  # fmt: skip
    resolution = models.CharField(_("resolution"), max_length=15, choices=Resolution, blank=True, editable=False)
    resolution_note = models.TextField(_("resolution note"), blank=True, editable=False)

    duplicate_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="duplicates",
        verbose_name=_("duplicate of"),
    )  # fmt: skip
    storm = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="storm_alerts",
        verbose_name=_("storm"),
        help_text=_("The first of many alerts that came from this machine within minutes; it speaks for them."),
    )  # fmt: skip

    equipment_down = models.BooleanField(
        _("machine is down"), default=False, help_text=_("The machine can't run because of this fault.")
    )
    attachments = models.ManyToManyField(Attachment, blank=True, related_name="alerts", verbose_name=_("attachments"))

    class Meta:
        abstract = True
        db_table = "alerts"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=Q(deleted_at=None, status__in=UNRESOLVED),
                name="uniq_alerts_fingerprint_living",
            ),
            models.CheckConstraint(
                condition=Q(status="OPEN", acknowledged_at=None, resolved_at=None, resolution="")
                | Q(status="ACKNOWLEDGED", acknowledged_at__isnull=False, resolved_at=None, resolution="")
                | (Q(status="RESOLVED", resolved_at__isnull=False) & ~Q(resolution="")),
                name="check_alerts_status",
            ),
            models.CheckConstraint(
                condition=Q(source="RULE", rule__isnull=False, series__isnull=False)
                | (~Q(source="RULE") & Q(rule=None, cleared_at=None)),
                name="check_alerts_rule",
            ),
            models.CheckConstraint(
                condition=Q(downtime__isnull=False) | Q(downtime_released_at=None), name="check_alerts_downtime"
            ),
            models.CheckConstraint(
                condition=Q(duplicate_of=None) | Q(status="RESOLVED", resolution="DUPLICATE"),
                name="check_alerts_duplicate",
            ),
            models.CheckConstraint(
                condition=Q(occurrences__gte=1, last_occurred_at__gte=models.F("occurred_at")),
                name="check_alerts_occurrences",
            ),
        ]
        indexes = [
            # GET /alerts, newest first; and what has a severity is counted, in whatever status
            models.Index(
                fields=["-created_at", "-id"],
                include=["status", "severity"],
                condition=Q(deleted_at=None),
                name="idx_alerts_list",
            ),
            # GET /alerts?status=OPEN,ACKNOWLEDGED: few among very many
            models.Index(
                fields=["-created_at", "-id"],
                condition=Q(deleted_at=None, status__in=UNRESOLVED),
                name="idx_alerts_unresolved",
            ),
            # the alerts of one machine: GET /equipment/{id}/alerts
            models.Index(
                fields=["equipment", "-created_at", "-id"], condition=Q(deleted_at=None), name="idx_alerts_equipment"
            ),
            # alert_count and has_open_alerts of equipment
            models.Index(
                fields=["equipment"],
                condition=Q(deleted_at=None, status__in=UNRESOLVED),
                name="idx_alerts_equipment_open",
            ),
            # GET /alerts?reported_by_me=true and /me/alerts
            models.Index(
                fields=["reported_by", "-created_at", "-id"],
                condition=Q(reported_by__isnull=False),
                name="idx_alerts_reporter",
            ),
            # GET /alerts?occurred_after=&occurred_before=
            models.Index(fields=["-occurred_at"], condition=Q(deleted_at=None), name="idx_alerts_occurred"),
            # GET /alerts/stats: resolved in the last days
            models.Index(
                fields=["resolved_at"], condition=Q(deleted_at=None, status="RESOLVED"), name="idx_alerts_resolved"
            ),
            # ?search= (icontains is UPPER(…) LIKE UPPER(…))
            GinIndex(
                OpClass(Upper("title"), name="gin_trgm_ops"),
                OpClass(Upper("description"), name="gin_trgm_ops"),
                name="idx_alerts_search",
            ),
        ]
