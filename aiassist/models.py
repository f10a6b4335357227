import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from faultreporter.attachments.models import Attachment
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet

if TYPE_CHECKING:
    from faultreporter.accounts.models import User

MAX_CLAIMS = 3
"""How often an analysis is tried before it is given up."""

WAKE_UP_GRACE = timedelta(seconds=20)
"""How long a published wake-up may take before the sweep publishes it again."""

LEASE = timedelta(seconds=12)
"""How long a worker holds an analysis without a sign of life. With the sweep every 15 s, a dead worker's
analysis is tried again within 30 s."""


class Severity(models.TextChoices):
    LOW = "LOW", _("Low")
    MEDIUM = "MEDIUM", _("Medium")
    HIGH = "HIGH", _("High")
    CRITICAL = "CRITICAL", _("Critical")


class Provider(models.TextChoices):
    """Who can be asked. AUTO means: the configured ones in their order, then the rule book."""

    OPENAI = "OPENAI", _("OpenAI")
    GEMINI = "GEMINI", _("Google Gemini")
    GROK = "GROK", _("xAI Grok")
    AUTO = "AUTO", _("Automatic")
    RULEBOOK = "RULEBOOK", _("Rule book (offline)")


class AnalysisQuerySet(TimeStampedQuerySet["Analysis"]):
    def unfinished(self) -> Self:
        return self.filter(status__in=(Analysis.Status.PENDING, Analysis.Status.RUNNING))

    def overdue(self, at: datetime) -> Self:
        """Waiting for a wake-up that got lost, or held by a worker that stopped giving signs of life."""
        return self.filter(
            Q(status=Analysis.Status.PENDING, wake_at__lte=at) | Q(status=Analysis.Status.RUNNING, claimed_until__lte=at)
        )

    def claimable(self, at: datetime) -> Self:
        return self.filter(
            Q(status=Analysis.Status.PENDING) | Q(status=Analysis.Status.RUNNING, claimed_until__lte=at)
        )


