"""Policies as tests need them."""

from typing import Any

from alerts.models import EscalationPolicy

WAIT_10 = {"kind": "WAIT", "minutes": 10}
TELL_MANAGERS = {"kind": "NOTIFY_ROLE", "role": "MANAGER"}
TELL_ASSIGNED = {"kind": "NOTIFY_ASSIGNED"}
RAISE = {"kind": "RAISE_SEVERITY"}


def wait(minutes: int) -> dict[str, Any]:
    return {"kind": "WAIT", "minutes": minutes}


def again(times: int) -> dict[str, Any]:
    return {"kind": "REPEAT", "times": times}


def make_policy(*steps: dict[str, Any], **fields: Any) -> EscalationPolicy:
    """Ten minutes, then the managers, unless other steps are named."""
    return EscalationPolicy.add(
        by=None, steps=steps or (WAIT_10, TELL_MANAGERS), **{"name": "Whoever is there", **fields}
    )
