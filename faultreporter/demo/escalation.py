"""Who is told about faults that nobody takes care of, and what has come of it so far."""

from datetime import datetime

from alerts.escalation import advance
from alerts.models import Alert, AlertEscalation, EscalationPolicy
from faultreporter.demo.people import Team
from faultreporter.demo.places import CAMPUS, DATA_CENTRE
from locations.models import Location

ASSIGNED = {"kind": "NOTIFY_ASSIGNED"}
MANAGERS = {"kind": "NOTIFY_ROLE", "role": "MANAGER"}
WORSE = {"kind": "RAISE_SEVERITY"}


def wait(minutes: int) -> dict[str, object]:
    return {"kind": "WAIT", "minutes": minutes}


def again(times: int) -> dict[str, object]:
    return {"kind": "REPEAT", "times": times}


def agree(team: Team) -> None:
    """One policy for what is grave on the campus, one for the data centre, one for everything else."""
    sites = {site.code: site for site in Location.objects.sites()}
    boss = {"kind": "NOTIFY_PERSON", "person": team.managers[0]}
    EscalationPolicy.add(
        by=team.admin, name="Northgate, grave faults", site=sites[CAMPUS[0]], minimum_severity="HIGH",
        remind_after_minutes=240, reminders=2,
        steps=[ASSIGNED, wait(10), MANAGERS, wait(20), WORSE, boss, wait(30), again(6)],
    )  # fmt: skip
    EscalationPolicy.add(
        by=team.admin, name="Harbour Data Centre", site=sites[DATA_CENTRE[0]], remind_after_minutes=120,
        steps=[ASSIGNED, wait(5), MANAGERS, wait(15), {"kind": "NOTIFY_ROLE", "role": "ADMIN"}, wait(30), again(3)],
    )  # fmt: skip
    EscalationPolicy.add(
        by=team.admin, name="Everything else", minimum_severity="MEDIUM",
        steps=[wait(60), ASSIGNED, wait(180), MANAGERS, wait(480), again(4)],
    )  # fmt: skip


def go_on(alert: Alert, *, until: datetime) -> None:
    """What the worker would have done by then, each step at its time."""
    due = AlertEscalation.objects.filter(alert=alert).due(until)
    while row := due.first():
        advance(due, at=row.next_at or until)
