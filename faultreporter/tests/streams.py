"""A real stream process over the database of the tests, and a client that hears it as a browser does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import requests
from django.conf import settings
from django.db import connection

from faultreporter.accounts.models import ApiToken, User


class Event(NamedTuple):
    name: str
    data: Any
    position: str


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def database_url() -> str:
    found = connection.settings_dict
    query = urlencode({"host": found["HOST"]}) if found["HOST"].startswith("/") else ""
    host = "" if query else f"{found['HOST']}:{found['PORT']}"
    return f"postgresql://{quote(found['USER'])}:{quote(found['PASSWORD'])}@{host}/{found['NAME']}?{query}"


class StreamProcess:
    """One granian of its own. It may be stopped and started again, where it was."""

    def __init__(self, **environment: str) -> None:
        self.clients: list[Client] = []
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}/api/v1/iot-data/stream"
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "STREAM_URL": self.url,
            "RATE_LIMIT_PER_MINUTE": "100000",
            **environment,
        }
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "granian", "--interface", "asginl", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--no-ws", "--workers", "1", "--workers-kill-timeout", "5"]
        self.process = subprocess.Popen([*command, "faultreporter.asgi:application"], env=self.environment)
        self.wait_until_up()

    def wait_until_up(self) -> None:
        for _ in range(200):
            try:
                requests.get(f"{self.url}/health/live", timeout=2)
                return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError("the stream process did not start")

    def open(self, token: str, *, resume: str = "", origin: str = "", **parameters: str) -> "Client":
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        headers |= {"Last-Event-ID": resume} if resume else {}
        headers |= {"Origin": origin} if origin else {}
        answer = requests.get(self.address, params=parameters, headers=headers, stream=True, timeout=10)
        self.clients.append(Client(answer))
        return self.clients[-1]

    def close_clients(self) -> None:
        while self.clients:
            self.clients.pop().close()

    def metric(self, name: str) -> float:
        lines = requests.get(f"{self.url}/metrics", timeout=5).text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    def stop(self) -> float:
        """Seconds from SIGTERM until it has ended."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        return time.monotonic() - began


class Client:
    def __init__(self, answer: requests.Response) -> None:
        self.answer = answer
        self.events = self.read()

    @property
    def status(self) -> int:
        return self.answer.status_code

    def read(self) -> Iterator[Event]:
        pending = b""
        for chunk in self.answer.raw.stream(None):
            *blocks, pending = (pending + chunk).split(b"\n\n")
            for block in blocks:
                said = dict(line.split(": ", 1) for line in block.decode().split("\n"))
                yield Event(said["event"], json.loads(said["data"]), said.get("id", ""))

    def next(self, *names: str) -> Event:
        """The next event of these names; it may take until the time-out of the connection."""
        return next(event for event in self.events if event.name in names)

    def opened(self) -> "Client":
        """After where everything stands has come."""
        snapshot = self.next("reading")
        assert snapshot.data["snapshot"] is True
        return self

    def close(self) -> None:
        self.answer.close()


@contextmanager
def stream_process(**environment: str) -> Iterator[StreamProcess]:
    running = StreamProcess(**environment)
    try:
        yield running
    finally:
        running.close_clients()
        if running.process.poll() is None:
            running.stop()


def token_of(user: User) -> str:
    return ApiToken.issue(user=user, name="Screen")[1]
