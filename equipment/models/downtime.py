"""The status log: each row says that a machine was down, in which way, from when to when, and whether it counts."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models, transaction
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet

if TYPE_CHECKING:
    from equipment.models.equipment import Equipment


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class StatusIntervalQuerySet(TimeStampedQuerySet["StatusInterval"]):
    def open(self) -> Self:
        return self.filter(ended_at=None)

    def overlapping(self, start: datetime, end: datetime) -> Self:
        """Those with any time in [start, end)."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=start), started_at__lt=end)


class StatusInterval(TimeStampedModel):
    """A stretch of time in which a machine was not simply running.

    ERROR is unplanned downtime, MAINTENANCE planned downtime, OFFLINE standby: not required to run. Several alerts,
    orders or people can hold the same interval; it ends when the last of them lets go.
    """

    class Status(models.TextChoices):
        ERROR = "ERROR", _("Error")
        MAINTENANCE = "MAINTENANCE", _("Maintenance")
        OFFLINE = "OFFLINE", _("Offline")

    class Source(models.TextChoices):
        MANUAL = "MANUAL", _("Set by hand")
        ALERT = "ALERT", _("Alert")
        WORK_ORDER = "WORK_ORDER", _("Work order")
        IMPORT = "IMPORT", _("Import")

    class Exclusion(models.TextChoices):
        PLANNED = "PLANNED", _("Planned")
        FALSE_ALARM = "FALSE_ALARM", _("False alarm")
        CANCELLED = "CANCELLED", _("Cancelled")
        EXTERNAL_SUPPLY = "EXTERNAL_SUPPLY", _("External supply lost")
        DUPLICATE = "DUPLICATE", _("Duplicate")

    audited: ClassVar[bool] = True

    equipment = models.ForeignKey(
        "equipment.Equipment", models.PROTECT, related_name="status_log", verbose_name=_("equipment")
    )
    status = models.CharField(_("status"), max_length=11, choices=Status.choices)
    started_at = models.DateTimeField(_("from"))
    ended_at = models.DateTimeField(_("to"), null=True, blank=True, help_text=_("Empty: it still is."))
    reason = models.TextField(_("reason"), blank=True)
    source = models.CharField(_("source"), max_length=10, choices=Source.choices)
    counts_as_failure = models.BooleanField(_("counts as a failure"), default=False)
    exclusion_reason = models.CharField(
        _("why it doesn't count"), max_length=15, choices=Exclusion.choices, blank=True, default=""
    )
    holders = models.PositiveSmallIntegerField(
        _("holders"), default=1, editable=False, help_text=_("How many alerts, orders and people keep it open.")
    )
    # At most one of the holders is a person's own entry; set_status() takes and drops that one.
    held_by_hand = models.BooleanField(_("held by hand"), default=False, editable=False)
    # The latest genuine release so far: offline phones report late, the machine was down until the last of them.
    released_until = models.DateTimeField(null=True, blank=True, editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("started by")
    )
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("ended by")
    )

    objects = StatusIntervalQuerySet.as_manager()

    class Meta:
        db_table = "equipment_status_log"
        verbose_name = _("status interval")
        verbose_name_plural = _("status log")
        constraints = [
            # Also answers "which intervals of this machine touch the quarter" for the reliability numbers.
            ExclusionConstraint(
                name="excl_equipment_status_log_overlap",
                expressions=[
                    ("equipment", RangeOperators.EQUAL),
                    ("status", RangeOperators.EQUAL),
                    (TsTzRange("started_at", "ended_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="check_equipment_status_log_order"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, holders__gt=0) | Q(ended_at__isnull=False, holders=0, held_by_hand=False),
                name="check_equipment_status_log_open_is_held",
            ),
            models.CheckConstraint(
                condition=Q(counts_as_failure=False) | Q(status="ERROR", exclusion_reason=""),
                name="check_equipment_status_log_failure",
            ),
        ]
        indexes = [
            # GET /equipment/{id}/status-log, newest first; the latest end before an opening
            models.Index(fields=["equipment", "-started_at"], name="idx_status_log_equipment"),
            # failures that started in a quarter, over all machines
            models.Index(fields=["started_at"], condition=Q(counts_as_failure=True), name="idx_status_log_failures"),
            # intervals that end in or after a quarter: the nightly roll-up
            models.Index(fields=["ended_at"], name="idx_status_log_ended"),
            # the machines that are down now: the dashboard
            models.Index(fields=["status"], condition=Q(ended_at=None), name="idx_status_log_open"),
        ]

    def __str__(self) -> str:
        end = f"{self.ended_at:%Y-%m-%d %H:%M}" if self.ended_at else "…"
        return f"{self.get_status_display()} {self.started_at:%Y-%m-%d %H:%M} – {end}"

    @property
    def planned(self) -> bool:
        return self.status == self.Status.MAINTENANCE

    @classmethod
    def hold(
        cls, equipment: "Equipment", *, status: str, by: User | None, at: datetime, reason: str, source: str
    ) -> "StatusInterval":
        """Joins the open interval of this status or opens one; the caller has locked the machine.

        A start is never earlier than the end of the previous interval of the same status, and a late report of an
        earlier start moves the start of an open interval back.
        """
        by_hand = source == cls.Source.MANUAL
        start = max(at, cls._last_end(equipment, status) or at)
        interval = equipment.status_log.open().filter(status=status).first()
        if interval is None:
            return cls.objects.create(
                equipment=equipment,
                status=status,
                started_at=start,
                reason=reason,
                source=source,
                counts_as_failure=status == cls.Status.ERROR,
                exclusion_reason=cls.Exclusion.PLANNED if status == cls.Status.MAINTENANCE else "",
                held_by_hand=by_hand,
                started_by=by,
            )
        interval._join(start=start, by_hand=by_hand)
        return interval

    def _join(self, *, start: datetime, by_hand: bool) -> None:
        if not (by_hand and self.held_by_hand):
            self.holders += 1
        self.held_by_hand = self.held_by_hand or by_hand
        self.started_at = min(self.started_at, start)
        self.save(update_fields=["holders", "held_by_hand", "started_at"])

    @classmethod
    def _last_end(cls, equipment: "Equipment", status: str) -> datetime | None:
        last: datetime | None = equipment.status_log.filter(status=status).aggregate(last=models.Max("ended_at"))[
            "last"
        ]
        return last

    def release(self, *, by: User | None, at: datetime, exclusion_reason: str = "") -> bool:
        """One holder lets go; True if it was the last and the interval ended.

        It ends at the latest genuine release, never before its start. A hold that turns out to have been no failure
        is released with an exclusion reason: if no holder had a genuine one, the interval stops counting.
        """
        with transaction.atomic():
            self.equipment.lock()
            self.refresh_from_db()
            if self.ended_at:
                return False
            self._let_go(by=by, at=at, exclusion_reason=exclusion_reason, by_hand=False)
            self.equipment.refresh_status()
            return self.ended_at is not None

    def _let_go(self, *, by: User | None, at: datetime, exclusion_reason: str, by_hand: bool) -> None:
        self.holders -= 1
        self.held_by_hand = self.held_by_hand and not by_hand and self.holders > 0
        if not exclusion_reason:
            self.released_until = max(at, self.released_until or at)
        if self.holders == 0:
            self.ended_at = max(self.started_at, self.released_until or at)
            self.ended_by = by
            if self.released_until is None:
                self.counts_as_failure, self.exclusion_reason = False, exclusion_reason
        self.save()

    def exclude(self, *, reason: str, by: User | None) -> None:
        """Takes an interval out of the failure count afterwards, and says why; an empty reason lets it count again."""
        with transaction.atomic():
            self.equipment.lock()
            self.refresh_from_db()
            self.exclusion_reason = reason
            self.counts_as_failure = self.status == self.Status.ERROR and not reason
            self.save(update_fields=["exclusion_reason", "counts_as_failure"])
