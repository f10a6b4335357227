import uuid
from datetime import datetime, timedelta
from typing import Final, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from aiassist.answer import MAX_TEXT, storable
from aiassist.models.prices import ModelPrice
from aiassist.providers import base
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet

CLOSING: Final = (
    *("input_tokens", "cached_tokens", "output_tokens", "cost_micro_usd", "reply_text"),
    *("error_code", "error_message", "retry_at"),
)


class AnalysisAttemptQuerySet(TimeStampedQuerySet["AnalysisAttempt"]):
    def answering(self, question_digest: str, *, since: datetime) -> Self:
        """Paid answers to an equal question, the newest first. Those being checked just now are among them."""
        found = self.filter(question_digest=question_digest, outcome="ANSWERED", started_at__gte=since)
        return found.order_by("-started_at")

    def in_flight(self, *, since: datetime) -> Self:
        """Being asked right now; what began before `since` is a dead worker's that nobody has closed yet."""
        return self.filter(outcome="RUNNING", started_at__gte=since)


class AnalysisAttempt(TimeStampedModel):
    """One call of one provider for an analysis, or why there was none: what was asked of whom, how it ended, what it
    took and cost.

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
        CANCELLED = "CANCELLED", _("Cancelled")
        REUSED = "REUSED", _("An equal question's answer")
        SKIPPED = "SKIPPED", _("Not asked")

    class Kind(models.TextChoices):
        FIRST = "FIRST", _("First try")
        REPAIR = "REPAIR", _("Correction of an unusable answer")

    analysis = models.ForeignKey(
        "aiassist.Analysis", models.CASCADE, related_name="attempts", verbose_name=_("analysis")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    provider = models.CharField(_("provider"), max_length=30, db_index=False)
    model_name = models.CharField(_("model"), max_length=100, blank=True)
    prompt_version = models.CharField(_("prompt version"), max_length=50, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.FIRST)
    question_digest = models.CharField(
        _("question digest"),
        max_length=64,
        blank=True,
        editable=False,
        help_text=_("SHA-256 over model, prompt, facts and photographs: equal questions have equal answers."),
    )
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    error_code = models.CharField(_("error code"), max_length=40, blank=True)
    error_message = models.CharField(_("error message"), max_length=500, blank=True)
    input_tokens = models.PositiveIntegerField(_("input tokens"), null=True, blank=True)
    cached_tokens = models.PositiveIntegerField(
        _("of these cached"), null=True, blank=True, help_text=_("Of the input, what the provider had stored already.")
    )
    output_tokens = models.PositiveIntegerField(_("output tokens"), null=True, blank=True)
    price = models.ForeignKey(
        ModelPrice, models.PROTECT, null=True, blank=True, related_name="attempts", verbose_name=_("price")
    )
    cost_micro_usd = models.BigIntegerField(
        _("cost in micro-USD"),
        null=True,
        blank=True,
        help_text=_(
            "A millionth of a US dollar. Empty where the provider said nothing of tokens or there is no price."
        ),
    )
    reply_text = models.TextField(
        _("raw answer"), blank=True, editable=False, help_text=_("Kept as it came, so that no answer is paid twice.")
    )
    retry_at = models.DateTimeField(
        _("not before"),
        null=True,
        blank=True,
        help_text=_("When the provider wants to be asked again at the earliest."),
    )

    objects = AnalysisAttemptQuerySet.as_manager()

    class Meta:
        db_table = "ai_attempts"
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=["analysis", "number"], name="uniq_ai_attempts_number"),
            models.CheckConstraint(
                condition=Q(outcome="RUNNING", finished_at=None)
                | (~Q(outcome="RUNNING") & Q(finished_at__isnull=False)),
                name="check_ai_attempts_finished",
            ),
            models.CheckConstraint(
                condition=Q(cost_micro_usd=None) | Q(cost_micro_usd__gte=0), name="check_ai_attempts_cost"
            ),
        ]
        indexes = [
            # the breaker: how one provider's last calls went; what a day cost
            models.Index(fields=["provider", "-started_at"], name="idx_ai_attempts_provider"),
            models.Index(fields=["started_at"], name="idx_ai_attempts_age"),
            # an equal question's answer
            models.Index(
                fields=["question_digest"],
                name="idx_ai_attempts_digest",
                condition=Q(outcome__in=("ANSWERED", "REUSED")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.provider}: {self.get_outcome_display()}"

    @classmethod
    def close(cls, analysis_id: uuid.UUID, outcome: str, *, at: datetime) -> None:
        """End what is still running: its worker died, or nobody wants the answer any more."""
        running = cls.objects.filter(analysis=analysis_id, outcome=cls.Outcome.RUNNING)
        running.update(outcome=outcome, finished_at=at)

    def store(self, reply: base.Reply, *, at: datetime) -> None:
        """Keep the raw answer, and what it cost, before anything is made of it.

        One that came after its worker had been given up, or after the question was taken back, is paid all the same.
        """
        self._count(reply)
        self.reply_text = storable(reply.text[: MAX_TEXT + 1])
        self._close(self.Outcome.ANSWERED, at=at)

    def reject(self, complaint: str, *, code: str) -> None:
        """The stored answer can't be used. One that was copied from an equal question says so of its copy alone."""
        self.outcome, self.error_code, self.error_message = self.Outcome.INVALID, code, complaint[:500]
        self.save(update_fields=["outcome", "error_code", "error_message"])

    def end(self, outcome: str, failure: base.ProviderFailed, *, at: datetime) -> None:
        """It brought no answer; what was counted all the same is paid."""
        if failure.reply is not None:
            self._count(failure.reply)
        if failure.retry_after_s is not None:
            self.retry_at = at + timedelta(seconds=failure.retry_after_s)
        self.error_code, self.error_message = failure.code, str(failure)[:500]
        self._close(outcome, at=at)

    def _count(self, reply: base.Reply) -> None:
        self.input_tokens, self.cached_tokens = reply.input_tokens, reply.cached_tokens
        self.output_tokens = reply.output_tokens
        self.cost_micro_usd = self.price.cost_of(reply) if self.price else None

    def _close(self, outcome: str, *, at: datetime) -> None:
        """Say how it ended, once: what was given up meanwhile stays lost or cancelled, with its cost."""
        written = {name: getattr(self, name) for name in CLOSING}
        rows = AnalysisAttempt.objects.filter(pk=self.pk)
        if rows.filter(outcome=self.Outcome.RUNNING).update(outcome=outcome, finished_at=at, **written):
            self.outcome, self.finished_at = outcome, at
        else:
            rows.update(**written)
