from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from alerts.models.timeline import TimelineEvent
from faultreporter.webhooks.catalogue import declare

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder  # noqa: F401 - names the foreign key's target for the type checker


class WorkOrderEvent(TimelineEvent):
    """One line of a work order's timeline: which move was made, when, and by whose hand."""

    class Kind(models.TextChoices):
        RAISED = "RAISED", _("Raised")
        EDITED = "EDITED", _("Edited")
        COMMENTED = "COMMENTED", _("Commented")
        ATTACHED = "ATTACHED", _("Files added")
        ASSIGNED = "ASSIGNED", _("Assigned")
        SCHEDULED = "SCHEDULED", _("Scheduled")
        STARTED = "STARTED", _("Started")
        HELD = "HELD", _("Put on hold")
        RESUMED = "RESUMED", _("Resumed")
        COMPLETED = "COMPLETED", _("Completed")
        BOOKED = "BOOKED", _("Hours or costs")
        CLOSED = "CLOSED", _("Closed")
        DOWNTIME = "DOWNTIME", _("Downtime judged")
        REOPENED = "REOPENED", _("Reopened")
        CANCELLED = "CANCELLED", _("Cancelled")
        TASKS_ADDED = "TASKS_ADDED", _("Tasks added")
        TASK_FAILED = "TASK_FAILED", _("Task failed")
        TASK_SKIPPED = "TASK_SKIPPED", _("Task skipped")
        TASK_REOPENED = "TASK_REOPENED", _("Task reopened")
        RELATED = "RELATED", _("Linked to another order")
        UNRELATED = "UNRELATED", _("Link to another order removed")
        SIGNED = "SIGNED", _("Signed")
        SLA_AT_RISK = "SLA_AT_RISK", _("Target at risk")
        SLA_BREACHED = "SLA_BREACHED", _("Target missed")
        SLA_WITHDRAWN = "SLA_WITHDRAWN", _("In time after all")
        DELETED = "DELETED", _("Deleted")
        RESTORED = "RESTORED", _("Restored")

    work_order = models.ForeignKey("workorders.WorkOrder", models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)

    class Meta(TimelineEvent.Meta):
        db_table = "work_order_events"
        indexes = [
            # the timeline of one order, newest first
            models.Index(fields=["work_order", "-at", "-id"], name="idx_work_order_events_timeline"),
        ]


declare("work_order", WorkOrderEvent.Kind.choices)
