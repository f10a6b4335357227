from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder  # noqa: F401 - names the foreign key's target for the type checker


class WorkOrderEvent(TimeStampedModel):
    """One line of a work order's timeline: which move was made, when, and by whose hand."""

    class Kind(models.TextChoices):
        RAISED = "RAISED", _("Raised")
        EDITED = "EDITED", _("Edited")
        ATTACHED = "ATTACHED", _("Files added")
        ASSIGNED = "ASSIGNED", _("Assigned")
        STARTED = "STARTED", _("Started")
        HELD = "HELD", _("Put on hold")
        RESUMED = "RESUMED", _("Resumed")
        COMPLETED = "COMPLETED", _("Completed")
        CLOSED = "CLOSED", _("Closed")
        REOPENED = "REOPENED", _("Reopened")
        CANCELLED = "CANCELLED", _("Cancelled")
        DELETED = "DELETED", _("Deleted")
        RESTORED = "RESTORED", _("Restored")

    work_order = models.ForeignKey("workorders.WorkOrder", models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    at = models.DateTimeField(_("at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("by"),
    )
    note = models.TextField(_("note"), blank=True)
    data = models.JSONField(_("data"), default=dict, blank=True)

    class Meta:
        db_table = "work_order_events"
        verbose_name = _("timeline entry")
        verbose_name_plural = _("timeline")
        ordering = ("-at", "-id")
        indexes = [
            # the timeline of one order, newest first
            models.Index(fields=["work_order", "-at", "-id"], name="idx_work_order_events_timeline"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"
