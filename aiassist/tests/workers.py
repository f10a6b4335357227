"""Workers: a process of its own that can be killed, and many at once in threads."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, urlencode

from django.db import connection

from aiassist import pipeline
from aiassist.models import Analysis
from aiassist.tests.provider_server import ProviderServer

WORKER = """
import sys, uuid, django
django.setup()
from aiassist import pipeline
pipeline.run(uuid.UUID(sys.argv[1]))
"""
MODEL = "gpt-test"


def with_provider(settings: Any, server: ProviderServer) -> None:
    """OPENAI has a key here, and the server is it."""
    openai = {"api_key": "k", "base_url": f"{server.url}/v1", "model": MODEL}
    settings.AI_PROVIDERS = {**settings.AI_PROVIDERS, "OPENAI": openai}


def database_url() -> str:
    """The test database, for another process."""
    to = {key.lower(): str(value) for key, value in connection.settings_dict.items() if value}
    at = urlencode({"host": to.get("host", ""), "port": to.get("port", "")})
    user = f"{quote(to.get('user', ''))}:{quote(to.get('password', ''))}"
    return f"postgresql://{user}@/{quote(to['name'])}?{at}"


def start_worker(analysis: Analysis, server: ProviderServer) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(analysis.pk)],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "faultreporter.settings",
            "DATABASE_URL": database_url(),
            "OPENAI_API_KEY": "k",
            "OPENAI_MODEL": MODEL,
            "OPENAI_BASE_URL": f"{server.url}/v1",
        },
    )


def at_once(tasks: Iterable[Callable[[], Any]]) -> None:
    """Each in a thread with a connection of its own, all begun together; returns when all are done."""
    tasks = list(tasks)
    start = threading.Barrier(len(tasks))

    def do(task: Callable[[], Any]) -> None:
        start.wait()
        try:
            task()
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_at_once(analyses: Iterable[Analysis]) -> None:
    at_once([lambda pk=analysis.pk: pipeline.run(pk) for analysis in analyses])  # type: ignore[misc]


def wait_until(happened: Callable[[], Any], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)
