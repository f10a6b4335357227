"""`kill -9` of every part while work is under way: each accepted request is there, each analysis ends exactly once."""

import time
import uuid
from typing import Any

import pytest
import requests

from faultreporter.tests.running import RunningStack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

REPORTS = 12
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}


def report(stack: RunningStack, equipment_id: str, title: str) -> str | None:
    """The alert's id if the server accepted it, None if it said no or wasn't there."""
    body = {"equipment_id": equipment_id, "title": title, "description": "It rattles", "analyze": True}
    try:
        answer = stack.call("POST", "/alerts", body, **{"Idempotency-Key": str(uuid.uuid4())})
    except requests.RequestException:
        return None
    return str(answer.json()["data"]["id"]) if answer.status_code in {200, 201} else None


def analyses_of(stack: RunningStack, alert_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.data(f"/ai/analyses?alert_id={alert_id}")
    return found


def all_ended(stack: RunningStack, alerts: list[str]) -> bool:
    return all(one["status"] in ENDED for alert in alerts for one in analyses_of(stack, alert))


@pytest.mark.parametrize("victim", ["worker", "relay", "beat", "web", "valkey", "postgres"])
def test_nothing_is_lost_and_nothing_is_done_twice(stack: RunningStack, victim: str) -> None:
    machine = stack.data("/equipment?page_size=1")[0]["id"]
    accepted = []

    for number in range(REPORTS):
        accepted.append(report(stack, machine, f"{victim} {number} {uuid.uuid4()}"))
        if number == REPORTS // 2:
            stack.kill(victim)
    began = time.monotonic()
    alerts = [alert for alert in accepted if alert]
    wait_for(lambda: requests.get(f"{stack.demo['base_url']}/health/ready", timeout=5).ok, "recovery", 30)
    wait_for(lambda: all_ended(stack, alerts), "the end of every analysis", 90)

    assert len(alerts) >= REPORTS // 2
    for alert in alerts:
        assert stack.data(f"/alerts/{alert}")["id"] == alert
        (analysis,) = analyses_of(stack, alert)
        assert analysis["status"] == "SUCCEEDED"
    assert time.monotonic() - began < 90


def test_a_killed_supervisor_leaves_a_stack_that_starts_again(stack: RunningStack) -> None:
    machine = stack.data("/equipment?page_size=1")[0]["id"]
    alert = report(stack, machine, f"before the kill {uuid.uuid4()}")

    stack.process.kill()
    stack.process.wait(30)
    stack.start()

    assert stack.data(f"/alerts/{alert}")["id"] == alert
    (analysis,) = wait_for(lambda: [a for a in analyses_of(stack, str(alert)) if a["status"] in ENDED], "the analysis")
    assert analysis["status"] == "SUCCEEDED"
