from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Case, Q, When
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from aiassist.models import notices
from aiassist.models.attempts import AnalysisAttempt
from aiassist.models.claims import MAX_CLAIMS, RUN_ANALYSIS, Claimed
from aiassist.providers import registry
from alerts.models import Alert
from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.api.permissions import MANAGERS
from faultreporter.attachments.models import Attachment
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from faultreporter.errors import InvalidTransition, PermissionRefused
from faultreporter.outbox import publish
from locations.models import Location
from locations.scope import hidden_site_ids

SHORTEST_GRACE: Final = timedelta(seconds=12)
LONGEST_GRACE: Final = timedelta(seconds=60)
"""How long a published wake-up may take before the sweep publishes it again. It grows with the age of the analysis:
with all workers down for an hour a thousand waiting ones must not fill the broker."""

UNFINISHED: Final = ("PENDING", "RUNNING")


class AnalysisQuerySet(TimeStampedQuerySet["Analysis"]):
    def for_user(self, user: User) -> Self:
        """One's own; who handles faults sees those of every machine in sight too."""
        rows = self.filter(requested_by=user) if user.role == User.Role.REPORTER else self
        hidden = hidden_site_ids(user)
        if hidden:
            rows = rows.filter(Q(equipment=None) | Q(equipment__in=Equipment.objects.for_user(user)))
            rows = rows.exclude(site__in=hidden)
        return rows

    def finished(self) -> Self:
        return self.exclude(status__in=UNFINISHED)

    def unfinished(self) -> Self:
        return self.filter(status__in=UNFINISHED)

    def faults(self, *, start: datetime, end: datetime) -> Self:
        """Questions about faults that were put in [start, end)."""
        return self.filter(purpose="FAULT", created_at__gte=start, created_at__lt=end)

    def unjudged(self) -> Self:
        """Answers about faults that nobody has said a word about."""
        return self.filter(purpose="FAULT", status="SUCCEEDED", review=None)

    def doubtful(self) -> Self:
        """Those of them that a person should look at before anybody acts on them."""
        return self.unjudged().filter(needs_review=True)

    def worst_first(self) -> Self:
        """By severity, and of equal ones the oldest first: as a person should work them off."""
        ranks = [When(severity=name, then=rank) for rank, name in enumerate(reversed(Analysis.Severity.values))]
        return self.order_by(Case(*ranks, default=len(ranks)), "created_at", "id")

    def overdue(self, at: datetime) -> Self:
        """Waiting for a wake-up that got lost, or held by a worker that stopped giving signs of life."""
        return self.filter(Q(status="PENDING", wake_at__lte=at) | Q(status="RUNNING", claimed_until__lte=at))

    def claimable(self, at: datetime) -> Self:
        waiting = Q(status="PENDING") | Q(status="RUNNING", claimed_until__lte=at)
        return self.filter(waiting, claims__lt=MAX_CLAIMS)

    def ask(
        self,
        *,
        by: User | None,
        at: datetime,
        provider: str,
        images: Sequence[Attachment] = (),
        allow_fallback: bool | None = None,
        **question: Any,
    ) -> "Analysis":
        """Put a question and wake a worker, in the caller's transaction. `question`: equipment, alert, words.

        Who names a provider trusts that one with the facts and photographs: others see them only if allowed.
        """
        if allow_fallback is None or provider == Analysis.Provider.AUTO:
            allow_fallback = provider == Analysis.Provider.AUTO
        with transaction.atomic():
            analysis = self.create(
                requested_by=by, requested_provider=provider, allow_fallback=allow_fallback,
                created_at=at, wake_at=at + SHORTEST_GRACE, **question,
            )  # fmt: skip
            AnalysisImage.objects.bulk_create(
                AnalysisImage(analysis=analysis, attachment=image, position=position)
                for position, image in enumerate(images)
            )
            publish(RUN_ANALYSIS, analysis_id=analysis.pk)
        return analysis


