from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel


class EscalationOutage(TimeStampedModel):
    """A time in which escalations stood still though they should have moved: no worker, no beat, or a step that fails.

    The watchdog opens one, tells the administrators once, and ends it when everything moves again.
    """

    audited: ClassVar[bool] = False  # only the watchdog writes here

    is_open = models.BooleanField(_("still stands"), default=True)
    started_at = models.DateTimeField(_("noticed at"))
    ended_at = models.DateTimeField(_("moving again at"), null=True)
    overdue = models.PositiveIntegerField(_("escalations, at most"))
    oldest_due_at = models.DateTimeField(_("the first was due at"))
    told_at = models.DateTimeField(_("mailed at"), null=True, help_text=_("When the administrators were written to."))

    class Meta:
        db_table = "escalation_outages"
        verbose_name = _("escalation outage")
        verbose_name_plural = _("escalation outages")
        ordering = ("-started_at",)
        constraints = [
            models.UniqueConstraint(fields=["is_open"], condition=Q(is_open=True), name="uniq_escalation_outages_open"),
            models.CheckConstraint(
                condition=Q(is_open=True, ended_at=None) | Q(is_open=False, ended_at__isnull=False),
                name="check_escalation_outages_ended",
            ),
        ]
        indexes = [
            # the list in the back office, newest first
            models.Index(fields=["-started_at"], name="idx_escalation_outages_list"),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"
