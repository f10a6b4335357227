"""The inbox: what a person was told."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from faultreporter.notifications.models.severity import Severity

if TYPE_CHECKING:
    from faultreporter.accounts.models import User


class NotificationQuerySet(TimeStampedQuerySet["Notification"]):
    def for_user(self, user: "User") -> Self:
        """One's own, whatever one's role."""
        return self.filter(user=user)

    def unread(self) -> Self:
        return self.filter(read_at=None)

    def unplanned(self) -> Self:
        return self.filter(planned_at=None)

    def mark_read(self, at: datetime) -> int:
        """Those that weren't read yet are now; says how many."""
        return self.unread().update(read_at=at)


class Notification(TimeStampedModel):
    """One line in a person's inbox: a machine of theirs has a fault, an order is theirs now.

    Push and e-mail only carry it; the inbox has everything. What it is about is kept as plain text, because it may be
    a record of any app.
    """

    Severity = Severity

    class Kind(models.TextChoices):
        ALERT_RAISED = "ALERT_RAISED", _("New alert")
        ALERT_ESCALATED = "ALERT_ESCALATED", _("Alert escalated")
        ALERT_REMINDER = "ALERT_REMINDER", _("Alert not acknowledged yet")
        ALERT_UPDATED = "ALERT_UPDATED", _("News on an alert")
        ALERT_RESOLVED = "ALERT_RESOLVED", _("Alert resolved")
        ORDER_ASSIGNED = "ORDER_ASSIGNED", _("Work order assigned")
        ORDER_UPDATED = "ORDER_UPDATED", _("News on a work order")
        ORDER_OVERDUE = "ORDER_OVERDUE", _("Work order overdue")
        SLA_AT_RISK = "SLA_AT_RISK", _("Service target at risk")
        SLA_BREACHED = "SLA_BREACHED", _("Service target missed")
        PLAN_DUE = "PLAN_DUE", _("Maintenance due")
        PART_LOW = "PART_LOW", _("Spare part running low")
        ANALYSIS_FINISHED = "ANALYSIS_FINISHED", _("Analysis finished")
        SYSTEM = "SYSTEM", _("From the system")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notifications", db_index=False, verbose_name=_("person")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity, default=Severity.MEDIUM)
    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), blank=True)
    subject_type = models.CharField(_("about a"), max_length=60, help_text=_("As in alerts.alert."))
    subject_id = models.CharField(_("id of what it is about"), max_length=40)
    group = models.CharField(_("group"), max_length=100, help_text=_("Those of one group share a push."))
    about = models.CharField(_("name of the group"), max_length=200, blank=True)
    key = models.CharField(_("key"), max_length=200, help_text=_("A person is told once per key, ever."))
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)
    # When it was decided how to carry it to the person; empty while nobody has.
    planned_at = models.DateTimeField(_("planned at"), null=True, blank=True, editable=False)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        db_table = "notifications"
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ("-created_at", "-id")
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="uniq_notifications_user_key")]
        indexes = [
            # GET /me/notifications, newest first
            models.Index(fields=["user", "-created_at", "-id"], name="idx_notifications_inbox"),
            # ?unread=true, and the number in the bell
            models.Index(
                fields=["user", "-created_at", "-id"], condition=models.Q(read_at=None), name="idx_notifications_unread"
            ),
            # those whose push and e-mail aren't decided yet
            models.Index(
                fields=["created_at"], condition=models.Q(planned_at=None), name="idx_notifications_unplanned"
            ),
            # what pruning removes
            models.Index(fields=["read_at"], condition=models.Q(read_at__isnull=False), name="idx_notifications_read"),
        ]

    def __str__(self) -> str:
        return self.title

    def mark_read(self, *, by: "User", at: datetime) -> None:
        """Reading twice keeps the first time."""
        if Notification.objects.filter(pk=self.pk).mark_read(at):
            self.read_at = at
