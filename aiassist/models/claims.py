"""A worker's hold on one analysis: taken for a short lease, renewed with every sign of life, needed for every write.

Each move is one conditional UPDATE, so that it happens once however many workers try.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from aiassist.answer import Part, Verdict
from aiassist.errors import ClaimLost
from aiassist.models import notices
from aiassist.models.attempts import AnalysisAttempt
from aiassist.models.prices import ModelPrice
from aiassist.providers import base
from faultreporter.outbox import publish_at

MAX_CLAIMS: Final = 3
"""How often an analysis is tried before it is given up."""

RUN_ANALYSIS: Final = "aiassist.tasks.run_analysis"

LEASE: Final = timedelta(seconds=12)
"""How long a worker holds an analysis without a sign of life. The sweep runs every 15 s, so a dead worker's analysis
is tried again within 30 s."""


class Claimed(models.Model):
    """What a worker does with an analysis it holds."""

    claims = models.PositiveSmallIntegerField(_("times claimed"), default=0)
    claim_token = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    wake_at = models.DateTimeField(editable=False)

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        objects: Any
        alert_id: Any
        attempts: Any
        awaited_until: Any
        cancelled_by_id: Any
        equipment: Any
        equipment_id: Any
        failure_message: Any
        requested_by_id: Any
        result: Any
        severity: Any
        site: Any
        site_id: Any
        stage: Any
        status: Any

        def wake(self, *, at: datetime) -> None: ...

    @classmethod
    def claim(cls, pk: uuid.UUID, *, at: datetime) -> Self | None:
        """Take it for one lease; None if it is finished, gone, tried too often, or somebody else's just now."""
        with transaction.atomic():
            taken = cls.objects.filter(pk=pk).claimable(at).update(
                status="RUNNING",
                stage="GATHERING",
                claim_token=uuid.uuid4(),
                claimed_until=at + LEASE,
                claims=F("claims") + 1,
                started_at=Coalesce("started_at", at),
            )  # fmt: skip
            if not taken:
                return None
            AnalysisAttempt.close(pk, AnalysisAttempt.Outcome.LOST, at=at)
            claimed: Self = cls.objects.select_related("equipment__category", "alert", "site").get(pk=pk)
            notices.announce_progress(claimed, at=at)
            return claimed

    def renew(self, *, at: datetime) -> None:
        """A sign of life; ClaimLost if it came too late."""
        self._update_claimed(claimed_until=at + LEASE)

    def enter(self, stage: str, *, at: datetime) -> None:
        """A sign of life that says how far it is."""
        with transaction.atomic():
            self._update_claimed(claimed_until=at + LEASE, stage=stage)
            notices.announce_progress(self, at=at)

    def begin_attempt(
        self,
        provider: base.Provider,
        *,
        prompt_version: str,
        at: datetime,
        kind: str = AnalysisAttempt.Kind.FIRST,
        question_digest: str = "",
    ) -> AnalysisAttempt:
        """The row of a call that is about to be made, at the price of this day."""
        with transaction.atomic():
            self.enter("ASKING" if kind == AnalysisAttempt.Kind.FIRST else "REPAIRING", at=at)
            return self.note_attempt(
                provider,
                prompt_version=prompt_version,
                at=at,
                kind=kind,
                question_digest=question_digest,
                price=ModelPrice.objects.at(provider.name, provider.model_name, at) if question_digest else None,
            )

    def note_attempt(
        self, provider: base.Provider, *, prompt_version: str, at: datetime, **fields: Any
    ) -> AnalysisAttempt:
        """A line in the ledger: of a call, of an answer that was there already, or of why nobody was asked."""
        attempt: AnalysisAttempt = self.attempts.create(
            number=self.attempts.count() + 1,
            provider=provider.name,
            model_name=provider.model_name,
            prompt_version=prompt_version if provider.follows_prompts else "",
            started_at=at,
            **fields,
        )
        return attempt

    def succeed(self, attempt: AnalysisAttempt, answer: Part, verdict: Verdict, *, at: datetime) -> None:
        """What this attempt brought is the answer; ClaimLost if the claim is somebody else's by now."""
        with transaction.atomic():
            self._finish(
                "SUCCEEDED",
                at=at,
                provider=attempt.provider,
                model_name=attempt.model_name,
                prompt_version=attempt.prompt_version,
                result=answer.model_dump(mode="json"),
                severity=verdict.severity,
                confidence=verdict.confidence,
                needs_review=bool(verdict.review_reasons),
                review_reasons=list(verdict.review_reasons),
                dropped_citations=verdict.dropped_citations,
            )

    def fail(self, *, code: str, message: str, at: datetime, review_reasons: Sequence[str] = ()) -> None:
        with transaction.atomic():
            self._finish(
                "FAILED",
                at=at,
                failure_code=code,
                failure_message=message[:500],
                needs_review=bool(review_reasons),
                review_reasons=list(review_reasons),
            )

    def put_back(self, *, retry_at: datetime) -> None:
        """Let go of it until `retry_at`; should the wake-up for then get lost, the sweep repeats it."""
        with transaction.atomic():
            self._update_claimed(
                status="PENDING", stage="QUEUED", claim_token=None, claimed_until=None, wake_at=retry_at + LEASE
            )
            publish_at(retry_at, RUN_ANALYSIS, analysis_id=self.pk)

    def revive(self, *, at: datetime) -> None:
        """What the sweep does with an overdue one, its row locked: wake a worker again, or give it up."""
        with transaction.atomic():
            if self.claims >= MAX_CLAIMS:
                AnalysisAttempt.close(self.pk, AnalysisAttempt.Outcome.LOST, at=at)
                self.fail(code="WORKER_LOST", message="Every worker that took it died before it was done.", at=at)
            else:
                self.wake(at=at)

    def _finish(self, status: str, *, at: datetime, **fields: Any) -> None:
        self._update_claimed(
            status=status, stage="DONE", finished_at=at, claim_token=None, claimed_until=None, **fields
        )
        notices.tell(self, at=at)

    def _update_claimed(self, **fields: Any) -> None:
        mine = type(self).objects.filter(pk=self.pk, claim_token=self.claim_token, status="RUNNING")
        if not mine.update(**fields):
            raise ClaimLost(str(self.pk))
        for name, value in fields.items():
            setattr(self, name, value)
