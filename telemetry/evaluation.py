"""Readings against rules: a fixed number of statements, however many readings, series and rules a batch touches.

Rules are held FOR SHARE and their states FOR UPDATE, in this order: nobody edits a rule while readings are judged by
it, and two workers with the same series take turns. What a state has judged already is never judged again, so running
twice, or again after a crash, changes nothing; a reading older than that is late and changes nothing either.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from faultreporter.outbox import publish
from telemetry.judging import ALARM, Change, Kind, Limits, Standing, State, StoredReading, judge
from telemetry.models import Rule, RuleState, Series
from telemetry.signals import rule_cleared, rule_fired

MAX_READINGS_PER_SERIES = 10_000
"""What one run judges of one series; a longer backlog continues in the next run."""

IN_SCOPE = """
iot_series series
JOIN equipment ON equipment.id = series.equipment_id AND equipment.deleted_at IS NULL
JOIN iot_rules rule ON rule.metric_id = series.metric_id AND rule.deleted_at IS NULL AND rule.is_enabled
    AND (rule.equipment_id = series.equipment_id OR rule.category_id = equipment.category_id)
JOIN iot_latest latest ON latest.series_id = series.id"""

# FOR SHARE: nobody edits a rule while readings are judged by it. What a rule hasn't judged when it meets a series for
# the first time is everything since it took effect, or the present value alone if that is older.
WATCHING_SQL = f"""
SELECT rule.id, series.id, LEAST(rule.effective_from, latest.recorded_at) - interval '1 microsecond',
    latest.recorded_at, rule.comparison = 'ABOVE', rule.trigger_value, rule.clear_value
FROM {IN_SCOPE}
WHERE series.id = ANY(%s)
ORDER BY rule.id, series.id
FOR SHARE OF rule"""  # noqa: S608 - constants

NEW_STATES_SQL = """
INSERT INTO iot_rule_states (rule_id, series_id, state, since, last_evaluated_at)
SELECT rule_id, series_id, 'NORMAL', beginning, beginning
FROM unnest(%s::uuid[], %s::int[], %s::timestamptz[]) AS watching(rule_id, series_id, beginning)
WHERE NOT EXISTS (
    SELECT FROM iot_rule_states old WHERE old.rule_id = watching.rule_id AND old.series_id = watching.series_id
)
ORDER BY rule_id, series_id
ON CONFLICT DO NOTHING"""

STATES_SQL = """
SELECT state.id, state.rule_id, state.series_id, state.state = 'FIRING', state.since, state.last_evaluated_at
FROM unnest(%s::uuid[], %s::int[]) AS watching(rule_id, series_id)
JOIN iot_rule_states state USING (rule_id, series_id)
ORDER BY state.id
FOR UPDATE OF state"""

# The two outer bounds say nothing new about the rows; they let the planner leave out the months without news.
READINGS_SQL = """
SELECT backlog.series_id, reading.recorded_at, reading.value
FROM unnest(%(series)s::int[], %(judged_up_to)s::timestamptz[]) AS backlog(series_id, judged_up_to)
CROSS JOIN LATERAL (
    SELECT recorded_at, value FROM iot_data
    WHERE series_id = backlog.series_id AND recorded_at > backlog.judged_up_to
        AND recorded_at > %(oldest)s AND recorded_at <= %(newest)s
    ORDER BY recorded_at LIMIT %(limit)s
) reading
ORDER BY 1, 2"""

SAVE_SQL = """
UPDATE iot_rule_states state
SET state = judged.state, since = judged.since, last_evaluated_at = judged.last_evaluated_at
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    AS judged(id, state, since, last_evaluated_at)
WHERE state.id = judged.id"""

LEFT_BEHIND_SQL = f"""
SELECT DISTINCT series.id
FROM {IN_SCOPE}
LEFT JOIN iot_rule_states state ON state.rule_id = rule.id AND state.series_id = series.id
WHERE state.id IS NULL OR latest.recorded_at > state.last_evaluated_at
ORDER BY series.id LIMIT %s"""  # noqa: S608 - constants

# IS NOT TRUE: a machine without a category is in no rule's category.
OUT_OF_SCOPE_SQL = """
SELECT state.id
FROM iot_rule_states state
JOIN iot_rules rule ON rule.id = state.rule_id
JOIN iot_series series ON series.id = state.series_id
JOIN equipment ON equipment.id = series.equipment_id
WHERE state.state = 'FIRING' AND (equipment.deleted_at IS NOT NULL
    OR (rule.equipment_id = series.equipment_id OR rule.category_id = equipment.category_id) IS NOT TRUE)
ORDER BY equipment.id, state.id
FOR UPDATE OF state"""


class Watching(NamedTuple):
    """A rule in force on a series."""

    rule_id: uuid.UUID
    series_id: int
    beginning: datetime
    latest_at: datetime
    above: bool
    trigger: float
    clear: float

    @property
    def limits(self) -> Limits:
        if self.above:
            return Limits(Kind.THRESHOLD, high=self.trigger, clear_high=self.clear)
        return Limits(Kind.THRESHOLD, low=self.trigger, clear_low=self.clear)


class Behind(NamedTuple):
    """A state with readings it hasn't judged."""

    state_id: int
    watching: Watching
    firing: bool
    since: datetime
    judged_up_to: datetime

    @property
    def series_id(self) -> int:
        return self.watching.series_id