class Analysis(TimeStampedModel):
    """One question to the assistant: what is probably wrong with this machine, judging by photo, words and history?

    The row is the truth and the broker only a wake-up. A worker claims the row for a short lease, which it renews
    while it works; only the holder of the claim can finish it, so every analysis finishes exactly once. An answer
    changes nothing else: alerts and orders move only when a person accepts it.
    """

    class Status(models.TextChoices):
        PENDING = "PENDING", _("Pending")
        RUNNING = "RUNNING", _("Running")
        SUCCEEDED = "SUCCEEDED", _("Succeeded")
        FAILED = "FAILED", _("Failed")

    audited: ClassVar[bool] = True
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at", "wake_at", "claim_token", "claimed_until")

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="analyses",
        verbose_name=_("requested by"),
    )
    requested_provider = models.CharField(
        _("requested provider"), max_length=10, choices=Provider.choices, default=Provider.AUTO
    )
    equipment = models.ForeignKey(
        "equipment.Equipment",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="analyses",
        verbose_name=_("equipment"),
    )
    equipment_type = models.CharField(_("equipment type"), max_length=200, blank=True)
    alert = models.ForeignKey(
        "alerts.Alert", models.PROTECT, null=True, blank=True, related_name="analyses", verbose_name=_("alert")
    )
    description = models.TextField(_("description"), max_length=4000, blank=True)
    images = models.ManyToManyField(
        Attachment, through="AnalysisImage", related_name="analyses", verbose_name=_("images")
    )

    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    claims = models.PositiveSmallIntegerField(_("times claimed"), default=0)
    claim_token = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    wake_at = models.DateTimeField(editable=False)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    provider = models.CharField(_("answered by"), max_length=10, choices=Provider.choices, blank=True)
    model_name = models.CharField(_("model"), max_length=100, blank=True)
    prompt_version = models.CharField(_("prompt version"), max_length=50, blank=True)
    result = models.JSONField(_("result"), null=True, blank=True)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity.choices, blank=True)
    confidence = models.FloatField(
        _("confidence"), null=True, blank=True, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    needs_review = models.BooleanField(_("needs review"), default=False)
    review_reasons = ArrayField(models.CharField(max_length=40), verbose_name=_("review reasons"), default=list, blank=True)
    failure_code = models.CharField(_("failure code"), max_length=40, blank=True)
    failure_message = models.CharField(_("failure message"), max_length=500, blank=True)

    objects = AnalysisQuerySet.as_manager()

    class Meta:
        db_table = "ai_analyses"
        verbose_name = _("AI analysis")
        verbose_name_plural = _("AI analyses")
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(status="RUNNING", claim_token__isnull=False, claimed_until__isnull=False)
                | (~Q(status="RUNNING") & Q(claim_token=None, claimed_until=None)),
                name="check_ai_analyses_claim",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("PENDING", "RUNNING"), finished_at=None)
                | Q(status__in=("SUCCEEDED", "FAILED"), finished_at__isnull=False),
                name="check_ai_analyses_finished",
            ),
            models.CheckConstraint(
                condition=~Q(status="SUCCEEDED") | Q(result__isnull=False, confidence__isnull=False),
                name="check_ai_analyses_result",
            ),
            models.CheckConstraint(
                condition=Q(confidence=None) | Q(confidence__gte=0.0, confidence__lte=1.0),
                name="check_ai_analyses_confidence",
            ),
        ]
        indexes = [
            # the sweep for lost wake-ups and dead workers: only the few unfinished rows
            models.Index(
                fields=["wake_at"], name="idx_ai_analyses_unfinished", condition=Q(status__in=("PENDING", "RUNNING"))
            ),
            # list, newest first; one machine's; one alert's (by its foreign key's own index)
            models.Index(fields=["-created_at", "-id"], name="idx_ai_analyses_newest"),
            models.Index(fields=["equipment", "-created_at"], name="idx_ai_analyses_equipment"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} {self.created_at:%Y-%m-%d %H:%M}"


class AnalysisImage(models.Model):
    """A photograph an analysis looks at. Its position is the `image_index` that the answer's issues refer to."""

    analysis = models.ForeignKey(Analysis, models.CASCADE, related_name="image_rows")
    attachment = models.ForeignKey(Attachment, models.PROTECT, related_name="analysis_images")
    position = models.PositiveSmallIntegerField(_("position"))

    class Meta:
        db_table = "ai_analysis_images"
        verbose_name = _("analysed image")
        verbose_name_plural = _("analysed images")
        ordering = ("position",)
        constraints = [
            models.UniqueConstraint(fields=["analysis", "position"], name="uniq_ai_analysis_images_position"),
            models.UniqueConstraint(fields=["analysis", "attachment"], name="uniq_ai_analysis_images_attachment"),
        ]

    def __str__(self) -> str:
        return f"{self.position}"


class AnalysisAttempt(TimeStampedModel):
    """One call of one provider for an analysis: what was asked of whom, how it ended, how long it took.

    The ledger of what the assistant did; every attempt leaves a row, the failed and the lost ones too.
    """

    class Outcome(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        ANSWERED = "ANSWERED", _("Answered")
        INVALID = "INVALID", _("Answer not usable")
        REFUSED = "REFUSED", _("Refused to answer")
        ERROR = "ERROR", _("Provider failed")
        TIMEOUT = "TIMEOUT", _("Took too long")
        LOST = "LOST", _("Worker lost")

    analysis = models.ForeignKey(Analysis, models.CASCADE, related_name="attempts", verbose_name=_("analysis"))
    number = models.PositiveSmallIntegerField(_("number"))
    provider = models.CharField(_("provider"), max_length=10, choices=Provider.choices)
    model_name = models.CharField(_("model"), max_length=100, blank=True)
    prompt_version = models.CharField(_("prompt version"), max_length=50, blank=True)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    error_code = models.CharField(_("error code"), max_length=40, blank=True)
    error_message = models.CharField(_("error message"), max_length=500, blank=True)
    input_tokens = models.PositiveIntegerField(_("input tokens"), null=True, blank=True)
    output_tokens = models.PositiveIntegerField(_("output tokens"), null=True, blank=True)

    class Meta:
        db_table = "ai_attempts"
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=["analysis", "number"], name="uniq_ai_attempts_number"),
            models.CheckConstraint(
                condition=Q(outcome="RUNNING", finished_at=None) | (~Q(outcome="RUNNING") & Q(finished_at__isnull=False)),
                name="check_ai_attempts_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.get_provider_display()}: {self.get_outcome_display()}"
