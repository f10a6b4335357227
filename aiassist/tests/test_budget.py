"""A day's money and a day's questions: neither is overdrawn, however many ask at once."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from aiassist import budget, pipeline, quota
from aiassist.errors import AiQuotaExceeded
from aiassist.models import Analysis, AnalysisAttempt, ModelPrice
from aiassist.tests import provider_server as script
from aiassist.tests.answers import text
from aiassist.tests.factories import make_analysis
from aiassist.tests.provider_server import ProviderServer
from aiassist.tests.workers import MODEL, at_once, run_at_once, with_provider
from alerts.services import report_fault
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error

pytestmark = pytest.mark.django_db
Api = Callable[[User | None], APIClient]
ASK = "/api/v1/ai/analyze-fault"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def server(settings: Any) -> Iterator[ProviderServer]:
    server = ProviderServer()
    server.behaviour = script.reply(script.openai_text(text()))
    with_provider(settings, server)
    yield server
    server.stop()


def spent(outcome: str, cost: int | None, *, at: datetime = NOON, provider: str = "OPENAI") -> None:
    analysis = make_analysis()
    AnalysisAttempt.objects.create(
        analysis=analysis, number=1, provider=provider, started_at=at, outcome=outcome, cost_micro_usd=cost,
        finished_at=None if outcome == "RUNNING" else at,
    )  # fmt: skip


def outcomes(analysis: Analysis) -> list[tuple[str, str, str]]:
    return list(analysis.attempts.values_list("provider", "outcome", "error_code"))


# The budget ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "cost", "counts"), [
    ("ANSWERED", 1234, 1234),
    ("INVALID", 5, 5),
    ("REUSED", 0, 0),
    ("ANSWERED", None, 250_000),
    ("RUNNING", None, 250_000),
    ("TIMEOUT", None, 250_000),
    ("LOST", None, 250_000),
    ("CANCELLED", None, 250_000),
    ("CANCELLED", 77, 77),
    ("ERROR", None, 0),
    ("SKIPPED", None, 0),
])  # fmt: skip
def test_a_cost_that_nobody_knows_counts_as_assumed(outcome: str, cost: int | None, counts: int) -> None:
    spent(outcome, cost)

    assert budget.spent_micro_usd(at=NOON) == counts


def test_the_rule_book_and_other_days_cost_nothing() -> None:
    spent("ANSWERED", None, provider="RULEBOOK")
    spent("ANSWERED", 9, at=NOON - timedelta(days=1))
    spent("ANSWERED", 4, at=NOON.replace(hour=0))

    assert budget.spent_micro_usd(at=NOON) == 4


def test_the_sum_is_that_of_the_rows() -> None:
    dice = random.Random(7)
    costs = [dice.choice([None, dice.randrange(10**6)]) for _ in range(40)]
    for cost in costs:
        spent("ANSWERED", cost)

    assert budget.spent_micro_usd(at=NOON) == sum(250_000 if cost is None else cost for cost in costs)


def test_over_the_budget_auto_is_answered_by_the_rule_book(server: ProviderServer, settings: Any) -> None:
    settings.AI_DAILY_BUDGET_USD = 1
    spent("ANSWERED", 1_000_000, at=timezone.now())
    analysis = make_analysis(provider="AUTO")

    pipeline.run(analysis.pk)

    assert outcomes(analysis) == [("OPENAI", "SKIPPED", "AI_BUDGET_EXHAUSTED"), ("RULEBOOK", "ANSWERED", "")]
    assert server.requests == []


def test_over_the_budget_a_named_provider_fails(server: ProviderServer, settings: Any) -> None:
    settings.AI_DAILY_BUDGET_USD = 0
    analysis = make_analysis(provider="OPENAI")

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_BUDGET_EXHAUSTED")
    assert server.requests == []


def test_a_correction_is_paid_too(server: ProviderServer, settings: Any) -> None:
    settings.AI_DAILY_BUDGET_USD = 0.25
    server.behaviour = script.reply(script.openai_text("no idea"))
    analysis = make_analysis(provider="AUTO")

    pipeline.run(analysis.pk)

    assert outcomes(analysis) == [
        ("OPENAI", "INVALID", "AI_ANSWER_INVALID"),
        ("OPENAI", "SKIPPED", "AI_BUDGET_EXHAUSTED"),
        ("RULEBOOK", "ANSWERED", ""),
    ]


def test_the_price_is_that_of_the_day(server: ProviderServer) -> None:
    for day, dollars in (("2026-01-01", 1), ("2099-01-01", 100)):
        ModelPrice.objects.create(
            provider="OPENAI", model_name=MODEL, valid_from=day,
            input_micro_usd=dollars * 10**6, output_micro_usd=dollars * 10**6,
        )  # fmt: skip
    analysis = make_analysis(provider="OPENAI")

    pipeline.run(analysis.pk)

    attempt = analysis.attempts.get()
    assert attempt.price == ModelPrice.objects.get(valid_from="2026-01-01", model_name=MODEL)
    assert attempt.cost_micro_usd == 120 + 34


@pytest.mark.django_db(transaction=True)
def test_parallel_workers_overdraw_it_by_one_call_at_most(server: ProviderServer, settings: Any) -> None:
    settings.AI_DAILY_BUDGET_USD, settings.AI_ASSUMED_CALL_USD = 0.5, 0.25

    def slowly(handler: Any) -> None:
        time.sleep(1.5)
        script.reply(script.openai_text(text()))(handler)

    server.behaviour = slowly
    analyses = [make_analysis(provider="AUTO", description=f"It hums {number}") for number in range(6)]

    run_at_once(analyses)

    assert len(server.requests) == 2
    assert AnalysisAttempt.objects.filter(error_code="AI_BUDGET_EXHAUSTED").count() == 4
    assert set(Analysis.objects.values_list("status", flat=True)) == {"SUCCEEDED"}


# The quota -----------------------------------------------------------------------------------------------------------


def test_who_asked_often_enough_is_told_when_they_may_again(
    api: Api, rita: User, tess: User, server: ProviderServer, settings: Any
) -> None:
    settings.AI_DAILY_QUOTA_PER_USER = 2
    for _ in range(2):
        assert api(rita).post(ASK, {"description": "x"}).status_code == 202

    response = api(rita).post(ASK, {"description": "x"})

    error = assert_error(response, 429, "AI_QUOTA_EXCEEDED")
    resets_at = datetime.fromisoformat(error["meta"]["resets_at"])
    assert (error["meta"]["limit"], error["meta"]["used"]) == (2, 2)
    assert (resets_at.hour, resets_at.minute) == (0, 0)
    assert 0 < int(response["Retry-After"]) <= 86_400
    assert api(rita).post(ASK, {"description": "x", "provider": "RULEBOOK"}).status_code == 202
    assert api(tess).post(ASK, {"description": "x"}).status_code == 202


def test_a_new_day_begins_anew(rita: User, server: ProviderServer, settings: Any) -> None:
    settings.AI_DAILY_QUOTA_PER_USER = 1
    make_analysis(by=rita, provider="AUTO", at=NOON)

    quota.require_room(by=rita, provider="AUTO", at=NOON + timedelta(hours=12))
    with pytest.raises(AiQuotaExceeded):
        quota.require_room(by=rita, provider="AUTO", at=NOON + timedelta(hours=11, minutes=59))


def test_where_only_the_rule_book_answers_nobody_counts(api: Api, rita: User, settings: Any) -> None:
    settings.AI_DAILY_QUOTA_PER_USER = 0

    assert api(rita).post(ASK, {"description": "x"}).status_code == 202


def test_a_fault_report_is_never_refused_for_it(rita: User, server: ProviderServer, settings: Any) -> None:
    settings.AI_DAILY_QUOTA_PER_USER = 0

    report_fault(equipment=EquipmentFactory.create(), title="Grinding", by=rita, at=timezone.now(), analyze=True)

    assert Analysis.objects.get().requested_provider == "RULEBOOK"


def test_a_repeated_request_counts_once(api: Api, rita: User, server: ProviderServer, settings: Any) -> None:
    settings.AI_DAILY_QUOTA_PER_USER = 1

    first, second = (api(rita).post(ASK, {"description": "x"}, headers={"Idempotency-Key": "q"}) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)


def test_counting_costs_two_queries(api: Api, rita: User, server: ProviderServer) -> None:
    client = api(rita)

    with CaptureQueriesContext(connection) as queries:
        client.post(ASK, {"description": "x"})

    asked = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"] and "set_config" not in q["sql"]]
    assert len(asked) <= 8, asked


@pytest.mark.django_db(transaction=True)
def test_of_many_questions_at_once_no_more_than_allowed_are_asked(
    rita: User, server: ProviderServer, settings: Any
) -> None:
    settings.AI_DAILY_QUOTA_PER_USER = 3

    def ask() -> None:
        with suppress(AiQuotaExceeded), transaction.atomic():
            quota.require_room(by=rita, provider="AUTO", at=timezone.now())
            make_analysis(by=rita, provider="AUTO")

    at_once([ask] * 8)

    assert Analysis.objects.filter(requested_by=rita).count() == 3
