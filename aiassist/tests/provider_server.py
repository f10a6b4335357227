"""A small HTTP server that speaks the OpenAI Responses and Gemini protocols, well or badly, for tests."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Behaviour = Callable[[BaseHTTPRequestHandler], None]


class ProviderServer:
    """Answers a POST by `behaviour`, a GET by `list_behaviour`; keeps them in `requests`: (path, headers, body)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.behaviour: Behaviour = status(500)
        self.list_behaviour: Behaviour = status(404)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(
                    (self.path, {name.title(): value for name, value in self.headers.items()}, json.loads(body))
                )
                try:
                    outer.behaviour(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def do_GET(self) -> None:
                outer.requests.append((self.path, dict(self.headers), {}))
                try:
                    outer.list_behaviour(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def send(handler: BaseHTTPRequestHandler, body: bytes, *, code: int = 200, kind: str = "application/json") -> None:
    handler.send_response(code)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def openai_body(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": list(content)}
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-test",
        "output": [message], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": 120, "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0},
                  "output_tokens": 34, "output_tokens_details": {"reasoning_tokens": 10}, "total_tokens": 154},
        **fields,
    }  # fmt: skip


def openai_text(text: str) -> dict[str, Any]:
    return openai_body({"type": "output_text", "text": text, "annotations": []})


def openai_refusal() -> dict[str, Any]:
    return openai_body({"type": "refusal", "refusal": "I can't help with that."})


def gemini_text(text: str, *, finish: str = "STOP") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish, "index": 0}
    usage = {"promptTokenCount": 120, "cachedContentTokenCount": 20, "candidatesTokenCount": 24,
             "thoughtsTokenCount": 10, "totalTokenCount": 154}  # fmt: skip
    return {"candidates": [candidate], "usageMetadata": usage}


def gemini_refusal() -> dict[str, Any]:
    return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 120}}


def models(*listed: dict[str, Any], unlisted: Sequence[dict[str, Any]] = ()) -> Behaviour:
    """A provider's list of models, in both protocols; the unlisted ones are known by their names only."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(handler.path).path.partition("/models")[2].strip("/")
        known = {
            model.get("id", model.get("name", "").removeprefix("models/")): model for model in [*listed, *unlisted]
        }
        if not asked:
            send(handler, json.dumps({"object": "list", "data": listed, "models": listed}).encode())
        elif asked in known:
            send(handler, json.dumps(known[asked]).encode())
        else:
            status(404)(handler)

    return behave


def reply(body: dict[str, Any]) -> Behaviour:
    return lambda handler: send(handler, json.dumps(body).encode())


def status(code: int, *, retry_after: str = "", details: Any = None) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        error = {"message": "no", "type": "test", "code": code, "status": "TEST", "details": details}
        body = json.dumps({"error": error}).encode()
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        if retry_after:
            handler.send_header("Retry-After", retry_after)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def garbage(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"<html>502 from a proxy that says 200</html>", kind="text/html")


def not_json(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b'{"id": "resp_1", "outp')


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)
    handler.close_connection = True


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """One byte every fifth of a second: each read is in time, the whole never ends."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.2)


def reset(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.close()