class Analysis(Claimed, TimeStampedModel):
    """One question to the assistant: what is probably wrong with this machine, or how went this site's day?

    The row is the truth and the broker only a wake-up. A worker claims the row for a short lease, which it renews
    while it works; only the holder of the claim can finish it, so every analysis finishes exactly once. An answer
    changes nothing else: alerts and orders move only when a person accepts it.
    """

    Provider: ClassVar[Any] = models.TextChoices(  # type: ignore[call-overload]  # its stub knows no functional way
        "Provider", {name: (name, label) for name, label in registry.choices()}
    )
    """Who can be asked. AUTO means: the configured ones in their order, then the rule book."""

    class Purpose(models.TextChoices):
        """FAULT: what is wrong with a machine. HANDOVER: a site's day in words, for the next shift."""

        FAULT = "FAULT", _("Fault")
        HANDOVER = "HANDOVER", _("Shift handover")

    class Stage(models.TextChoices):
        """How far it is, for who watches. Stages may repeat: another provider, another try."""

        QUEUED = "QUEUED", _("Waiting for a worker")
        GATHERING = "GATHERING", _("Reading what is known")
        ASKING = "ASKING", _("Asking the provider")
        CHECKING = "CHECKING", _("Checking the answer")
        REPAIRING = "REPAIRING", _("Asking for a correction")
        DONE = "DONE", _("Done")

    class Severity(models.TextChoices):
        LOW = "LOW", _("Low")
        MEDIUM = "MEDIUM", _("Medium")
        HIGH = "HIGH", _("High")
        CRITICAL = "CRITICAL", _("Critical")

    class Status(models.TextChoices):
        PENDING = "PENDING", _("Pending")
        RUNNING = "RUNNING", _("Running")
        SUCCEEDED = "SUCCEEDED", _("Succeeded")
        FAILED = "FAILED", _("Failed")
        CANCELLED = "CANCELLED", _("Cancelled")

    audited: ClassVar[bool] = True
    audit_ignored: ClassVar[tuple[str, ...]] = (
        "updated_at",
        "wake_at",
        "claim_token",
        "claimed_until",
        "stage",
        "awaited_until",
    )

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="analyses",
        verbose_name=_("requested by"),
    )
    # Without choices: another provider is another file, not a migration.
    requested_provider = models.CharField(_("requested provider"), max_length=30, default=registry.AUTO)
    allow_fallback = models.BooleanField(
        _("others may be asked"),
        default=True,
        help_text=_("Whether another provider may see the question when the requested one fails."),
    )
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices, default=Purpose.FAULT)
    site = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="handovers", verbose_name=_("site")
    )
    day = models.DateField(_("day"), null=True, blank=True, help_text=_("Of a handover, in the site's time zone."))
    equipment = models.ForeignKey(
        Equipment,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="analyses",
        verbose_name=_("equipment"),
    )
    equipment_type = models.CharField(_("equipment type"), max_length=200, blank=True)
    alert = models.ForeignKey(
        Alert, models.PROTECT, null=True, blank=True, related_name="analyses", verbose_name=_("alert")
    )
    description = models.TextField(_("description"), max_length=4000, blank=True)
    images = models.ManyToManyField(
        Attachment, through="AnalysisImage", related_name="analyses", verbose_name=_("images")
    )

    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, default=Stage.QUEUED)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    # Until when somebody's request holds its answer back for the result: they needn't be told of it.
    awaited_until = models.DateTimeField(null=True, blank=True, editable=False)

    provider = models.CharField(_("answered by"), max_length=30, blank=True)
    model_name = models.CharField(_("model"), max_length=100, blank=True)
    prompt_version = models.CharField(_("prompt version"), max_length=50, blank=True)
    result = models.JSONField(_("result"), null=True, blank=True)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity.choices, blank=True)
    confidence = models.FloatField(
        _("confidence"), null=True, blank=True, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    needs_review = models.BooleanField(_("needs review"), default=False)
    review_reasons = ArrayField(
        models.CharField(max_length=40), verbose_name=_("review reasons"), default=list, blank=True
    )
    dropped_citations = models.PositiveSmallIntegerField(
        _("dropped citations"),
        default=0,
        help_text=_("Pieces of evidence the answer named that don't exist, and that were taken out."),
    )
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("cancelled by"),
    )
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
                condition=Q(status__in=UNFINISHED, finished_at=None)
                | Q(status__in=("SUCCEEDED", "FAILED", "CANCELLED"), finished_at__isnull=False),
                name="check_ai_analyses_finished",
            ),
            models.CheckConstraint(
                condition=~Q(status="SUCCEEDED")
                | Q(result__isnull=False, confidence__isnull=False)
                | Q(result__isnull=False, purpose="HANDOVER"),
                name="check_ai_analyses_result",
            ),
            models.CheckConstraint(
                condition=Q(purpose="FAULT", site=None, day=None)
                | Q(purpose="HANDOVER", site__isnull=False, day__isnull=False, equipment=None, alert=None),
                name="check_ai_analyses_purpose",
            ),
            models.CheckConstraint(
                condition=Q(confidence=None) | Q(confidence__gte=0.0, confidence__lte=1.0),
                name="check_ai_analyses_confidence",
            ),
        ]
        indexes = [
            # the sweep for lost wake-ups and dead workers: only the few unfinished rows
            models.Index(fields=["wake_at"], name="idx_ai_analyses_unfinished", condition=Q(status__in=UNFINISHED)),
            # the list, newest first; one person's own; one machine's (one alert's by its foreign key's index)
            models.Index(fields=["-created_at", "-id"], name="idx_ai_analyses_newest"),
            models.Index(fields=["requested_by", "-created_at"], name="idx_ai_analyses_own"),
            # the review queue: what a person should look at, the oldest first
            models.Index(fields=["created_at", "id"], name="idx_ai_analyses_review", condition=Q(needs_review=True)),
            models.Index(fields=["equipment", "-created_at"], name="idx_ai_analyses_equipment"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def provider_label(self) -> str:
        return registry.label(self.provider)

    def concerns(self, user: User) -> bool:
        """Asked by this person, or about a machine they look after."""
        return self.requested_by_id == user.pk or (self.equipment is not None and self.equipment.concerns(user))

    def wake(self, *, at: datetime) -> None:
        """Ask for a worker once more; should this wake-up get lost too, the sweep repeats it."""
        self.wake_at = at + min(LONGEST_GRACE, max(SHORTEST_GRACE, (at - self.created_at) / 2))
        Analysis.objects.filter(pk=self.pk).update(wake_at=self.wake_at)
        publish(RUN_ANALYSIS, analysis_id=self.pk)

    def cancel(self, *, by: User, at: datetime) -> None:
        """Nobody wants the answer any more. Whoever is working on it notices with the next sign of life."""
        if by.pk != self.requested_by_id and by.role not in MANAGERS.roles:
            raise PermissionRefused(gettext("Only who asked, or a manager, can take a question back."))
        with transaction.atomic():
            waiting = Analysis.objects.filter(pk=self.pk).unfinished()
            if not waiting.update(
                status=self.Status.CANCELLED, stage=self.Stage.DONE, finished_at=at, cancelled_by=by,
                claim_token=None, claimed_until=None,
            ):  # fmt: skip
                self.refresh_from_db(fields=["status"])
                message = gettext("It is finished already; there is nothing left to cancel.")
                raise InvalidTransition(message, source=self.status, target=self.Status.CANCELLED, allowed=[])
            AnalysisAttempt.close(self.pk, AnalysisAttempt.Outcome.CANCELLED, at=at)
            self.refresh_from_db()
            notices.tell(self, at=at)


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
