"""From a waiting analysis to a finished one, exactly once, whatever is killed in between.

The claim is taken and every result is written by a conditional UPDATE on the row. Each call is a line in the ledger
before it is made; its raw answer is stored before it is looked at. So whoever takes over goes on with what is there,
and nothing that was answered is paid again.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from aiassist import breaker, budget
from aiassist.answer import InvalidAnswer, ReviewReason
from aiassist.calls import Call
from aiassist.equality import digest_of
from aiassist.errors import ClaimLost, NotAsked, NotConfigured, NoTimeLeft
from aiassist.models import LEASE, MAX_CLAIMS, Analysis, AnalysisAttempt
from aiassist.prompts import Prompt
from aiassist.providers import registry
from aiassist.providers.base import Provider, ProviderFailed, ProviderRefused, ProviderTimedOut
from aiassist.purposes import PURPOSES
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.locks import Lock, hold

Outcome, Kind = AnalysisAttempt.Outcome, AnalysisAttempt.Kind
RETRY_AFTER: Final = timedelta(seconds=10)
EQUAL_PAUSE: Final = 1.0
"""Seconds between two looks at whether the equal question that somebody else asks has its answer."""
RULE_BOOKS_TIME: Final = 10.0
"""Seconds the rule book has, however long the others took."""
INVALID_ANSWER: Final = "AI_ANSWER_INVALID"

log = structlog.get_logger(__name__)


class Unusable(Exception):
    """The provider's answer and its correction were both of no use."""

    code = INVALID_ANSWER
    may_pass = False
    retry_at = None


def run(analysis_id: UUID) -> None:
    """Try once to answer it. Nothing happens if it is finished, gone or somebody else's."""
    with as_task():
        analysis = Analysis.claim(analysis_id, at=timezone.now())
    if analysis is None:
        return
    try:
        Run(analysis).answer()
    except ClaimLost:
        log.warning("analysis_claim_lost", analysis_id=str(analysis_id))


def as_task() -> AbstractContextManager[None]:
    """One transaction in a worker's name."""
    return acting(by=None, source=AuditLog.Source.TASK)


