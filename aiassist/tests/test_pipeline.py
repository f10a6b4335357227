"""Exactly once, whatever dies: claims, leases, retries, and the course from question to answer."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from aiassist import calls, pipeline
from aiassist.answer import Answer, Severity, Verdict, parse_answer
from aiassist.errors import ClaimLost
from aiassist.models import LEASE, MAX_CLAIMS, Analysis
from aiassist.providers.rulebook import RuleBook
from aiassist.tasks import run_analysis, sweep_analyses
from aiassist.tests import provider_server as script
from aiassist.tests.answers import issue, text
from aiassist.tests.factories import make_analysis
from aiassist.tests.provider_server import ProviderServer
from aiassist.tests.workers import start_worker, with_provider
from alerts.tests.factories import AlertFactory
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.outbox.models import OutboxMessage
from telemetry.models import LatestReading
from telemetry.tests.factories import RuleFactory, SeriesFactory
from workorders.models import WorkOrder
from workorders.tests.factories import order_in

pytestmark = pytest.mark.django_db
ANSWER: Answer = parse_answer(text())
VERDICT = Verdict(Severity.HIGH, 0.7, ())


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    server = ProviderServer()
    yield server
    server.stop()


@pytest.fixture
def with_openai(server: ProviderServer, settings: Any) -> ProviderServer:
    """A server where OPENAI has a key."""
    with_provider(settings, server)
    return server


def chiller() -> Any:
    category = CategoryFactory.create(code="CHILLER", name="Chiller")
    FailureModeFactory.create(category=category, code="BEARING", name="Bearing wear", keywords=["grinding", "hums"])
    FailureModeFactory.create(category=category, code="LEAK", name="Refrigerant leak", keywords=["hissing"])
    return EquipmentFactory.create(equipment_name="Chiller 1", category=category)


def published() -> list[str]:
    rows = OutboxMessage.objects.filter(task="aiassist.tasks.run_analysis").order_by("id")
    return [row.payload["analysis_id"] for row in rows]


def outcomes(analysis: Analysis) -> list[tuple[str, str]]:
    return list(analysis.attempts.values_list("provider", "outcome"))


def result_of(analysis: Analysis) -> dict[str, Any]:
    assert analysis.result is not None
    found: dict[str, Any] = analysis.result
    return found


def run_together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def claimed(**fields: Any) -> Analysis:
    analysis = Analysis.claim(make_analysis(**fields).pk, at=timezone.now())
    assert analysis is not None
    return analysis


# The course ----------------------------------------------------------------------------------------------------------


def test_it_works() -> None:
    analysis = make_analysis(equipment=chiller())

    run_analysis(analysis_id=str(analysis.pk))

    analysis.refresh_from_db()
    assert published() == [str(analysis.pk)]
    assert (analysis.status, analysis.provider, analysis.model_name) == ("SUCCEEDED", "RULEBOOK", "rulebook-2")
    assert result_of(analysis)["issues"][0]["failure_mode"] == "BEARING"
    assert analysis.confidence
    assert 0 < analysis.confidence < 1
    assert analysis.severity == "MEDIUM"
    assert analysis.finished_at is not None
    assert (analysis.claim_token, analysis.claimed_until) == (None, None)
    assert outcomes(analysis) == [("RULEBOOK", "ANSWERED")]


def test_a_question_is_taken_back_with_its_transaction() -> None:
    with transaction.atomic():
        make_analysis()
        transaction.set_rollback(True)

    assert not Analysis.objects.exists()
    assert published() == []


def test_the_facts_of_the_machine_reach_the_answer(tess: User, mona: User) -> None:
    machine = chiller()
    leak = machine.category.failure_modes.get(code="LEAK")
    order = order_in("IN_PROGRESS", by=tess, equipment=machine)
    order.complete(by=tess, at=timezone.now(), resolution="Sealed", failure_mode=leak, cause="Flare joint")
    series = SeriesFactory.create(equipment=machine, metric__code="discharge", metric__name="Grinding level")
    RuleFactory.create(equipment=machine, metric=series.metric, trigger_value=5, clear_value=4, severity="CRITICAL")
    LatestReading.objects.create(series=series, value=9, recorded_at=timezone.now())
    AlertFactory.create(equipment=machine, title="Hissing in the plant room", severity="HIGH")
    analysis = make_analysis(equipment=machine, description="Please look")

    run_analysis(analysis_id=str(analysis.pk))

    analysis.refresh_from_db()
    evidence = {e["kind"] for found in result_of(analysis)["issues"] for e in found["evidence"]}
    assert evidence == {"ALERT", "READING", "HISTORY"}
    assert "Flare joint" in str(analysis.result)
    assert analysis.severity == "CRITICAL"
    assert WorkOrder.objects.count() == 1  # an answer changes nothing


def test_a_named_kind_of_machine_is_enough() -> None:
    chiller()
    analysis = make_analysis(equipment_type="chiller", description="grinding, it hums")

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert result_of(analysis)["issues"][0]["failure_mode"] == "BEARING"


def test_a_finished_or_unknown_one_is_left_alone() -> None:
    analysis = make_analysis()
    pipeline.run(analysis.pk)
    pipeline.run(analysis.pk)
    pipeline.run(analysis.alert_id or analysis.attempts.get().pk)

    assert analysis.attempts.count() == 1


# Providers -----------------------------------------------------------------------------------------------------------


def test_auto_asks_the_configured_one_and_shows_it_the_photo(with_openai: ProviderServer) -> None:
    with_openai.behaviour = script.reply(script.openai_text(text()))
    analysis = make_analysis(provider="AUTO", images=(make_attachment(),), equipment=chiller())

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    attempt = analysis.attempts.get()
    assert (analysis.status, analysis.provider, analysis.model_name) == ("SUCCEEDED", "OPENAI", "gpt-test")
    assert analysis.prompt_version == "analyze_fault/v2"
    assert (attempt.input_tokens, attempt.output_tokens) == (120, 34)
    assert "data:image/jpeg;base64,/9j/" in str(with_openai.requests[0][2])
    assert not analysis.needs_review


@pytest.mark.parametrize(
    ("behaviour", "ended"),
    [
        (script.status(500), ["ERROR"]),
        (script.status(401), ["ERROR"]),
        (script.reply(script.openai_text("no idea")), ["INVALID", "INVALID"]),
        (script.garbage, ["ERROR"]),
    ],
)
def test_auto_falls_back_on_the_rule_book(with_openai: ProviderServer, behaviour: Any, ended: list[str]) -> None:
    with_openai.behaviour = behaviour
    analysis = make_analysis(provider="AUTO", equipment=chiller())

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert analysis.provider == "RULEBOOK"
    assert outcomes(analysis) == [*(("OPENAI", outcome) for outcome in ended), ("RULEBOOK", "ANSWERED")]


def test_a_named_provider_is_tried_again_later_and_then_given_up(with_openai: ProviderServer) -> None:
    with_openai.behaviour = script.status(503)
    analysis = make_analysis(provider="OPENAI")

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert (analysis.status, analysis.claim_token) == ("PENDING", None)
    assert analysis.wake_at > timezone.now() + timedelta(seconds=5)

    for _ in range(MAX_CLAIMS):
        pipeline.run(analysis.pk)
    analysis.refresh_from_db()
    assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_PROVIDER_ERROR")
    assert analysis.attempts.count() == MAX_CLAIMS


def test_a_rejected_request_is_not_repeated(with_openai: ProviderServer) -> None:
    with_openai.behaviour = script.status(401)
    analysis = make_analysis(provider="OPENAI")

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_PROVIDER_REJECTED")


def test_a_refusal_is_for_a_person_to_look_at(with_openai: ProviderServer) -> None:
    with_openai.behaviour = script.reply(script.openai_refusal())
    analysis = make_analysis(provider="AUTO")

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_REFUSED")
    assert analysis.review_reasons == ["REFUSED"]
    assert outcomes(analysis) == [("OPENAI", "REFUSED")]


@pytest.mark.parametrize("behaviour", [script.silent, script.dripping])
def test_the_worker_is_not_held_beyond_the_deadline(with_openai: ProviderServer, settings: Any, behaviour: Any) -> None:
    settings.AI_DEADLINE_SECONDS = 1
    with_openai.behaviour = behaviour
    analysis = make_analysis(provider="OPENAI")
    Analysis.objects.filter(pk=analysis.pk).update(claims=MAX_CLAIMS - 1)
    started = time.monotonic()

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert time.monotonic() - started < 7  # a second, and what importing the SDK may take
    assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_PROVIDER_TIMEOUT")
    assert outcomes(analysis) == [("OPENAI", "TIMEOUT")]


def test_an_answer_cannot_invent_failure_modes(with_openai: ProviderServer) -> None:
    answer = text(issues=[issue(failure_mode="INVENTED"), issue(failure_mode="LEAK", image_index=5)])
    with_openai.behaviour = script.reply(script.openai_text(answer))
    analysis = make_analysis(provider="OPENAI", equipment=chiller())

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert [i["failure_mode"] for i in result_of(analysis)["issues"]] == [None, "LEAK"]
    assert [i["image_index"] for i in result_of(analysis)["issues"]] == [None, None]


# Claims and leases ---------------------------------------------------------------------------------------------------


def test_who_holds_it_holds_it_alone() -> None:
    analysis = claimed()

    assert Analysis.claim(analysis.pk, at=timezone.now()) is None


def test_an_expired_lease_is_taken_over_and_the_first_can_write_nothing() -> None:
    first = claimed()
    attempt = first.begin_attempt(RuleBook(), prompt_version="", at=timezone.now())

    second = Analysis.claim(first.pk, at=timezone.now() + LEASE)

    assert second is not None
    assert outcomes(second) == [("RULEBOOK", "LOST")]
    for write in (
        lambda: first.succeed(attempt, ANSWER, VERDICT, at=timezone.now()),
        lambda: first.fail(code="X", message="", at=timezone.now()),
        lambda: first.renew(at=timezone.now()),
        lambda: first.put_back(retry_at=timezone.now()),
        lambda: first.begin_attempt(RuleBook(), prompt_version="", at=timezone.now()),
    ):
        with pytest.raises(ClaimLost):
            write()
    second.refresh_from_db()
    assert second.status == "RUNNING"


def test_it_finishes_once() -> None:
    analysis = claimed()
    attempt = analysis.begin_attempt(RuleBook(), prompt_version="", at=timezone.now())
    analysis.succeed(attempt, ANSWER, VERDICT, at=timezone.now())

    with pytest.raises(ClaimLost):
        analysis.fail(code="X", message="", at=timezone.now())

    analysis.refresh_from_db()
    assert (analysis.status, analysis.failure_code) == ("SUCCEEDED", "")


def test_the_database_refuses_half_an_answer() -> None:
    analysis = claimed()

    with pytest.raises(IntegrityError, match="check_ai_analyses"):
        Analysis.objects.filter(pk=analysis.pk).update(
            status="SUCCEEDED", claim_token=None, claimed_until=None, finished_at=timezone.now()
        )


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_one_gets_it() -> None:
    analysis = make_analysis()
    start, won = threading.Barrier(4), []

    def worker() -> None:
        start.wait()
        if Analysis.claim(analysis.pk, at=timezone.now()):
            won.append(threading.get_ident())
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    run_together(threads)

    assert len(won) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_runs_at_once_one_answers() -> None:
    analysis = make_analysis(equipment=chiller())

    def worker() -> None:
        pipeline.run(analysis.pk)
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(3)]
    run_together(threads)

    assert outcomes(analysis) == [("RULEBOOK", "ANSWERED")]


# The sweep -----------------------------------------------------------------------------------------------------------


def test_a_lost_wake_up_is_repeated_after_a_while() -> None:
    analysis = make_analysis()

    assert sweep_analyses() == 0
    assert pipeline.sweep(at=timezone.now() + timedelta(seconds=13)) == 1

    assert published() == [str(analysis.pk)] * 2


def test_wake_ups_become_rarer_with_age() -> None:
    now = timezone.now()
    analysis = make_analysis(at=now - timedelta(hours=1))

    pipeline.sweep(at=now)

    analysis.refresh_from_db()
    assert analysis.wake_at == now + timedelta(seconds=60)


def test_a_dead_workers_analysis_is_tried_again_within_half_a_minute() -> None:
    analysis = claimed(equipment=chiller())
    analysis.begin_attempt(RuleBook(), prompt_version="", at=timezone.now())
    Analysis.objects.filter(pk=analysis.pk).update(claimed_until=timezone.now())

    assert sweep_analyses() == 1
    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert analysis.status == "SUCCEEDED"
    assert outcomes(analysis) == [("RULEBOOK", "LOST"), ("RULEBOOK", "ANSWERED")]


def test_what_kills_every_worker_is_given_up() -> None:
    analysis = make_analysis()
    for turn in range(MAX_CLAIMS):
        assert Analysis.claim(analysis.pk, at=timezone.now() + LEASE * turn)
    later = timezone.now() + LEASE * MAX_CLAIMS

    assert Analysis.claim(analysis.pk, at=later) is None
    pipeline.sweep(at=later)

    analysis.refresh_from_db()
    assert (analysis.status, analysis.failure_code) == ("FAILED", "WORKER_LOST")


@pytest.mark.django_db(transaction=True)
def test_a_slow_provider_keeps_its_lease(with_openai: ProviderServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(calls, "SIGN_OF_LIFE", 0.1)
    leases: list[Any] = []
    analysis = make_analysis(provider="OPENAI")

    def slow(handler: Any) -> None:
        for _ in range(3):
            time.sleep(0.4)
            leases.append(Analysis.objects.get(pk=analysis.pk).claimed_until)
        connection.close()
        script.reply(script.openai_text(text()))(handler)

    with_openai.behaviour = slow

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert analysis.status == "SUCCEEDED"
    assert leases[0] < leases[1] < leases[2]


@pytest.mark.stack
@pytest.mark.django_db(transaction=True)
def test_kill_9_in_the_middle_of_a_call_loses_nothing_and_answers_once(with_openai: ProviderServer) -> None:
    analysis, asked = make_analysis(provider="OPENAI", equipment=chiller()), threading.Event()

    def hang(handler: Any) -> None:
        asked.set()
        time.sleep(5)

    with_openai.behaviour = hang
    worker = start_worker(analysis, with_openai)
    assert asked.wait(30)
    worker.kill()
    worker.wait()
    with_openai.behaviour = script.reply(script.openai_text(text()))

    assert pipeline.sweep(at=timezone.now() + LEASE) == 1
    Analysis.objects.filter(pk=analysis.pk).update(claimed_until=timezone.now())
    pipeline.run(analysis.pk)
    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert analysis.status == "SUCCEEDED"
    assert outcomes(analysis) == [("OPENAI", "LOST"), ("OPENAI", "ANSWERED")]
