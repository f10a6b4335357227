"""A second opinion: our three clients against aimock (npm, @copilotkit/aimock), by people who wrote neither.

`make check-aimock` installs it and runs this with the path of its command.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")
django.setup()

from aiassist.answer import InvalidAnswer, parse_answer  # noqa: E402 - Django has to be there first
from aiassist.pipeline import INVALID_ANSWER  # noqa: E402
from aiassist.prompts import fault_prompt  # noqa: E402
from aiassist.providers import registry  # noqa: E402
from aiassist.providers.base import ProviderFailed, Reply  # noqa: E402
from aiassist.question import Question  # noqa: E402
from aiassist.tests.answers import text  # noqa: E402
from faultreporter.localstack.environment import first_free_port  # noqa: E402

PHOTO: Final = b"\xff\xd8\xff photo"
PROMPT: Final = fault_prompt(Question(description="It hums.", image_count=1, images=(PHOTO,)))
BASE_PATHS: Final = {"OPENAI": "/v1", "GROK": "/v1", "GEMINI": ""}
COUNTED: Final = {
    "input_tokens": 120, "output_tokens": 34, "total_tokens": 154,
    "promptTokenCount": 120, "candidatesTokenCount": 34, "totalTokenCount": 154,
}  # fmt: skip


def error(status: int, **more: Any) -> dict[str, Any]:
    return {"response": {"error": {"message": "no", "type": "test", "code": "test"}, "status": status, **more}}


def says(content: str, **more: Any) -> dict[str, Any]:
    return {"response": {"content": content, "usage": COUNTED, **more}}


FIXTURES: Final[dict[str, dict[str, Any]]] = {
    "answers": says(text()),
    "prose": says("I believe it is the bearing."),
    "half": says(text()[:100], finishReason="length"),
    "limited": error(429, retryAfter=30),
    "overloaded": error(503),
    "rejecting": error(400),
    "locked": error(401),
    "malformed": says(text()) | {"chaos": {"malformedRate": 1.0}},
    "hanging-up": says(text()) | {"chaos": {"disconnectRate": 1.0}},
    "slow": says(text()) | {"chaos": {"latencyMs": 4000}},
}
EXPECTED: Final = {
    "answers": "ANSWERED",
    "prose": "AI_ANSWER_INVALID",
    "half": "AI_ANSWER_INVALID",
    "limited": "AI_PROVIDER_ERROR, again after 30 s",
    "overloaded": "AI_PROVIDER_ERROR",
    "rejecting": "AI_PROVIDER_REJECTED",
    "locked": "AI_PROVIDER_REJECTED",
    "malformed": "AI_PROVIDER_ERROR",
    "hanging-up": "AI_PROVIDER_ERROR",
    "slow": "AI_PROVIDER_TIMEOUT",
}


@contextmanager
def aimock(command: str) -> Iterator[str]:
    """Its address while it runs. The model's name chooses how it answers."""
    port = first_free_port(4010)
    fixtures = [{"match": {"model": model}, **answer} for model, answer in FIXTURES.items()]
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "fixtures.json"
        file.write_text(json.dumps({"fixtures": fixtures}))
        arguments = ["node", command, "--port", str(port), "--fixtures", str(file), "--log-level", "warn", "--strict"]
        process = subprocess.Popen(arguments)
        try:
            yield wait_for(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(10)


def wait_for(address: str) -> str:
    for _ in range(100):
        try:
            journal(address)
        except OSError:
            time.sleep(0.1)
        else:
            return address
    raise TimeoutError(address)


def journal(address: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{address}/__aimock/journal", timeout=5) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def ending(address: str, name: str, model: str) -> tuple[str, Reply | None]:
    """How a call ended, as the ledger would say it."""
    client = registry.declared()[name].client(
        name=name, api_key="k", model=model, base_url=f"{address}{BASE_PATHS[name]}"
    )
    try:
        reply = client.ask(PROMPT, deadline_s=2)
        parse_answer(reply.text)
    except ProviderFailed as failure:
        wish = failure.retry_after_s
        return f"{failure.code}{f', again after {wish:g} s' if wish and wish > 1 else ''}", None
    except InvalidAnswer:
        return INVALID_ANSWER, reply
    return "ANSWERED", reply


def main(command: str) -> int:
    wrong = 0
    with aimock(command) as address:
        for name in BASE_PATHS:
            for model, expected in EXPECTED.items():
                found, reply = ending(address, name, model)
                is_counted = reply is None or (reply.input_tokens, reply.output_tokens) == (120, 34)
                wrong += found != expected or not is_counted
                verdict = "ok" if found == expected and is_counted else f"WRONG, expected {expected}; {reply}"
                sys.stdout.write(f"{name:7} {model:11} {found:38} {verdict}\n")
        calls = len(journal(address))
    asked = len(BASE_PATHS) * len(EXPECTED)
    noted = asked - len(BASE_PATHS)  # whom we left before it answered isn't in its journal
    sys.stdout.write(f"{asked} calls, {calls} of {noted} requests in aimock's journal, {wrong} wrong.\n")
    return 1 if wrong or calls != noted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