class Verdict(NamedTuple):
    """What the readings brought: the new standing, the changes of state, and the last reading judged."""

    behind: Behind
    standing: Standing
    changes: list[Change]
    judged_up_to: datetime


def rows_of(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def evaluate(series_ids: Iterable[int]) -> int:
    """Judges what these series got since the last time and tells the news; answers how many changes of state it was."""
    with transaction.atomic():
        behind = lock_behind(sorted(set(series_ids)))
        if not behind:
            return 0
        readings = unjudged_readings(behind)
        verdicts = [verdict for one in behind if (verdict := judge_one(one, readings[one.series_id]))]
        if verdicts:
            save(verdicts)
            tell(verdicts)
        unfinished = [pk for pk, found in readings.items() if len(found) == MAX_READINGS_PER_SERIES]
        if unfinished:
            publish("telemetry.tasks.readings_arrived", series=sorted(unfinished))
    return sum(len(verdict.changes) for verdict in verdicts)


def lock_behind(series_ids: list[int]) -> list[Behind]:
    watching = [Watching(*row) for row in rows_of(WATCHING_SQL, [series_ids])]
    if not watching:
        return []
    keys: list[list[Any]] = [[one.rule_id for one in watching], [one.series_id for one in watching]]
    with connection.cursor() as cursor:
        cursor.execute(NEW_STATES_SQL, [*keys, [one.beginning for one in watching]])
    by_key = {(one.rule_id, one.series_id): one for one in watching}
    behind = []
    for state_id, rule_id, series_id, firing, since, judged_up_to in rows_of(STATES_SQL, keys):
        one = by_key[rule_id, series_id]
        if one.latest_at > judged_up_to:
            behind.append(Behind(state_id, one, firing, since, max(judged_up_to, one.beginning)))
    return behind


def unjudged_readings(behind: Sequence[Behind]) -> Mapping[int, list[StoredReading]]:
    """Per series, oldest first, from the moment its least advanced rule has judged up to."""
    since: dict[int, datetime] = {}
    for one in behind:
        since[one.series_id] = min(one.judged_up_to, since.get(one.series_id, one.judged_up_to))
    backlog = {
        "series": list(since),
        "judged_up_to": list(since.values()),
        "oldest": min(since.values()),
        "newest": max(one.watching.latest_at for one in behind),
        "limit": MAX_READINGS_PER_SERIES,
    }
    readings: dict[int, list[StoredReading]] = defaultdict(list)
    for series_id, recorded_at, value in rows_of(READINGS_SQL, backlog):
        readings[series_id].append(StoredReading(recorded_at, value))
    return readings


def judge_one(behind: Behind, readings: Sequence[StoredReading]) -> Verdict | None:
    """None if there is nothing new to this state."""
    new = [reading for reading in readings if reading.recorded_at > behind.judged_up_to]
    if not new:
        return None
    state = State.FIRING if behind.firing else State.NORMAL
    return Verdict(behind, *judge(behind.watching.limits, Standing(state, behind.since), new), new[-1].recorded_at)


def save(verdicts: Sequence[Verdict]) -> None:
    rows = [
        (behind.state_id, standing.state.value, standing.since, judged_up_to)
        for behind, standing, _, judged_up_to in verdicts
    ]
    with connection.cursor() as cursor:
        cursor.execute(SAVE_SQL, [list(column) for column in zip(*rows, strict=True)])


def tell(verdicts: Iterable[Verdict]) -> None:
    """The signals, machine by machine: receivers lock machines, and two workers must do it in the same order."""
    news = [(behind, change) for behind, _, changes, _ in verdicts for change in changes]
    if not news:
        return
    rules = Rule.objects.select_related("metric").in_bulk({behind.watching.rule_id for behind, _ in news})
    lines = Series.objects.select_related("equipment", "metric").in_bulk({behind.series_id for behind, _ in news})
    news.sort(key=lambda item: (lines[item[0].series_id].equipment_id, item[1].at))
    for behind, change in news:
        facts = {
            "rule": rules[behind.watching.rule_id], "series": lines[behind.series_id],
            "reading": StoredReading(change.at, change.value), "at": change.at,
        }  # fmt: skip
        if change.state in ALARM:
            rule_fired.send(sender=Rule, **facts)
        else:
            rule_cleared.send(sender=Rule, **facts, reason=RuleState.Cleared.RECOVERED)


def series_left_behind(*, limit: int) -> list[int]:
    """Series with readings that a rule hasn't judged: what a lost wake-up forgot, or what is being judged right now."""
    return [pk for (pk,) in rows_of(LEFT_BEHIND_SQL, [limit])]


def series_watched_by(rule_id: uuid.UUID) -> list[int]:
    sql = f"SELECT series.id FROM {IN_SCOPE} WHERE rule.id = %s ORDER BY series.id"  # noqa: S608 - constants
    return [pk for (pk,) in rows_of(sql, [rule_id])]


def close_out_of_scope(*, at: datetime) -> int:
    """Ends the episodes of machines that were deleted or moved to another category, and says how many."""
    with transaction.atomic():
        ids = [pk for (pk,) in rows_of(OUT_OF_SCOPE_SQL, [])]
        states = RuleState.objects.filter(pk__in=ids)
        for state in states.select_related("rule__metric", "series__equipment", "series__metric").order_by("series"):
            state.tell_cleared(RuleState.Cleared.OUT_OF_SCOPE, at=at)
        states.delete()
    return len(ids)
