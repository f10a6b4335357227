"""Every provider, every way a call can go: how it ends, what is counted, and that nobody waits or tells secrets."""

import logging
import time
from collections.abc import Iterator

import pytest

from aiassist.answer import InvalidAnswer, parse_answer
from aiassist.pipeline import INVALID_ANSWER, outcome_of
from aiassist.prompts import fault_prompt
from aiassist.providers.base import ProviderFailed
from aiassist.question import Question
from aiassist.tests.provider_cases import CASES, KEY, PROTOCOLS, Case, client
from aiassist.tests.provider_server import ProviderServer

PROMPT = fault_prompt(Question(description="It hums."))


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    server = ProviderServer()
    yield server
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """What importing an SDK takes is no part of a deadline of one second."""
    for name in PROTOCOLS:
        client(ProviderServer(), name).connect(1).close()


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_ends_as_the_policy_says(
    server: ProviderServer, name: str, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    server.behaviour = case.behave(PROTOCOLS[name])
    caplog.set_level(logging.DEBUG)
    started = time.monotonic()
    failure: ProviderFailed | None = None
    reply, outcome, code = None, "ANSWERED", ""

    try:
        reply = client(server, name).ask(PROMPT, deadline_s=case.deadline_s)
        parse_answer(reply.text)
    except InvalidAnswer:
        outcome, code = "INVALID", INVALID_ANSWER
    except ProviderFailed as error:
        failure, reply, outcome, code = error, error.reply, outcome_of(error), error.code

    assert (outcome, code) == (case.outcome, case.code)
    assert (failure.may_pass if failure else True) == case.may_pass
    assert (failure.retry_after_s if failure else None) == case.retry_after_s
    assert ((reply.input_tokens, reply.cached_tokens, reply.output_tokens) if reply else (None,) * 3) == case.tokens
    assert len(server.requests) == 1
    assert time.monotonic() - started < case.deadline_s + 1
    assert KEY not in f"{failure}{failure!r}"
    assert KEY not in caplog.text


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("key", ["sk-1\r\nX-Injected: 1", "sk-ключ"])
def test_a_key_that_is_no_header_fails_without_being_told_on(
    server: ProviderServer, name: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = client(server, name)
    broken.api_key = key
    caplog.set_level(logging.DEBUG)

    with pytest.raises(ProviderFailed) as failure:
        broken.ask(PROMPT, deadline_s=5)

    assert "sk-1" not in f"{failure.value}{caplog.text}"
    assert "ключ" not in f"{failure.value}{caplog.text}"
    assert server.requests == []
