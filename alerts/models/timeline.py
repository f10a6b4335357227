from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel

if TYPE_CHECKING:
    from alerts.models.alert import Alert  # noqa: F401 - names the foreign key's target for the type checker


class AlertEvent(TimeStampedModel):
    """One line of an alert's timeline: what happened to it, when, and by whose hand (nobody's: the system did it)."""

    class Kind(models.TextChoices):
        RAISED = "RAISED", _("Raised")
        REPEATED = "REPEATED", _("Reported again")
        FIRED_AGAIN = "FIRED_AGAIN", _("Condition returned")
        CLEARED = "CLEARED", _("Condition cleared")
        EDITED = "EDITED", _("Edited")
        ATTACHED = "ATTACHED", _("Files added")
        ACKNOWLEDGED = "ACKNOWLEDGED", _("Acknowledged")
        SILENCED = "SILENCED", _("Silenced")
        WORK_ORDER = "WORK_ORDER", _("Work order raised")
        REPAIRED = "REPAIRED", _("Repaired, condition not cleared yet")
        RESOLVED = "RESOLVED", _("Resolved")
        DISMISSED = "DISMISSED", _("Dismissed as a false alarm")
        REOPENED = "REOPENED", _("Reopened")
        DELETED = "DELETED", _("Deleted")
        RESTORED = "RESTORED", _("Restored")

    alert = models.ForeignKey("alerts.Alert", models.CASCADE, related_name="events", db_index=False)
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
        db_table = "alert_events"
        verbose_name = _("timeline entry")
        verbose_name_plural = _("timeline")
        ordering = ("-at", "-id")
        indexes = [
            # GET /alerts/{id}/timeline, newest first
            models.Index(fields=["alert", "-at", "-id"], name="idx_alert_events_timeline"),
            # "reported by me" also means: I was one of those who reported it again
            models.Index(fields=["by", "alert"], condition=models.Q(kind="REPEATED"), name="idx_alert_events_reporter"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"
