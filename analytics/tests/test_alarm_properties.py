"""Any alarms, in any order: the statement counts what a plain loop over the timelines counts."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import Alert, AlertEvent
from analytics.alarms.figures import (
    CHATTER_BEGINS,
    CHATTER_WITHIN,
    FLEETING_WITHIN,
    FLOOD_WINDOW,
    STANDING_AFTER,
    Load,
    Period,
)
from analytics.alarms.performance import Performance, machine_rows, performance, rule_rows
from analytics.tests.alarms import days, settled_rule
from analytics.tests.factories import at, machine
from equipment.models import Equipment
from telemetry.models import Rule, Series

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
START = at(3, 1)
DURING = 5 * 24 * 60
SUMS = ("begins", "alerts", "of_rules", "recovered", "fleeting", "chattering", "judged", "answered", "resolved",
        "false_alarms")  # fmt: skip


@dataclass(frozen=True)
class Line:
    kind: str
    at: datetime


@dataclass(frozen=True)
class Story:
    """One alert: by a rule or a person, its begins and recoveries, and how it ended."""

    by_rule: int | None
    lines: tuple[Line, ...]
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolution: str

    @property
    def raised_at(self) -> datetime:
        return self.lines[0].at


@st.composite
def stories(draw: st.DrawFn) -> list[Story]:
    return draw(st.lists(one_story(), max_size=8))


@st.composite
def one_story(draw: st.DrawFn) -> Story:
    """Begins and recoveries take turns, minutes or hours apart; then perhaps an answer and an end."""
    by_rule = draw(st.sampled_from([None, 0, 0, 1]))
    steps = draw(st.lists(st.integers(1, 90), max_size=7 if by_rule is not None else 0))
    moments = [START + MINUTE * draw(st.integers(0, DURING))]
    for step in steps:
        moments.append(moments[-1] + MINUTE * step)
    kinds = ["RAISED", *(("CLEARED", "FIRED_AGAIN")[number % 2] for number in range(len(steps)))]
    lines = [Line(kind, moment) for kind, moment in zip(kinds, moments, strict=True)]
    answered = resolved = None
    resolution = draw(st.sampled_from(["", "FIXED", "FALSE_ALARM", "SELF_CLEARED", "DUPLICATE"]))
    if draw(st.booleans()):
        answered = moments[-1] + MINUTE * draw(st.integers(1, 3000)) if draw(st.booleans()) else moments[0] + MINUTE / 2
        lines.append(Line("ACKNOWLEDGED", answered))
    if resolution:
        resolved = max(answered or moments[0], moments[-1]) + MINUTE * draw(st.integers(1, 3000))
        lines.append(Line("DISMISSED" if resolution == "FALSE_ALARM" else "RESOLVED", resolved))
    return Story(by_rule, tuple(sorted(lines, key=lambda line: line.at)), answered, resolved, resolution)


Scene = tuple[list[tuple[Rule, Series]], list[Equipment]]


@pytest.fixture
def scene(db: None) -> Scene:
    machines = [machine(), machine()]
    return [settled_rule(each, title=f"Rule of {each}") for each in machines], machines


def store(told: list[Story], scene: Scene) -> None:
    """Writes the stories as they are, without the moves that make them."""
    rules, machines = scene
    AlertEvent.objects.all().delete()
    Alert.objects.all().delete()
    for number, story in enumerate(told):
        alert = Alert.objects.create(**columns(story, number, rules, machines))
        AlertEvent.objects.bulk_create(
            AlertEvent(alert=alert, kind=line.kind, at=line.at, data={"reason": "RECOVERED"}) for line in story.lines
        )


def columns(story: Story, number: int, rules: list[Any], machines: list[Equipment]) -> dict[str, Any]:
    rule, series = rules[story.by_rule] if story.by_rule is not None else (None, None)
    ended = "RESOLVED" if story.resolution else "ACKNOWLEDGED" if story.acknowledged_at else "OPEN"
    return {
        "equipment": series.equipment if series else machines[number % 2],
        "source": "RULE" if rule else "REPORT",
        "rule": rule,
        "series": series,
        "title": f"Fault {number}",
        "status": ended,
        # only one alert of a fingerprint may be open; here several are, which the figures don't mind
        "fingerprint": fingerprint(story, number) + ("" if story.resolution else f" open {number}"),
        "occurred_at": story.raised_at,
        "last_occurred_at": story.raised_at,
        "acknowledged_at": story.acknowledged_at,
        "resolved_at": story.resolved_at,
        "resolution": story.resolution,
    }


def fingerprint(story: Story, number: int) -> str:
    return f"report {number}" if story.by_rule is None else f"rule {story.by_rule}"


def begins(told: list[Story]) -> list[tuple[datetime, str, Story, Line | None]]:
    """Each begin with its alarm and what happened to the alert next."""
    return sorted(
        (
            (line.at, fingerprint(story, number) + ("" if story.resolution else f" open {number}"), story, after)
            for number, story in enumerate(told)
            for line, after in zip(story.lines, [*story.lines[1:], None], strict=True)
            if line.kind in ("RAISED", "FIRED_AGAIN")
        ),
        key=lambda one: one[0],
    )


def plain_count(told: list[Story], period: Period) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    history: dict[str, list[datetime]] = {}
    answers: list[float] = []
    windows: Counter[int] = Counter()
    for when, alarm, story, after in begins(told):
        history.setdefault(alarm, []).append(when)
        if not period.start <= when < period.end:
            continue
        recovered = after is not None and after.kind == "CLEARED"
        past = history[alarm]
        counts["begins"] += 1
        counts["of_rules"] += story.by_rule is not None
        counts["recovered"] += recovered
        counts["fleeting"] += recovered and after.at - when <= FLEETING_WITHIN  # type: ignore[union-attr]
        counts["chattering"] += len(past) >= CHATTER_BEGINS and when - past[-CHATTER_BEGINS] <= CHATTER_WITHIN
        windows[(when - period.start) // FLOOD_WINDOW] += 1
        if when == story.raised_at:
            counts["alerts"] += 1
            judge(story, counts, answers)
    standing = sum(
        story.raised_at <= period.end - STANDING_AFTER and (not story.resolved_at or story.resolved_at > period.end)
        for story in told
    )
    return {**{name: counts[name] for name in SUMS}, "standing": standing, "peak": max(windows.values(), default=0),
            "median": percentile(answers, 0.5), "p90": percentile(answers, 0.9)}  # fmt: skip


def judge(story: Story, counts: Counter[str], answers: list[float]) -> None:
    if story.resolution == "DUPLICATE":
        return
    answered = story.acknowledged_at or story.resolved_at
    counts["judged"] += 1
    counts["answered"] += answered is not None
    counts["resolved"] += bool(story.resolution)
    counts["false_alarms"] += story.resolution == "FALSE_ALARM"
    if answered:
        answers.append((answered - story.raised_at).total_seconds())


def percentile(values: list[float], share: float) -> Any:
    """Between neighbours in proportion."""
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    low, high = ordered[floor(place)], ordered[ceil(place)]
    return pytest.approx(low + (high - low) * (place - floor(place)))


def told_by(found: Performance) -> dict[str, Any]:
    return {**sums(found.load), "standing": found.standing, "peak": found.peak.begins if found.peak else 0,
            "median": found.load.answer_median_s, "p90": found.load.answer_p90_s}  # fmt: skip


def sums(load: Load) -> dict[str, int]:
    return {name: getattr(load, name) for name in SUMS}


ANY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY
@given(stories(), st.integers(1, 5), st.integers(0, 3))
def test_it_counts_what_a_plain_loop_counts(scene: Scene, told: list[Story], first: int, length: int) -> None:
    store(told, scene)
    period = days(first, first + length)

    assert told_by(performance(Alert.objects.living(), period)) == plain_count(told, period)


@ANY
@given(stories(), st.integers(2, 5), st.randoms())
def test_parts_add_up_and_order_says_nothing(scene: Scene, told: list[Story], cut: int, chance: Any) -> None:
    shuffled = list(told)
    chance.shuffle(shuffled)
    store(shuffled, scene)
    alerts = Alert.objects.living()

    whole, *parts = (performance(alerts, days(*one)) for one in ((1, 6), (1, cut - 1), (cut, 6)))
    rules, machines = (rows(alerts, days(1, 6)) for rows in (rule_rows, machine_rows))

    assert sums(whole.load) == {name: sum(getattr(part.load, name) for part in parts) for name in SUMS}
    assert sum(row.load.begins for row in machines) == sum(day.begins for day in whole.days) == whole.load.begins
    assert sum(row.load.begins for row in rules) == whole.load.of_rules
    assert (whole.peak.begins if whole.peak else 0) == max(part.peak.begins if part.peak else 0 for part in parts)
    assert sum(row.standing for row in machines) == whole.standing
