"""Somebody else's server that takes webhooks, and answers what a test wants it to."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Received:
    """One request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(self.body)
        return event


@dataclass
class Receiver:
    """Where it listens, what it got, and what it says: a status, or a function of the request."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: int | Callable[[Received], int] = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0.0

    @property
    def types(self) -> list[str]:
        return [request.event["type"] for request in self.received]


class Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        mine: Receiver = self.server.receiver
        length = int(self.headers["Content-Length"])
        request = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length))
        mine.received.append(request)
        status = mine.answer(request) if callable(mine.answer) else mine.answer
        if mine.drip:
            self.drip(mine.drip)
            return
        self.send_response(status)
        for name, value in mine.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(mine.body)))
        self.end_headers()
        self.wfile.write(mine.body)

    def drip(self, pause: float) -> None:
        """One byte after the other, for ever: no single read times out."""
        try:
            while True:
                self.wfile.write(b"H")
                time.sleep(pause)
        except OSError:
            return

    def log_message(self, *_args: Any) -> None:
        """Silent."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: Any) -> None:
        """Connections that break are what some tests are about."""


@contextmanager
def listening(wrap: Callable[[Any], Any] | None = None) -> Iterator[Receiver]:
    server: Any = Server(("127.0.0.1", 0), Handler)
    server.receiver = Receiver(url=f"http://127.0.0.1:{server.server_port}/hooks")
    if wrap:
        server.socket = wrap(server.socket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
