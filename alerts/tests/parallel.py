"""Requests that really run at once: one thread and one database connection each."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

Responses = list[Any]
AtOnce = Callable[[list[Callable[[], Any]]], Responses]
MOST = 50


@pytest.fixture
def at_once(transactional_db: None) -> Iterator[AtOnce]:
    """Runs the calls at the same moment; gives their answers in the calls' order."""
    options = connections.settings["default"]["OPTIONS"]
    usual = options.get("pool")
    database: Any = connection
    database.close_pool()
    options["pool"] = {"min_size": 0, "max_size": MOST, "timeout": 30}
    yield run
    database.close()
    database.close_pool()
    options["pool"] = usual


def run(calls: list[Callable[[], Any]]) -> Responses:
    start = Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout=30)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(calls)) as threads:
        return [future.result() for future in [threads.submit(one, call) for call in calls]]
