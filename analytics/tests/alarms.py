"""Alarms whose figures are known beforehand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alerts import services
from alerts.models import Alert
from alerts.tests.factories import AlertFactory, clear, fire, make_rule
from analytics.alarms.figures import Period
from analytics.tests.factories import at, machine
from equipment.models import Equipment
from faultreporter.accounts.models import User
from telemetry.models import Rule, Series

NOW = at(3, 20)
LONG_AGO = at(1, 1)


def clock(text: str, day: int = 2) -> datetime:
    """10:04 on the second of March 2026."""
    hour, minute = map(int, text.split(":"))
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def days(first: int, last: int, *, zone: str = "UTC", now: datetime = NOW) -> Period:
    """Of March 2026."""
    return Period(date(2026, 3, first), date(2026, 3, last), ZoneInfo(zone), now)


def settled_rule(equipment: Equipment | None = None, **fields: Any) -> tuple[Rule, Series]:
    """A rule that has been in force for long."""
    rule, series = make_rule(equipment or machine(), **fields)
    Rule.objects.filter(pk=rule.pk).update(effective_from=LONG_AGO)
    return rule, series


def episode(rule: Rule, series: Series, begins: datetime, *, minutes: float = 0) -> Alert:
    """Fires, and recovers after so many minutes."""
    alert = fire(rule, series, at=begins)
    if minutes:
        clear(rule, series, at=begins + timedelta(minutes=minutes))
    return alert


def report(equipment: Equipment, title: str, when: datetime, **fields: Any) -> Alert:
    alert: Alert = AlertFactory.create(equipment=equipment, title=title, at=when, equipment_down=False, **fields)
    return alert


def golden(by: User) -> tuple[Rule, Equipment]:
    """Monday the second of March: a rule that chatters and was wrong, a fault reported twice; Tuesday: one more fault.

    The rule begins at 10:00, 10:20 and 10:40 and is over after 4, 6 and 50 minutes; it is acknowledged at 12:00 and
    dismissed at 14:00.
    """
    pump, fan = machine(), machine()
    rule, series = settled_rule(pump)
    alarm = episode(rule, series, clock("10:00"), minutes=4)
    noise = report(fan, "Noise", clock("10:05"), severity="MEDIUM")
    twin = report(fan, "Loud", clock("10:06"), severity="LOW")
    services.merge(into=noise, alert_ids=[twin.pk], by=by, at=clock("10:10"))
    noise.acknowledge(by=by, at=clock("10:15"))
    episode(rule, series, clock("10:20"), minutes=6)
    noise.resolve(by=by, at=clock("10:35"))
    episode(rule, series, clock("10:40"), minutes=50)
    alarm.acknowledge(by=by, at=clock("12:00"))
    alarm.dismiss(by=by, at=clock("14:00"))
    report(fan, "Belt torn", clock("09:00", day=3), severity="CRITICAL")
    return rule, fan
