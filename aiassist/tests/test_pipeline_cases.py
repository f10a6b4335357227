"""The whole course over everything a provider may do: how it ends, what the ledger says, and that nobody is held."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiassist import pipeline
from aiassist.models import Analysis, AnalysisAttempt, ModelPrice
from aiassist.tests.factories import make_analysis
from aiassist.tests.provider_cases import CASES, MODEL, PROTOCOLS, Case, options
from aiassist.tests.provider_server import ProviderServer

pytestmark = pytest.mark.django_db
Outcome = AnalysisAttempt.Outcome
COST = 468
"""Micro-USD: 100 tokens at 1.25 USD a million, 20 stored ones at 0.125, 34 at 10, which is 467.5."""
SLACK = 6.0
"""Seconds that importing an SDK and a busy machine may take on top of the deadline."""
FAILING = [case for case in CASES if case.outcome in (Outcome.ERROR, Outcome.TIMEOUT)]


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    server = ProviderServer()
    yield server
    server.stop()


def asked(case: Case, name: str, server: ProviderServer, settings: Any, **how: Any) -> Analysis:
    """The analysis after one worker tried it, which wasn't held beyond the deadline."""
    settings.AI_PROVIDERS = {name: options(server, name)}
    settings.AI_DEADLINE_SECONDS = case.deadline_s
    ModelPrice.objects.filter(provider=name).delete()
    ModelPrice.objects.create(
        provider=name, model_name=MODEL, valid_from="2026-01-01",
        input_micro_usd=1_250_000, cached_micro_usd=125_000, output_micro_usd=10_000_000,
    )  # fmt: skip
    server.behaviour = case.behave(PROTOCOLS[name])
    analysis = make_analysis(**how)
    started = time.monotonic()
    pipeline.run(analysis.pk)
    assert time.monotonic() - started < case.deadline_s + SLACK
    analysis.refresh_from_db()
    return analysis


@pytest.mark.parametrize("name", ["OPENAI", "GEMINI"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_auto_comes_to_an_end_whatever_the_provider_does(
    case: Case, name: str, server: ProviderServer, settings: Any
) -> None:
    analysis = asked(case, name, server, settings, provider="AUTO")

    rows = list(analysis.attempts.filter(provider=name))
    tries = 2 if case.outcome == Outcome.INVALID else 1  # what can't be used is sent back once
    assert [row.outcome for row in rows] == [case.outcome] * tries
    assert [row.kind for row in rows] == ["FIRST", "REPAIR"][:tries]
    for row in rows:
        assert (row.input_tokens, row.cached_tokens, row.output_tokens) == case.tokens
        assert row.cost_micro_usd == (COST if case.tokens[0] else None)
        assert row.error_code == case.code
        wished = (row.retry_at - row.finished_at).total_seconds() if row.retry_at and row.finished_at else None
        assert wished == case.retry_after_s
    if case.outcome == Outcome.REFUSED:
        assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_REFUSED")
        assert analysis.review_reasons == ["REFUSED"]
    else:
        assert analysis.status == "SUCCEEDED"
        assert analysis.provider == (name if case.outcome == Outcome.ANSWERED else "RULEBOOK")
    assert len(server.requests) == tries


@pytest.mark.parametrize("case", FAILING, ids=str)
def test_who_may_ask_nobody_else_tries_again_when_it_may_help(
    case: Case, server: ProviderServer, settings: Any
) -> None:
    analysis = asked(case, "OPENAI", server, settings, provider="OPENAI")

    if not case.may_pass:
        assert (analysis.status, analysis.failure_code) == ("FAILED", case.code)
        return
    patience = timedelta(seconds=case.deadline_s * 3)
    earliest = timedelta(seconds=max(10, case.retry_after_s or 0))  # of our own accord after ten seconds
    if earliest > patience:
        assert (analysis.status, analysis.failure_code) == ("FAILED", case.code)
    else:
        assert (analysis.status, analysis.stage, analysis.claims) == ("PENDING", "QUEUED", 1)
        assert analysis.wake_at > timezone.now() + earliest - timedelta(seconds=SLACK)
