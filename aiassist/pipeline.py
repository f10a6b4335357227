"""From a waiting analysis to a finished one, exactly once, whatever is killed in between.

The claim is taken and every result is written by a conditional UPDATE on the row. The provider is asked in a thread
of its own, which never touches the database; meanwhile this thread renews the lease and watches the deadline, so a
provider that drips one byte a second can't hold a worker for ever.
"""

import threading
import time
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from aiassist.answer import InvalidAnswer, Part, ReviewReason, Verdict
from aiassist.errors import ClaimLost
from aiassist.models import MAX_CLAIMS, Analysis, AnalysisAttempt
from aiassist.prompts import Prompt
from aiassist.providers import registry
from aiassist.providers.base import Provider, ProviderFailed, ProviderRefused, ProviderTimedOut, Reply
from aiassist.purposes import PURPOSES
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog

SIGN_OF_LIFE: Final = 4.0
RETRY_AFTER: Final = timedelta(seconds=10)
INVALID_ANSWER: Final = "AI_ANSWER_INVALID"

log = structlog.get_logger(__name__)


def run(analysis_id: UUID) -> None:
    """Try once to answer it. Nothing happens if it is finished, gone or somebody else's."""
    with acting(by=None, source=AuditLog.Source.TASK):
        analysis = Analysis.claim(analysis_id, at=timezone.now())
    if analysis is None:
        return
    try:
        Run(analysis).answer()
    except ClaimLost:
        log.warning("analysis_claim_lost", analysis_id=str(analysis_id))


class Run:
    """One worker's hold on one analysis."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.purpose = PURPOSES[analysis.purpose]
        self.started = time.monotonic()
        self.failures: list[ProviderFailed | InvalidAnswer] = []

    def answer(self) -> None:
        """Ask one provider after the other until one gives a usable answer; a refusal ends the round."""
        facts = self.purpose.gather(self.analysis, at=timezone.now())
        for provider in registry.to_ask(self.analysis.requested_provider, allow_fallback=self.analysis.allow_fallback):
            if self.asked(provider, facts) or isinstance(self.failures[-1], ProviderRefused):
                break
        if not self.analysis.is_finished:
            self.end_without_answer()

    def asked(self, provider: Provider, facts: Any) -> bool:
        """One attempt; whether it brought the answer."""
        with acting(by=None, source=AuditLog.Source.TASK):
            attempt = self.analysis.begin_attempt(
                provider, prompt_version=self.purpose.prompt_version, at=timezone.now()
            )
        try:
            reply = self.reply_in_time(provider, self.purpose.prompt(self.analysis, facts, provider))
            self.accept(attempt, reply, *self.purpose.judged(reply.text, facts))
        except (ProviderFailed, InvalidAnswer) as failure:
            self.failures.append(failure)
            with acting(by=None, source=AuditLog.Source.TASK):
                attempt.end(
                    outcome_of(failure),
                    at=timezone.now(),
                    reply=getattr(failure, "reply", None),
                    error_code=code_of(failure),
                    message=str(failure),
                )
            return False
        return True

    def accept(self, attempt: AnalysisAttempt, reply: Reply, answer: Part, verdict: Verdict) -> None:
        with acting(by=None, source=AuditLog.Source.TASK):
            self.analysis.succeed(attempt, reply, answer, verdict, at=timezone.now())

    def reply_in_time(self, provider: Provider, prompt: Prompt) -> Reply:
        """The provider's words within what is left of the deadline, with a sign of life every few seconds."""
        left = settings.AI_DEADLINE_SECONDS - (time.monotonic() - self.started)
        if left <= 0:
            raise ProviderTimedOut("the deadline had passed before it could be asked")
        call = Call(provider, prompt, deadline_s=left)
        try:
            while not call.done.wait(min(SIGN_OF_LIFE, max(0.01, call.seconds_left()))):
                if call.seconds_left() <= 0:
                    raise ProviderTimedOut("no answer within the deadline")
                self.analysis.renew(at=timezone.now())
        except (ProviderTimedOut, ClaimLost):
            provider.cancel()
            raise
        return call.result()

    def end_without_answer(self) -> None:
        """Another try later if the reason may pass, else the end."""
        last, at = self.failures[-1], timezone.now()
        may_pass = getattr(last, "may_pass", True)
        with acting(by=None, source=AuditLog.Source.TASK):
            if may_pass and self.analysis.claims < MAX_CLAIMS and not self.is_late(at):
                self.analysis.put_back(retry_at=at + RETRY_AFTER * self.analysis.claims)
            else:
                reasons = [ReviewReason.REFUSED] if isinstance(last, ProviderRefused) else []
                self.analysis.fail(code=code_of(last), message=str(last), at=at, review_reasons=reasons)

    def is_late(self, at: datetime) -> bool:
        """Whether the analysis has used up its time: nobody waits for an answer that long after asking."""
        return at - self.analysis.created_at > timedelta(seconds=settings.AI_DEADLINE_SECONDS * MAX_CLAIMS)


class Call:
    """One question to a provider in a thread of its own."""

    def __init__(self, provider: Provider, prompt: Prompt, *, deadline_s: float) -> None:
        self.done = threading.Event()
        self.ends = time.monotonic() + deadline_s
        self.reply: Reply | None = None
        self.failure: ProviderFailed | None = None
        threading.Thread(target=self.ask, args=(provider, prompt, deadline_s), daemon=True).start()

    def ask(self, provider: Provider, prompt: Prompt, deadline_s: float) -> None:
        try:
            self.reply = provider.ask(prompt, deadline_s=deadline_s)
        except ProviderFailed as failure:
            self.failure = failure
        except Exception:
            # A stranger's answer found a hole in our client; the next provider may still do.
            log.exception("provider_client_broke", provider=provider.name)
        finally:
            self.done.set()

    def seconds_left(self) -> float:
        return self.ends - time.monotonic()

    def result(self) -> Reply:
        if self.failure is not None:
            raise self.failure
        if self.reply is None:
            raise ProviderFailed("the provider's answer could not be read")
        return self.reply


def outcome_of(failure: Exception) -> AnalysisAttempt.Outcome:
    if isinstance(failure, InvalidAnswer):
        return AnalysisAttempt.Outcome.INVALID
    if isinstance(failure, ProviderRefused):
        return AnalysisAttempt.Outcome.REFUSED
    if isinstance(failure, ProviderTimedOut):
        return AnalysisAttempt.Outcome.TIMEOUT
    return AnalysisAttempt.Outcome.ERROR


def code_of(failure: Exception) -> str:
    return getattr(failure, "code", INVALID_ANSWER)


def sweep(*, at: datetime, most: int = 500) -> int:
    """Wake workers again for what got lost, give up what killed them too often; returns how many."""
    with acting(by=None, source=AuditLog.Source.TASK):
        overdue = list(Analysis.objects.overdue(at).select_for_update(skip_locked=True).order_by("pk")[:most])
        for analysis in overdue:
            analysis.revive(at=at)
        return len(overdue)
