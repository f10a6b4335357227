"""Equal questions: an answer that was paid once is given again, and two who ask at once pay once."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiassist import pipeline
from aiassist.equality import digest_of
from aiassist.models import Analysis, AnalysisAttempt
from aiassist.prompts import fault_prompt
from aiassist.providers import registry
from aiassist.question import Question, ReadingFacts
from aiassist.tests import provider_server as script
from aiassist.tests.answers import text
from aiassist.tests.factories import make_analysis
from aiassist.tests.provider_server import ProviderServer
from aiassist.tests.workers import run_at_once, with_provider
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.attachments.tests.pictures import photograph

pytestmark = pytest.mark.django_db
QUESTION = Question(
    description="It hums", readings=(ReadingFacts(metric="t", name="Heat", value=9, unit="Cel", age_seconds=100.5),)
)


@pytest.fixture
def server(settings: Any) -> Iterator[ProviderServer]:
    server = ProviderServer()
    server.behaviour = script.reply(script.openai_text(text()))
    with_provider(settings, server)
    yield server
    server.stop()


def asked(**question: Any) -> Analysis:
    analysis = make_analysis(**{"provider": "AUTO", **question})
    pipeline.run(analysis.pk)
    analysis.refresh_from_db()
    return analysis


def outcomes(analysis: Analysis) -> list[tuple[str, str]]:
    return list(analysis.attempts.values_list("kind", "outcome"))


def digest(question: Question, **changes: Any) -> str:
    return digest_of(registry.provider("OPENAI"), replace(fault_prompt(question), **changes))


def test_an_equal_question_costs_nothing(server: ProviderServer, rita: User, tess: User) -> None:
    first, second = asked(by=rita), asked(by=tess)

    assert len(server.requests) == 1
    assert outcomes(second) == [("FIRST", "REUSED")]
    assert second.attempts.get().cost_micro_usd == 0
    assert (second.status, second.result, second.provider) == ("SUCCEEDED", first.result, "OPENAI")


@pytest.mark.parametrize("other", [{"description": "It hisses"}, {"equipment_type": "fan"}])
def test_another_question_is_asked(server: ProviderServer, other: dict[str, Any]) -> None:
    asked()
    asked(**other)

    assert len(server.requests) == 2


def test_other_photographs_are_another_question(server: ProviderServer) -> None:
    same, another = make_attachment(), make_attachment(content=photograph(colour=(9, 9, 200)))
    asked(images=(same,))
    asked(images=(same,))
    asked(images=(another,))

    assert len(server.requests) == 2


def test_an_old_answer_is_not_given_again(server: ProviderServer, settings: Any) -> None:
    asked()
    AnalysisAttempt.objects.update(started_at=timezone.now() - timedelta(days=settings.AI_REUSE_DAYS, minutes=1))
    asked()

    assert len(server.requests) == 2


def test_a_copy_is_no_younger_than_its_original(server: ProviderServer, settings: Any) -> None:
    asked()
    AnalysisAttempt.objects.update(started_at=timezone.now() - timedelta(days=settings.AI_REUSE_DAYS, minutes=-1))
    assert outcomes(asked()) == [("FIRST", "REUSED")]
    AnalysisAttempt.objects.filter(outcome="ANSWERED").update(started_at=timezone.now() - timedelta(days=31))

    assert outcomes(asked()) == [("FIRST", "ANSWERED")]


def test_reuse_can_be_switched_off(server: ProviderServer, settings: Any) -> None:
    settings.AI_REUSE_DAYS = 0
    asked()
    asked()

    assert len(server.requests) == 2


def test_what_could_not_be_used_is_not_given_again_but_its_correction_is(server: ProviderServer) -> None:
    answers = iter(["no idea", text()])

    def answer(handler: Any) -> None:
        script.reply(script.openai_text(next(answers)))(handler)

    server.behaviour = answer

    assert outcomes(asked()) == [("FIRST", "INVALID"), ("REPAIR", "ANSWERED")]
    assert outcomes(asked()) == [("FIRST", "REUSED")]
    assert len(server.requests) == 2
    assert "no idea" in str(server.requests[1][2])


@pytest.mark.django_db(transaction=True)
def test_two_equal_questions_at_once_pay_once(server: ProviderServer) -> None:
    def slowly(handler: Any) -> None:
        time.sleep(1)
        script.reply(script.openai_text(text()))(handler)

    server.behaviour = slowly
    analyses = [make_analysis(provider="AUTO") for _ in range(3)]

    run_at_once(analyses)

    assert len(server.requests) == 1
    ended = sorted(AnalysisAttempt.objects.values_list("outcome", flat=True))
    assert ended == ["ANSWERED", "REUSED", "REUSED"]


def test_facts_that_only_grew_older_are_equal() -> None:
    older = replace(QUESTION, readings=(replace(QUESTION.readings[0], age_seconds=250.0),))
    stale = replace(QUESTION, readings=(replace(QUESTION.readings[0], age_seconds=7300.0),))
    other = replace(QUESTION, readings=(replace(QUESTION.readings[0], value=9.5),))

    assert digest(older) == digest(QUESTION)
    assert len({digest(QUESTION), digest(stale), digest(other)}) == 3


@pytest.mark.parametrize(
    "change", [{"version": "other"}, {"instructions": "other"}, {"schema": {}}, {"images": (b"x",)}]
)
def test_another_prompt_is_another_question(change: dict[str, Any]) -> None:
    assert digest(QUESTION, **change) != digest(QUESTION)
