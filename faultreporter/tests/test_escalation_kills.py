"""`kill -9` of worker, relay and beat while alerts climb their ladders; a worker that stands still is noticed."""

import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import pytest
import requests

from faultreporter.tests.running import RunningStack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

MANAGERS = {"kind": "NOTIFY_ROLE", "role": "MANAGER"}
ADMINS = {"kind": "NOTIFY_ROLE", "role": "ADMIN"}
# The rungs have the numbers 0 to 5; the wait is none.
STEPS = [MANAGERS, ADMINS, {"kind": "RAISE_SEVERITY"}, MANAGERS, {"kind": "WAIT", "minutes": 1}, ADMINS, MANAGERS]
RUNGS = 6
TELLING_MANAGERS = 3
ALERTS = 6
VICTIMS = ("worker", "relay", "beat")


@pytest.fixture(scope="module")
def machines(stack: RunningStack) -> Iterator[str]:
    """Ones that everybody sees, in turn: many alerts of one would be a storm that its first alert speaks for.

    Reports of small faults get a policy of this test's own.
    """
    body = {"name": "Kills", "source": "REPORT", "minimum_severity": "LOW", "steps": STEPS}
    answer = stack.call("POST", "/escalation-policies", body)
    assert answer.status_code == 201, answer.text
    fan_coils = [one["id"] for one in stack.data("/equipment?search=FC-NG&page_size=100") if one["parent_id"] is None]
    assert len(fan_coils) > ALERTS
    return cycle(fan_coils)


def report(stack: RunningStack, machine: str) -> str:
    body = {"equipment_id": machine, "title": f"Hums {uuid.uuid4()}", "severity": "LOW"}
    answer = stack.call("POST", "/alerts", body, role="REPORTER")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


def stands(stack: RunningStack, alert: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.data(f"/alerts/{alert}")["escalation"]
    return found


def steps_done(stack: RunningStack, alert: str) -> Counter[int]:
    lines = stack.data(f"/alerts/{alert}/timeline?page_size=100")
    return Counter(line["data"]["step"] for line in lines if line["kind"] == "ESCALATED")


def told(stack: RunningStack, alert: str, role: str = "MANAGER") -> int:
    inbox = stack.data("/me/notifications?page_size=100", role=role)
    return sum(one["kind"] == "ALERT_ESCALATED" and one["subject_id"] == alert for one in inbox)


def ready(stack: RunningStack) -> dict[str, str]:
    checks: dict[str, str] = requests.get(f"{stack.demo['base_url']}/health/ready", timeout=5).json()["checks"]
    return checks


def test_every_step_is_done_once_whatever_is_killed(stack: RunningStack, machines: Iterator[str]) -> None:
    alerts = []
    for _number, victim in zip(range(ALERTS), cycle(VICTIMS), strict=False):
        alerts.append(report(stack, next(machines)))
        kill(stack, victim)
    wait_for(lambda: all(stands(stack, one)["step"] >= RUNGS - 2 for one in alerts), "the steps before the wait", 60)
    for victim in VICTIMS:  # and once more, while the last step waits
        kill(stack, victim)
    wait_for(lambda: all(stands(stack, one)["state"] == "DONE" for one in alerts), "the top of every ladder", 150)

    for one in alerts:
        assert steps_done(stack, one) == Counter(range(RUNGS))
        assert told(stack, one) == TELLING_MANAGERS
        stack.call("POST", f"/alerts/{one}/dismiss", {})
    wait_for(lambda: ready(stack)["escalations"] == "ok", "the watchdog's all-clear", 60)


def kill(stack: RunningStack, name: str) -> None:
    """Whatever of that name is alive: the supervisor may be just about to start another."""

    def strike() -> bool:
        pids = stack.pids(name)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return bool(pids)

    wait_for(strike, f"a kill of {name}", 60)


@contextmanager
def frozen(stack: RunningStack, name: str) -> Iterator[None]:
    """There and of no use, which no supervisor notices."""
    pids = stack.pids(name)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_worker_that_stands_still_is_noticed_told_and_made_up_for(
    stack: RunningStack, machines: Iterator[str]
) -> None:
    with frozen(stack, "worker"):
        alert = report(stack, next(machines))
        wait_for(lambda: ready(stack)["escalations"].startswith("degraded"), "the web's notice", 60)
        wait_for(lambda: standstills(stack), "the relay's notice to the administrators", 90)
        assert wait_for(lambda: letters(stack), "the letter to the administrators", 30)
        assert told(stack, alert) == 0

    wait_for(lambda: stands(stack, alert)["step"] >= RUNGS - 2, "the steps that were due", 60)
    wait_for(lambda: ready(stack)["escalations"] == "ok", "the all-clear", 60)
    time.sleep(1)
    assert max(steps_done(stack, alert).values()) == 1


def standstills(stack: RunningStack) -> bool:
    inbox = stack.data("/me/notifications?page_size=100", role="ADMIN")
    return any(one["title"] == "Escalations stand still" for one in inbox)


def letters(stack: RunningStack) -> bool:
    return any("Escalations stand still" in letter.read_text() for letter in (stack.state / "mail").glob("*"))
