"""Our clients and the whole course against a server that nobody here wrote, and its verdict on how faults are taken.

LLMock (PyPI) speaks the OpenAI and Gemini protocols, answers in any JSON schema it is sent, breaks on request, and
judges from its journal: pauses not kept, useless retries, storms of retries.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Fail, Reply
from llmock.testing import LLMockServer

from aiassist import pipeline
from aiassist.answer import InvalidAnswer, parse_answer
from aiassist.models import MAX_CLAIMS, Analysis
from aiassist.models.claims import RUN_ANALYSIS
from aiassist.prompts import fault_prompt
from aiassist.providers import registry
from aiassist.providers.base import (
    ProviderFailed,
    ProviderRefused,
    ProviderRejected,
    ProviderTimedOut,
)
from aiassist.providers.client import Client
from aiassist.question import ModeFacts, Question
from aiassist.tests.factories import make_analysis
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.outbox.models import OutboxMessage

BASE_URLS: Final = {"OPENAI": "/v1", "GROK": "/v1", "GEMINI": "/gemini"}
"""LLMock has xAI's chat completions only; its Responses API is OpenAI's, as it is at xAI."""

QUESTION: Final = Question(
    description="It hums.",
    modes=(ModeFacts("BEARING", "Bearing wear"),),
    image_count=1,
    images=(b"\xff\xd8\xff photo",),
)
PROMPT: Final = fault_prompt(QUESTION)


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def llmock(server: LLMockServer) -> Iterator[LLMock]:
    """Whatever a test does to our clients, LLMock must find no error in how they took it."""
    handle = LLMock(server).reset()
    yield handle
    handle.assert_resilient()


@pytest.fixture(params=BASE_URLS)
def name(request: Any, llmock: LLMock, settings: Any) -> str:
    chosen = str(request.param)
    options = {"api_key": "k", "model": "model-1", "base_url": llmock.url + BASE_URLS[chosen]}
    settings.AI_PROVIDERS = {chosen: options}
    return chosen


@pytest.fixture
def client(name: str) -> Client:
    return registry.client(name)


def failure_of(client: Client, *, deadline_s: float = 10) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as failed:
        client.ask(PROMPT, deadline_s=deadline_s)
    return failed.value


# The clients ---------------------------------------------------------------------------------------------------------


def test_it_works_in_our_schema_and_counts(llmock: LLMock, client: Client) -> None:
    reply = client.ask(PROMPT, deadline_s=10)

    assert parse_answer(reply.text).condition
    assert reply.input_tokens
    assert reply.output_tokens
    assert len(llmock.requests) == 1


def test_a_repair_is_a_conversation_it_understands(llmock: LLMock, client: Client) -> None:
    first = client.ask(PROMPT, deadline_s=10)
    again = client.ask(replace(PROMPT, previous=first.text, complaint="No. Again, please."), deadline_s=10)

    assert parse_answer(again.text)
    assert (again.input_tokens or 0) > (first.input_tokens or 0)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_what_may_pass_comes_back_at_once_with_the_pause_it_wishes(llmock: LLMock, client: Client, status: int) -> None:
    llmock.fail(status, retry_after=30)

    failure = failure_of(client)

    assert failure.may_pass
    assert failure.retry_after_s == 30
    assert len(llmock.requests) == 1


def test_a_quota_that_is_used_up_says_when_there_is_more(llmock: LLMock, client: Client) -> None:
    llmock.limits(rpm=1)
    client.ask(PROMPT, deadline_s=10)

    failure = failure_of(client)

    assert failure.may_pass
    assert failure.retry_after_s
    assert 50 < failure.retry_after_s <= 61


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_never_passes_is_said_to_be_so(llmock: LLMock, client: Client, status: int) -> None:
    llmock.fail(status, times=None)

    assert isinstance(failure_of(client), ProviderRejected)
    assert len(llmock.requests) == 1


def test_a_question_too_long_is_our_mistake(llmock: LLMock, client: Client) -> None:
    llmock.context_overflow()

    assert isinstance(failure_of(client), ProviderRejected)


def test_a_question_longer_than_the_window_is_our_mistake(llmock: LLMock, client: Client) -> None:
    llmock.limits(context_window=50)

    assert isinstance(failure_of(client), ProviderRejected)


def test_a_policy_that_forbids_the_question_is_not_asked_twice(llmock: LLMock, client: Client) -> None:
    llmock.add(Fail(400, code="content_policy_violation", message="Your request was rejected by our safety system."))

    assert isinstance(failure_of(client), ProviderRejected)
    assert len(llmock.requests) == 1


def test_an_answer_cut_by_a_filter_is_a_refusal(llmock: LLMock, client: Client) -> None:
    """LLMock's Responses API knows no filter; there the answer is only cut."""
    llmock.add(Reply(text="I", finish_reason="content_filter"))

    if client.name == "GEMINI":
        assert isinstance(failure_of(client), ProviderRefused)
    else:
        with pytest.raises(InvalidAnswer):
            parse_answer(client.ask(PROMPT, deadline_s=10).text)


