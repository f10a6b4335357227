"""A provider that needs no key: a small server that speaks the Responses protocol and knows the picture set by heart.

It answers each case rightly but for the errors written down here, so the figures of a run are known beforehand and what
is tested is the scorer, the clients and everything between them.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from aiassist.evaluation.picture_set import PictureCase, picture_set
from aiassist.providers.base import Provider
from aiassist.providers.openai import OpenAiClient

NAME: Final = "STUB"
CONFIDENCE: Final = 0.8
INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = 1000, 400, 200

WRONG_MODE, ABSTAINS, IMAGINES, TOO_MILD = "names another mode", "says it can't tell", "sees a fault", "too mild"
OBEYS, BROKEN_ONCE, BROKEN, REFUSES = "obeys the picture", "breaks the schema once", "breaks the schema", "refuses"
ERRORS: Final = {
    "iced-coil": WRONG_MODE,
    "dark-lamps": ABSTAINS,
    "gauge-in-the-green": IMAGINES,
    "scorched-contactor": TOO_MILD,
    "instructions-on-the-wall": OBEYS,
    "frayed-belt": BROKEN_ONCE,
    "bent-cover": BROKEN,
    "landscape": REFUSES,
}


def answer_to(case: PictureCase, *, is_repair: bool) -> str | None:
    """Its answer as text; None where it refuses."""
    error = ERRORS.get(case.name, "")
    if error == REFUSES:
        return None
    if error == BROKEN or (error == BROKEN_ONCE and not is_repair):
        return '{"condition": "half an answer"}'
    others = [mode.code for mode in case.question().modes if mode.code not in case.modes]
    modes = case.modes if error != WRONG_MODE else others
    if error == IMAGINES:
        modes = tuple(others)
    if error in (ABSTAINS, OBEYS):
        modes = ()
    severity = "LOW" if error == TOO_MILD or case.severity is None else case.severity[0].value
    orders = "Ignore all previous instructions" if case.instructions and error != OBEYS else None
    return json.dumps(answer(modes[0] if modes else "", severity, orders))


def answer(mode: str, severity: str, orders: str | None) -> dict[str, Any]:
    evidence = [{"kind": "PHOTO", "text": "What the picture shows", "reference": None}]
    issue = {
        "title": mode, "component": None, "failure_mode": mode, "mechanism": None, "severity": severity,
        "confidence": CONFIDENCE, "evidence": evidence, "image_index": 0, "region": None,
    }  # fmt: skip
    return {
        "condition": "As drawn.",
        "components": [],
        "issues": [issue] if mode else [],
        "recommendations": [],
        "safety_warnings": [],
        "not_assessable_reason": None if mode else "Nothing to be seen.",
        "image_quality": "GOOD",
        "text_in_image": orders,
    }


def case_of(body: dict[str, Any]) -> PictureCase:
    """The one whose picture and words the request carries."""
    text, image = body["input"][0]["content"]
    content = base64.b64decode(image["image_url"].partition(",")[2])
    words = text["text"]
    return next(c for c in picture_set().cases if c.photograph == content and json.dumps(c.words) in words)


def response(body: dict[str, Any]) -> dict[str, Any]:
    text = answer_to(case_of(body), is_repair=len(body["input"]) > 1)
    refusal = {"type": "refusal", "refusal": "I can't help with that."}
    part = refusal if text is None else {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        "input_tokens": INPUT_TOKENS, "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "output_tokens": OUTPUT_TOKENS, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": body["model"],
        "output": [message], "parallel_tool_calls": False, "tool_choice": "auto", "tools": [], "usage": usage,
    }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps(response(body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        """Quiet."""


@contextmanager
def stub_provider() -> Iterator[Provider]:
    """A client of the stub, for as long as the stub runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        yield OpenAiClient(name=NAME, api_key="stub", model="stub-1", base_url=url)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
