from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from aiassist.models.analyses import Analysis
from alerts.models import Alert
from equipment.models import FailureMode
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from workorders.models import WorkOrder


class AnalysisReview(TimeStampedModel):
    """What a person made of an answer: who, when, and what came of it. The latest word counts; each is audited."""

    class Verdict(models.TextChoices):
        ACCEPTED = "ACCEPTED", _("Accepted")
        EDITED = "EDITED", _("Accepted with changes")
        REJECTED = "REJECTED", _("Rejected")

    audited: ClassVar[bool] = True

    analysis = models.OneToOneField(Analysis, models.CASCADE, related_name="review", verbose_name=_("analysis"))
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict.choices)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("reviewed by")
    )
    reviewed_at = models.DateTimeField(_("reviewed at"))
    note = models.TextField(_("note"), max_length=2000, blank=True)
    failure_mode = models.ForeignKey(
        FailureMode, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("failure mode"),
        help_text=_("What the person says it is. Empty: what the answer says first."),
    )  # fmt: skip
    severity = models.CharField(
        _("severity"), max_length=10, choices=Analysis.Severity.choices, blank=True,
        help_text=_("What the person says it is. Empty: what the answer says."),
    )  # fmt: skip
    alert = models.ForeignKey(
        Alert, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("alert made of it")
    )
    work_order = models.ForeignKey(
        WorkOrder, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("work order made of it")
    )

    objects = TimeStampedQuerySet.as_manager()

    class Meta:
        db_table = "ai_reviews"
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ("-reviewed_at", "-id")

    def __str__(self) -> str:
        return self.get_verdict_display()
