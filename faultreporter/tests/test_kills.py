"""`kill -9` of every part while work is under way: each accepted request is there, each analysis ends exactly once."""

import time
import uuid
from typing import Any

import pytest
import requests

from faultreporter.localstack.census import listed
from faultreporter.tests.running import RunningStack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

REPORTS = 12
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}


def report(stack: RunningStack, equipment_id: str, title: str) -> str:
    """Reports as a phone does: again and again with one key until somebody says yes; the alert's id."""
    body = {"equipment_id": equipment_id, "title": title, "description": "It rattles", "analyze": True}
    key = str(uuid.uuid4())

    def accepted() -> str:
        answer = stack.call("POST", "/alerts", body, **{"Idempotency-Key": key})
        assert answer.status_code < 400 or answer.status_code >= 500, answer.text
        return str(answer.json()["data"]["id"]) if answer.status_code in {200, 201} else ""

    return wait_for(accepted, "an accepted report", 60)


def analyses_of(stack: RunningStack, alert_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.data(f"/ai/analyses?alert_id={alert_id}")
    return found


def all_ended(stack: RunningStack, alerts: list[str]) -> bool:
    return all(one["status"] in ENDED for alert in alerts for one in analyses_of(stack, alert))


@pytest.mark.parametrize("victim", ["worker", "worker-long", "relay", "beat", "web", "valkey", "postgres"])
def test_nothing_is_lost_and_nothing_is_done_twice(stack: RunningStack, victim: str) -> None:
    machine = stack.data("/equipment?page_size=1")[0]["id"]
    run = uuid.uuid4().hex
    alerts = []

    for number in range(REPORTS):
        if number == REPORTS // 2:
            stack.kill(victim)
            killed = time.monotonic()
        alerts.append(report(stack, machine, f"{run} {number}"))
    wait_for(lambda: requests.get(f"{stack.demo['base_url']}/health/ready", timeout=5).ok, "recovery", 30)
    recovered = time.monotonic() - killed
    wait_for(lambda: all_ended(stack, alerts), "the end of every analysis", 90)

    assert recovered < 45
    assert stack.call("GET", f"/alerts?search={run}").json()["pagination"]["total_count"] == REPORTS
    for alert in alerts:
        (analysis,) = analyses_of(stack, alert)
        assert analysis["status"] == "SUCCEEDED"


def test_a_killed_supervisor_leaves_a_stack_that_starts_again(stack: RunningStack) -> None:
    machine = stack.data("/equipment?page_size=1")[0]["id"]
    alert = report(stack, machine, f"before the kill {uuid.uuid4()}")
    left_over = set(stack.pids("web"))
    assert left_over

    stack.process.kill()
    stack.process.wait(30)
    stack.start()

    # What the dead one left behind answers, too, until the new one has swept it away.
    wait_for(lambda: not left_over & {one.pid for one in listed()} and stack.is_up(), "the start of a new stack")
    assert stack.data(f"/alerts/{alert}")["id"] == alert
    (analysis,) = wait_for(lambda: [a for a in analyses_of(stack, alert) if a["status"] in ENDED], "the analysis")
    assert analysis["status"] == "SUCCEEDED"