class Run:
    """One worker's hold on one analysis."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.ends = time.monotonic() + settings.AI_DEADLINE_SECONDS
        self.purpose = PURPOSES[analysis.purpose]
        self.facts = self.purpose.gather(analysis, at=timezone.now())

    def answer(self) -> None:
        """Ask one provider after the other until one gives a usable answer; a refusal is for a person to look at."""
        analysis, failure = self.analysis, None
        for provider in registry.to_ask(analysis.requested_provider, allow_fallback=analysis.allow_fallback):
            try:
                self.answer_by(provider)
            except ProviderRefused:
                return
            except (ProviderFailed, NotAsked, Unusable) as error:
                failure = error
            else:
                return
        self.end_without_answer(failure)

    def answer_by(self, provider: Provider) -> None:
        """The answer of this provider, new or stored, corrected once if need be; raises why there is none."""
        prompt = self.purpose.prompt(self.analysis, self.facts, provider)
        asking = Asking(self, provider, digest_of(provider, prompt) if provider.follows_prompts else "")
        attempt = asking.stored(prompt) or asking.attempt(prompt, Kind.FIRST)
        while not self.is_usable(attempt):
            if attempt.kind == Kind.REPAIR or not provider.follows_prompts:
                raise Unusable(attempt.error_message)
            prompt = replace(prompt, previous=attempt.reply_text, complaint=attempt.error_message)
            attempt = asking.attempt(prompt, Kind.REPAIR)

    def is_usable(self, attempt: AnalysisAttempt) -> bool:
        """Whether what is stored of this attempt is an answer; then the analysis is finished."""
        if attempt.outcome == Outcome.INVALID:
            return False
        self.enter(Analysis.Stage.CHECKING)
        try:
            answer, verdict = self.purpose.judged(attempt.reply_text, self.facts)
        except InvalidAnswer as complaint:
            with as_task():
                attempt.reject(str(complaint), code=INVALID_ANSWER)
            return False
        with as_task():
            self.analysis.succeed(attempt, answer, verdict, at=timezone.now())
        return True

    def enter(self, stage: str) -> None:
        with as_task():
            self.analysis.enter(stage, at=timezone.now())

    def seconds_left(self) -> float:
        return self.ends - time.monotonic()

    def end_without_answer(self, last: "ProviderFailed | NotAsked | Unusable | None") -> None:
        """Another try later if the reason may pass soon enough, else the end."""
        assert last is not None  # noqa: S101 - there is always somebody to ask
        at = timezone.now()
        retry_at = max(at + RETRY_AFTER * self.analysis.claims, wished(last, at=at) or at)
        patience = timedelta(seconds=settings.AI_DEADLINE_SECONDS * MAX_CLAIMS)
        with as_task():
            if last.may_pass and self.analysis.claims < MAX_CLAIMS and retry_at - self.analysis.created_at <= patience:
                self.analysis.put_back(retry_at=retry_at)
            else:
                self.analysis.fail(code=last.code, message=str(last), at=at)


class Asking:
    """One provider being asked this question: what is there already, or a call if one may be made."""

    def __init__(self, run: Run, provider: Provider, digest: str) -> None:
        self.run, self.analysis = run, run.analysis
        self.provider, self.digest = provider, digest

    def stored(self, prompt: Prompt) -> AnalysisAttempt | None:
        """What this provider answered to a worker that died before it was done with it."""
        if not self.provider.follows_prompts:
            return None
        rows = self.analysis.attempts.filter(provider=self.provider.name, model_name=self.provider.model_name)
        answered = rows.filter(prompt_version=prompt.version, outcome__in=("ANSWERED", "REUSED", "INVALID"))
        return answered.order_by("-number").first()

    def attempt(self, prompt: Prompt, kind: str) -> AnalysisAttempt:
        """An attempt whose answer is stored: a call's, or an equal question's. Raises ProviderFailed or NotAsked."""
        while (attempt := self.admitted(prompt, kind)) is None:
            time.sleep(EQUAL_PAUSE)
        if attempt.outcome == Outcome.RUNNING:
            self.call(attempt, prompt)
        return attempt

    def admitted(self, prompt: Prompt, kind: str) -> AnalysisAttempt | None:
        """The line in the ledger of what is done now. None while an equal question is being asked: one pays for both.

        Under one lock, so that parallel workers see each other's calls: none asks an equal question, a budget is
        overdrawn by one call at most, and one probes for all whether a provider is well again.
        """
        at, line = timezone.now(), {"prompt_version": prompt.version, "kind": kind, "question_digest": self.digest}
        with as_task():
            if not self.provider.follows_prompts:
                return self.analysis.begin_attempt(self.provider, prompt_version="", at=at)
            hold(Lock.AI_ADMISSION)
            self.analysis.renew(at=at)
            # In this order: a reply that is stored in between was seen in flight, and is waited for.
            if self.is_asked_elsewhere(at=at):
                return None
            if (equal := self.equal_answer(prompt, at=at)) is not None:
                return self.analysis.note_attempt(
                    self.provider, at=at, finished_at=at, outcome=Outcome.REUSED, cost_micro_usd=0,
                    reply_text=equal.reply_text, **line,
                )  # fmt: skip
            try:
                self.require_admission(at=at)
            except NotAsked as refusal:
                self.analysis.note_attempt(
                    self.provider, at=at, finished_at=at, outcome=Outcome.SKIPPED, error_code=refusal.code,
                    error_message=str(refusal), retry_at=refusal.retry_at, **line,
                )  # fmt: skip
                why = refusal
            else:
                return self.analysis.begin_attempt(self.provider, at=at, **line)
        raise why

    def equal_answer(self, prompt: Prompt, *, at: datetime) -> AnalysisAttempt | None:
        """Not the one that is being corrected just now."""
        since = at - timedelta(days=settings.AI_REUSE_DAYS)
        found = AnalysisAttempt.objects.answering(self.digest, since=since).exclude(reply_text=prompt.previous)
        return found.first() if settings.AI_REUSE_DAYS else None

    def is_asked_elsewhere(self, *, at: datetime) -> bool:
        since = at - timedelta(seconds=settings.AI_DEADLINE_SECONDS) - LEASE
        in_flight = AnalysisAttempt.objects.in_flight(since=since).filter(provider=self.provider.name)
        equal = in_flight.filter(question_digest=self.digest).exclude(analysis=self.analysis.pk)
        return bool(settings.AI_REUSE_DAYS) and self.run.seconds_left() > 0 and equal.exists()

    def require_admission(self, *, at: datetime) -> None:
        """Raises NotAsked."""
        if not self.provider.is_configured():
            raise NotConfigured(f"{self.provider.name} has no key on this server")
        if self.run.seconds_left() <= 0:
            raise NoTimeLeft("the deadline had passed before it could be asked")
        breaker.breakers_of([self.provider.name], at=at)[self.provider.name].require_closed(self.provider.name)
        budget.require_room(at=at)

    def call(self, attempt: AnalysisAttempt, prompt: Prompt) -> None:
        """The attempt with its raw answer stored. A refusal ends the analysis together with the attempt."""
        least = 0.0 if self.provider.follows_prompts else RULE_BOOKS_TIME
        call = Call(self.provider, prompt, deadline_s=max(least, self.run.seconds_left()))
        try:
            reply = call.wait(lambda: self.analysis.renew(at=timezone.now()))
        except ProviderFailed as failure:
            at = timezone.now()
            with as_task():
                attempt.end(outcome_of(failure), failure, at=at)
                if isinstance(failure, ProviderRefused):
                    reasons = [ReviewReason.REFUSED]
                    self.analysis.fail(code=failure.code, message=str(failure), at=at, review_reasons=reasons)
            raise
        with as_task():
            attempt.store(reply, at=timezone.now())


def outcome_of(failure: ProviderFailed) -> AnalysisAttempt.Outcome:
    if isinstance(failure, ProviderRefused):
        return Outcome.REFUSED
    return Outcome.TIMEOUT if isinstance(failure, ProviderTimedOut) else Outcome.ERROR


def wished(failure: "ProviderFailed | NotAsked | Unusable", *, at: datetime) -> datetime | None:
    """When whoever failed wants to be asked again at the earliest."""
    if isinstance(failure, ProviderFailed):
        return at + timedelta(seconds=failure.retry_after_s) if failure.retry_after_s is not None else None
    return failure.retry_at


def sweep(*, at: datetime, most: int = 500) -> int:
    """Wake workers again for what got lost, give up what killed them too often; returns how many."""
    with as_task():
        overdue = list(Analysis.objects.overdue(at).select_for_update(skip_locked=True).order_by("pk")[:most])
        for analysis in overdue:
            analysis.revive(at=at)
        return len(overdue)