@pytest.mark.parametrize("raw", ['{"condition": "The fan ru', "I believe it is the bearing.", ""])
def test_half_an_answer_or_none_is_not_usable(llmock: LLMock, client: Client, raw: str) -> None:
    llmock.add(Reply(text=raw, finish_reason="length"))

    with pytest.raises(InvalidAnswer):
        parse_answer(client.ask(PROMPT, deadline_s=10).text)


def test_who_is_slow_is_left_at_the_deadline(llmock: LLMock, client: Client) -> None:
    client.connect(1).close()  # what the import takes is no part of it
    llmock.delay(3)

    assert isinstance(failure_of(client, deadline_s=1), ProviderTimedOut)


def test_its_list_of_models_is_understood(llmock: LLMock, client: Client) -> None:
    if client.name == "GROK":
        client.base_url = llmock.base_url("xai")

    found, listed = client.find_model(deadline_s=10)
    client.model_name = listed[0]

    assert found is None
    assert client.find_model(deadline_s=10)[0]


# The whole course ----------------------------------------------------------------------------------------------------


def see_through(analysis: Analysis) -> None:
    """What relay, broker and workers do: a run at each wake-up, no earlier than it is due, until there is an end."""
    while not analysis.is_finished:
        wake_up = OutboxMessage.objects.filter(task=RUN_ANALYSIS).latest("pk")
        time.sleep(max(0.0, (wake_up.available_at - timezone.now()).total_seconds()))
        pipeline.run(analysis.pk)
        analysis.refresh_from_db()


def attempts_at(llmock: LLMock) -> list[int]:
    """How often each call was tried, as LLMock tells calls from retries."""
    return [len(call.attempts) for call in llmock.verdict().calls]


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "RETRY_AFTER", timedelta(seconds=0.3))


@pytest.mark.django_db
def test_an_answer_by_its_schema_is_an_analysis(llmock: LLMock, name: str) -> None:
    analysis = make_analysis(provider=name, images=(make_attachment(),))

    see_through(analysis)

    assert (analysis.status, analysis.provider) == ("SUCCEEDED", name)
    assert attempts_at(llmock) == [1]


@pytest.mark.django_db
@pytest.mark.usefixtures("short_pauses")
def test_an_outage_that_ends_is_sat_out_with_growing_pauses(llmock: LLMock, name: str) -> None:
    llmock.fail(503, times=2)
    analysis = make_analysis(provider=name)

    see_through(analysis)

    assert analysis.status == "SUCCEEDED"
    assert attempts_at(llmock) == [3]
    llmock.assert_resilient(strict=True)


@pytest.mark.django_db
@pytest.mark.usefixtures("short_pauses")
def test_a_wished_pause_is_kept_though_ours_is_shorter(llmock: LLMock, name: str) -> None:
    llmock.rate_limit(times=2, retry_after=2)
    analysis = make_analysis(provider=name, allow_fallback=False)

    see_through(analysis)

    assert analysis.status == "SUCCEEDED"
    assert attempts_at(llmock) == [3]
    first, second, third = llmock.requests
    assert second.started_at - first.ended_at >= 2
    assert third.started_at - second.ended_at >= 2


@pytest.mark.django_db
def test_a_pause_longer_than_anybody_waits_is_the_end(llmock: LLMock, name: str) -> None:
    llmock.rate_limit(retry_after=1800)
    analysis = make_analysis(provider=name, allow_fallback=False)

    see_through(analysis)

    assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_PROVIDER_ERROR")
    assert attempts_at(llmock) == [1]


@pytest.mark.django_db
@pytest.mark.parametrize("raw", ["I believe it is the bearing.", '{"condition": "cut'])
def test_an_unusable_answer_is_sent_back_once(llmock: LLMock, name: str, raw: str) -> None:
    llmock.add(Reply(text=raw))
    analysis = make_analysis(provider=name, allow_fallback=False)

    see_through(analysis)

    assert analysis.status == "SUCCEEDED"
    assert list(analysis.attempts.values_list("kind", "outcome")) == [("FIRST", "INVALID"), ("REPAIR", "ANSWERED")]
    assert raw[:10] in json.dumps(llmock.last_request.body)


@pytest.mark.django_db
@pytest.mark.usefixtures("short_pauses")
def test_an_outage_that_does_not_end_is_given_up(llmock: LLMock, name: str) -> None:
    llmock.outage()
    analysis = make_analysis(provider=name, allow_fallback=False)

    see_through(analysis)

    assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_PROVIDER_ERROR")
    assert attempts_at(llmock) == [MAX_CLAIMS]


@pytest.mark.django_db
@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_never_passes_is_asked_once(llmock: LLMock, name: str, status: int) -> None:
    llmock.fail(status, times=None)
    analysis = make_analysis(provider=name, allow_fallback=False)

    see_through(analysis)

    assert (analysis.status, analysis.failure_code) == ("FAILED", "AI_PROVIDER_REJECTED")
    assert attempts_at(llmock) == [1]


@pytest.mark.django_db
def test_auto_does_without_who_is_down(llmock: LLMock, name: str, settings: Any) -> None:
    settings.AI_PROVIDER_ORDER = [name]
    llmock.outage()
    analysis = make_analysis(provider="AUTO")

    see_through(analysis)

    assert (analysis.status, analysis.provider) == ("SUCCEEDED", "RULEBOOK")
    assert attempts_at(llmock) == [1]
