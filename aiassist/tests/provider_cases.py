"""What providers do, well and badly, and how a call must end each time. For the clients and for the whole course."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiassist.models import AnalysisAttempt
from aiassist.providers import registry
from aiassist.providers.client import Client
from aiassist.tests import provider_server as script
from aiassist.tests.answers import issue, text
from aiassist.tests.provider_server import Behaviour, ProviderServer

Outcome = AnalysisAttempt.Outcome
PROTOCOLS: Final = {"OPENAI": "openai", "GROK": "openai", "GEMINI": "gemini"}
KEY: Final = "key-that-nobody-may-see"
MODEL: Final = "model-1"
COUNTED: Final = (120, 20, 34)
"""Input, cached and output tokens of every answer the server gives."""


@dataclass(frozen=True)
class Case:
    """`behave` takes a protocol's name. `tokens` is what the ledger must know; `retry_after_s` what was wished."""

    name: str
    behave: Callable[[str], Behaviour]
    outcome: str
    code: str = ""
    may_pass: bool = True
    tokens: tuple[int | None, int | None, int | None] = (None, None, None)
    retry_after_s: float | None = None
    deadline_s: float = 10.0

    def __str__(self) -> str:
        return self.name


def says(raw: str) -> Callable[[str], Behaviour]:
    return lambda protocol: script.reply(script.openai_text(raw) if protocol == "openai" else script.gemini_text(raw))


def declines(protocol: str) -> Behaviour:
    cut = script.gemini_text("", finish="SAFETY")
    return script.reply(script.openai_refusal() if protocol == "openai" else cut)


def does(behaviour: Behaviour) -> Callable[[str], Behaviour]:
    return lambda _protocol: behaviour


def good(name: str, raw: str) -> Case:
    return Case(name, says(raw), Outcome.ANSWERED, tokens=COUNTED)


def unusable(name: str, raw: str) -> Case:
    return Case(name, says(raw), Outcome.INVALID, "AI_ANSWER_INVALID", tokens=COUNTED)


def failing(name: str, behaviour: Behaviour, *, outcome: str = Outcome.ERROR, **how: Any) -> Case:
    return Case(name, does(behaviour), outcome, how.pop("code", "AI_PROVIDER_ERROR"), **how)


def rejected(status: int) -> Case:
    return failing(str(status), script.status(status), code="AI_PROVIDER_REJECTED", may_pass=False)


LATE: Final = {"outcome": Outcome.TIMEOUT, "code": "AI_PROVIDER_TIMEOUT", "deadline_s": 1.0}
CASES: Final = [
    good("good", text()),
    good("fenced", f"```json\n{text()}\n```"),
    unusable("truncated", text()[:200]),
    unusable("prose", "I think that the bearing is worn."),
    unusable("wrong enumeration", text(issues=[issue(severity="APOCALYPTIC")])),
    unusable("out of range", text(issues=[issue(confidence=1.7)])),
    unusable("one field too many", text(verdict="fine")),
    unusable("empty", ""),
    unusable("huge", text(condition="x" * 300_000)),
    Case("refusal", declines, Outcome.REFUSED, "AI_REFUSED", may_pass=False, tokens=COUNTED),
    rejected(400),
    rejected(401),
    rejected(404),
    failing("429 with Retry-After", script.status(429, retry_after="7"), retry_after_s=7.0),
    failing("429 without", script.status(429)),
    failing("500", script.status(500)),
    failing("503 with Retry-After", script.status(503, retry_after="7.5"), retry_after_s=7.5),
    failing("connection reset", script.reset),
    failing("HTML that says 200", script.garbage),
    failing("half a body", script.not_json),
    failing("silence", script.silent, **LATE),
    failing("slow drip", script.dripping, **LATE),
]


def options(server: ProviderServer, name: str) -> dict[str, str]:
    """What `settings.AI_PROVIDERS[name]` is when this provider is the server."""
    base_url = f"{server.url}/v1" if PROTOCOLS[name] == "openai" else server.url
    return {"api_key": KEY, "model": MODEL, "base_url": base_url}


def client(server: ProviderServer, name: str) -> Client:
    return registry.declared()[name].client(name=name, **options(server, name))
