"""A provider that fails again and again is left alone, and probed by one call after a while."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from aiassist import pipeline
from aiassist.breaker import Breaker, State, breaker
from aiassist.metrics import Assistant
from aiassist.models import Analysis, AnalysisAttempt
from aiassist.tests import provider_server as script
from aiassist.tests.answers import text
from aiassist.tests.factories import make_analysis
from aiassist.tests.provider_server import ProviderServer
from aiassist.tests.workers import run_at_once, with_provider
from faultreporter.accounts.models import User

pytestmark = pytest.mark.django_db
Api = Callable[[User | None], APIClient]
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def server(settings: Any) -> Iterator[ProviderServer]:
    server = ProviderServer()
    server.behaviour = script.reply(script.openai_text(text()))
    with_provider(settings, server)
    yield server
    server.stop()


def call(outcome: str, ago: timedelta, *, retry_at: datetime | None = None) -> AnalysisAttempt:
    at = NOON - ago
    finished_at = None if outcome == "RUNNING" else at
    return AnalysisAttempt(
        provider="OPENAI", outcome=outcome, started_at=at, finished_at=finished_at, retry_at=retry_at
    )


def failed(times: int, *, at: datetime) -> None:
    analysis = make_analysis()
    for number in range(times):
        AnalysisAttempt.objects.create(
            analysis=analysis, number=number, provider="OPENAI", started_at=at, finished_at=at, outcome="TIMEOUT"
        )


@pytest.mark.parametrize(("outcomes", "state"), [
    ([], State.CLOSED),
    (["ERROR", "ERROR"], State.CLOSED),
    (["ERROR", "TIMEOUT", "ERROR"], State.OPEN),
    (["ERROR", "ERROR", "ANSWERED", "ERROR"], State.CLOSED),
    (["ERROR", "ERROR", "INVALID", "ERROR"], State.CLOSED),
    (["ANSWERED", "ERROR", "ERROR", "ERROR"], State.CLOSED),
    (["ERROR", "ERROR", "ERROR", "ANSWERED"], State.OPEN),
])  # fmt: skip
def test_three_failures_in_a_row_open_it(outcomes: list[str], state: State) -> None:
    """The newest first."""
    calls = [call(outcome, number * SECOND) for number, outcome in enumerate(outcomes)]

    assert breaker(calls, at=NOON).state is state


def test_it_is_open_for_a_minute_and_then_one_may_probe() -> None:
    calls = [call("ERROR", number * SECOND) for number in range(3)]

    assert breaker(calls, at=NOON + 59 * SECOND) == Breaker(State.OPEN, until=NOON + MINUTE)
    assert breaker(calls, at=NOON + MINUTE) == Breaker(State.HALF_OPEN)
    assert breaker(calls, at=NOON + 11 * MINUTE) == Breaker(State.CLOSED)


def test_a_probe_keeps_the_others_away_and_its_failure_opens_it_again() -> None:
    calls = [call("ERROR", 2 * MINUTE + number * SECOND) for number in range(3)]

    assert breaker([call("RUNNING", SECOND), *calls], at=NOON).is_probed
    assert breaker([call("TIMEOUT", SECOND), *calls], at=NOON).state is State.OPEN
    assert breaker([call("ANSWERED", SECOND), *calls], at=NOON).state is State.CLOSED
    assert breaker([call("LOST", SECOND), *calls], at=NOON) == Breaker(State.HALF_OPEN)


def test_who_wants_to_be_left_alone_is_left_alone() -> None:
    wish = call("ERROR", SECOND, retry_at=NOON + 5 * MINUTE)

    assert breaker([wish], at=NOON) == Breaker(State.OPEN, until=NOON + 5 * MINUTE)
    assert breaker([wish], at=NOON + 5 * MINUTE).state is State.CLOSED
    asleep = call("ERROR", 50 * MINUTE, retry_at=NOON + 5 * MINUTE)
    assert breaker([asleep], at=NOON).state is State.OPEN
    assert breaker([call("ANSWERED", timedelta()), wish], at=NOON).state is State.CLOSED


def test_while_it_is_open_auto_goes_on_without_it(server: ProviderServer) -> None:
    failed(3, at=timezone.now())
    analysis = make_analysis(provider="AUTO")

    pipeline.run(analysis.pk)

    ended = list(analysis.attempts.values_list("provider", "outcome", "error_code"))
    assert ended == [("OPENAI", "SKIPPED", "AI_BREAKER_OPEN"), ("RULEBOOK", "ANSWERED", "")]
    assert server.requests == []


def test_who_may_ask_nobody_else_waits_until_it_closes(server: ProviderServer) -> None:
    failed(3, at=timezone.now())
    analysis = make_analysis(provider="OPENAI")

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert analysis.status == "PENDING"
    assert analysis.wake_at > timezone.now() + 50 * SECOND


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_probes(server: ProviderServer) -> None:
    failed(3, at=timezone.now() - 2 * MINUTE)

    def slowly(handler: Any) -> None:
        time.sleep(1.5)
        script.reply(script.openai_text(text()))(handler)

    server.behaviour = slowly

    run_at_once([make_analysis(provider="AUTO", description=f"It hums {number}") for number in range(4)])

    assert len(server.requests) == 1
    assert Analysis.objects.filter(provider="OPENAI").count() == 1
    assert Analysis.objects.filter(provider="RULEBOOK").count() == 3


def test_everybody_sees_who_is_left_alone(api: Api, rita: User, server: ProviderServer) -> None:
    failed(3, at=timezone.now())

    rows = {row["name"]: row for row in api(rita).get("/api/v1/ai/providers").json()["data"]}

    assert (rows["OPENAI"]["breaker"], rows["OPENAI"]["healthy"]) == ("OPEN", False)
    assert rows["OPENAI"]["retry_at"] is not None
    assert (rows["RULEBOOK"]["breaker"], rows["RULEBOOK"]["retry_at"]) == ("CLOSED", None)


def test_prometheus_is_told(server: ProviderServer) -> None:
    pipeline.run(make_analysis(provider="AUTO").pk)
    failed(3, at=timezone.now())

    told = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in Assistant().collect()
        for sample in metric.samples
    }

    assert told["ai_attempts", "OPENAI", "ANSWERED"] == 1
    assert told["ai_attempts", "OPENAI", "TIMEOUT"] == 3
    assert told["ai_attempt_seconds", "OPENAI", "ANSWERED"] > 0
    assert told["ai_cost_usd", "OPENAI", "ANSWERED"] == 0  # nobody knows its price
    assert (told["ai_breaker", "OPENAI"], told["ai_breaker", "RULEBOOK"]) == (2, 0)
