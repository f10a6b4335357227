"""Where rules stand, in and out of the database: a fixed number of statements for any number of series.

Rules are held FOR SHARE and their states FOR UPDATE, in this order and each in the order of their keys: nobody edits a
rule while readings are judged by it, and two workers with the same series take turns. A state whose new readings are
all quiet (telemetry.rules.judging) only moves on to the last of them, and never leaves the database. If it has a
memory, it keeps them for it, up to MAX_KEPT.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, LiteralString, NamedTuple

from django.db import connection

from telemetry.rules.judging import Kind, Limits, Memory, Standing, State, StoredReading, due_at, quiet
from telemetry.store.storage import binary_cursor

MAX_READINGS = 10_000
"""What one run judges of one series; a longer backlog continues in the next run."""
MAX_KEPT = 32
"""So many readings a state keeps for its memory: enough to come to the worker rarely, few enough for a small row."""

# Two joins instead of one with OR, which would compare every rule of a metric with every series of it.
IN_SCOPE = """
(
    SELECT rule.id AS rule_id, rule.kind, rule.effective_from, rule.stale_after_s, series.id AS series_id
    FROM iot_series series
    JOIN equipment ON equipment.id = series.equipment_id AND equipment.deleted_at IS NULL
    JOIN iot_rules rule ON rule.equipment_id = series.equipment_id AND rule.metric_id = series.metric_id
    WHERE rule.deleted_at IS NULL AND rule.is_enabled AND {wanted}
    UNION ALL
    SELECT rule.id, rule.kind, rule.effective_from, rule.stale_after_s, series.id
    FROM iot_series series
    JOIN equipment ON equipment.id = series.equipment_id AND equipment.deleted_at IS NULL
    JOIN iot_rules rule ON rule.category_id = equipment.category_id AND rule.metric_id = series.metric_id
    WHERE rule.deleted_at IS NULL AND rule.is_enabled AND {wanted}
) watching"""

# A reading alone changes nothing about silence that isn't told: those states wait for the clock. Those that couldn't be
# judged are left to telemetry.rules.failures, which asks for them alone.
RULES_SQL = """
SELECT rule.id, mine.judged_up_to, mine.states, mine.unmet
FROM iot_rules rule
JOIN (
    SELECT watching.rule_id, min(state.judged_up_to) AS judged_up_to,
        array_agg(state.id) FILTER (WHERE state.id IS NOT NULL) AS states,
        array_agg(watching.series_id) FILTER (WHERE state.id IS NULL) AS unmet
    FROM {in_scope}
    LEFT JOIN iot_rule_states state ON state.rule_id = watching.rule_id AND state.series_id = watching.series_id
    WHERE (%(by_clock)s::bool OR watching.kind <> 'STALE' OR state.state <> 'NORMAL' OR state.last_value IS NULL)
        AND state.failing_since {failing}
    GROUP BY watching.rule_id
) mine ON mine.rule_id = rule.id
WHERE rule.deleted_at IS NULL AND rule.is_enabled
ORDER BY rule.id
FOR SHARE OF rule"""
OF_SERIES = IN_SCOPE.format(wanted="series.id = ANY(%(series)s::int[])")
OF_SERIES_AND_RULE = IN_SCOPE.format(wanted="series.id = ANY(%(series)s::int[]) AND rule.id = %(rule)s::uuid")
ALL_RULES_SQL = RULES_SQL.format(in_scope=OF_SERIES, failing="IS NULL")
ONE_RULE_SQL = RULES_SQL.format(in_scope=OF_SERIES_AND_RULE, failing="IS NULL")
FAILING_RULE_SQL = RULES_SQL.format(in_scope=OF_SERIES_AND_RULE, failing="IS NOT NULL")

# What a rule hasn't judged when it meets a series for the first time is everything since it took effect, or the
# present value alone if that is older. Silence counts from the last arrival.
NEW_STATES_SQL = """
INSERT INTO iot_rule_states (rule_id, series_id, version, state, since, judged_up_to, samples, is_told, suppressed_by)
SELECT rule.id, latest.series_id, rule.version, 'NORMAL', first.since, first.judged_up_to, 0, FALSE, ''
FROM unnest(%s::uuid[], %s::int[]) AS unmet(rule_id, series_id)
JOIN iot_rules rule ON rule.id = unmet.rule_id
JOIN iot_latest latest ON latest.series_id = unmet.series_id
CROSS JOIN LATERAL (
    SELECT GREATEST(rule.effective_from, latest.received_at) AS since, latest.received_at AS judged_up_to
    WHERE rule.kind = 'STALE'
    UNION ALL
    SELECT moment, moment
    FROM (SELECT LEAST(rule.effective_from, latest.recorded_at) - interval '1 microsecond' AS moment) _
    WHERE rule.kind <> 'STALE'
) first
ORDER BY rule.id, latest.series_id
ON CONFLICT DO NOTHING"""

# While all a rule knows is older than it, only the present value counts: judged_before. `since` and the subquery say
# nothing new about the rows; they let the months without news be left out, the past ones before any is looked at.
BEHIND_SQL = """
WITH behind AS MATERIALIZED (
    SELECT state.*, rule.kind = 'STALE' AS by_arrival, latest.recorded_at AS latest_at, latest.received_at,
        latest.value AS latest_value, series.expected_interval_s,
        GREATEST(
            state.judged_up_to, LEAST(rule.effective_from, latest.recorded_at) - interval '1 microsecond'
        ) AS judged_before
    FROM iot_rule_states state
    JOIN iot_rules rule ON rule.id = state.rule_id
    JOIN iot_latest latest ON latest.series_id = state.series_id
    JOIN iot_series series ON series.id = state.series_id
    WHERE state.id = ANY(%(states)s::bigint[])
    ORDER BY state.id
    FOR UPDATE OF state
), fresh AS MATERIALIZED (
    SELECT behind.id, reading.*
    FROM behind
    CROSS JOIN LATERAL (
        SELECT min(value) AS lowest, max(value) AS highest, max(recorded_at) AS newest,
            array_agg(recorded_at ORDER BY recorded_at) AS moments, array_agg(value ORDER BY recorded_at) AS readings
        FROM (
            SELECT recorded_at, value FROM iot_readings
            WHERE series_id = behind.series_id
                AND recorded_at > behind.judged_before AND recorded_at <= behind.latest_at
                AND recorded_at > %(since)s::timestamptz
                AND recorded_at <= (SELECT max(latest_at) FROM behind)
            ORDER BY recorded_at LIMIT %(limit)s::int
        ) _
    ) reading
    WHERE behind.latest_at > behind.judged_up_to AND NOT behind.by_arrival
), quiet AS (
    UPDATE iot_rule_states state
    SET judged_up_to = fresh.newest, last_value = fresh.readings[cardinality(fresh.readings)],
        kept_at = CASE WHEN behind.memory IS NOT NULL THEN behind.kept_at || fresh.moments END,
        kept_values = CASE WHEN behind.memory IS NOT NULL THEN behind.kept_values || fresh.readings END
    FROM behind JOIN fresh ON fresh.id = behind.id
    WHERE state.id = behind.id AND fresh.lowest >= behind.quiet_low AND fresh.highest <= behind.quiet_high
        AND (fresh.newest <= behind.quiet_until) IS NOT FALSE
        AND (behind.memory IS NULL OR cardinality(behind.kept_at || fresh.moments) <= %(keep)s::int)
        AND CASE
            WHEN (fresh.newest - behind.judged_up_to <= behind.expected_interval_s * interval '3 seconds') IS NOT FALSE
            THEN TRUE
            ELSE (
                SELECT max(later - sooner) <= behind.expected_interval_s * interval '3 seconds'
                FROM unnest(behind.judged_up_to || fresh.moments, fresh.moments) AS waiting(sooner, later)
            )
        END
        AND (behind.due_at <= %(at)s::timestamptz) IS NOT TRUE
    RETURNING state.id
)
SELECT behind.id, behind.rule_id, behind.series_id, behind.version, behind.state, behind.since,
    behind.pending_since, behind.samples, behind.judged_up_to, behind.last_value, behind.memory, behind.is_told,
    behind.suppressed_by, behind.suppressed_until, behind.due_at, behind.latest_at, behind.received_at,
    behind.expected_interval_s, behind.kept_at, behind.kept_values,
    CASE WHEN by_arrival THEN ARRAY[received_at] ELSE fresh.moments END,
    CASE WHEN by_arrival THEN ARRAY[latest_value] ELSE fresh.readings END
FROM behind
LEFT JOIN fresh ON fresh.id = behind.id
WHERE behind.id NOT IN (SELECT id FROM quiet)
ORDER BY behind.id"""

SAVE_SQL = """
UPDATE iot_rule_states state
SET state = judged.state, since = judged.since, pending_since = judged.pending_since, samples = judged.samples,
    judged_up_to = judged.judged_up_to, last_value = judged.last_value, memory = judged.memory::jsonb,
    is_told = judged.is_told, suppressed_by = judged.suppressed_by, suppressed_until = judged.suppressed_until,
    due_at = judged.due_at, quiet_low = judged.quiet_low, quiet_high = judged.quiet_high,
    quiet_until = judged.quiet_until, kept_at = NULL, kept_values = NULL
FROM unnest(
    %b::bigint[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::int[], %b::timestamptz[], %b::float8[],
    %b::text[], %b::bool[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::float8[], %b::float8[],
    %b::timestamptz[]
) AS judged(
    id, state, since, pending_since, samples, judged_up_to, last_value, memory, is_told, suppressed_by,
    suppressed_until, due_at, quiet_low, quiet_high, quiet_until
)
WHERE state.id = judged.id"""

# Where the newest reading is void, the next one that comes brings what is left behind along.
LEFT_BEHIND_SQL = f"""
SELECT DISTINCT watching.series_id
FROM {IN_SCOPE.format(wanted="TRUE")}
JOIN iot_latest latest ON latest.series_id = watching.series_id
LEFT JOIN iot_rule_states state ON state.rule_id = watching.rule_id AND state.series_id = watching.series_id
WHERE state.id IS NULL OR (
    watching.kind <> 'STALE' AND latest.recorded_at > state.judged_up_to
    AND latest.void_at IS DISTINCT FROM latest.recorded_at AND state.failing_since IS NULL
)
ORDER BY watching.series_id LIMIT %s"""  # noqa: S608 - constants

DUE_SQL = """
SELECT DISTINCT series_id FROM (
    SELECT series_id FROM iot_rule_states WHERE due_at <= %s AND failing_since IS NULL ORDER BY due_at LIMIT %s
) _
ORDER BY series_id"""


@dataclass(slots=True)
class Case:
    """A state with something to judge. `readings` are those it hasn't judged, oldest first.

    Before them come quiet ones that its memory hasn't taken up yet: `kept_at`, `kept_values`.
    """

    state_id: int
    rule_id: uuid.UUID
    series_id: int
    version: int
    standing: Standing
    is_told: bool
    suppressed_by: str
    suppressed_until: datetime | None
    due_at: datetime | None
    latest_at: datetime
    received_at: datetime
    expected_interval_s: int | None
    kept_at: list[datetime]
    kept_values: list[float]
    readings: list[StoredReading]

    def is_finished(self) -> bool:
        """Nothing is left to judge after `readings`."""
        return len(self.readings) < MAX_READINGS

    def lag(self, limits: Limits) -> timedelta:
        """How far our clock is ahead of the readings' own; silence is measured by ours."""
        return timedelta(0) if limits.kind == Kind.STALE else self.received_at - self.latest_at


def rows_of(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def binary_rows_of(sql: LiteralString, parameters: Mapping[str, Any]) -> list[Any]:
    """For statements that take or answer long arrays: numbers are never written out as text."""
    with binary_cursor() as cursor:
        return cursor.execute(sql, parameters, binary=True).fetchall()


class Part(NamedTuple):
    """One rule on some series: on those where it can be judged, or, `failing`, on those where it couldn't."""

    rule: uuid.UUID
    series: list[int]
    failing: bool = False


class Held(NamedTuple):
    """The states of the rules that are held, and how far the one that is least far has judged."""

    states: list[int]
    judged_up_to: datetime


def lock_rules(series_ids: Sequence[int], *, by_clock: bool) -> Held | None:
    """Holds the rules that watch these series; states that are missing are made. None if there are none.

    `by_clock`: states that only time can change are among them.
    """
    return lock(ALL_RULES_SQL, {"series": list(series_ids), "by_clock": by_clock})


def lock_part(part: Part) -> Held | None:
    """The same for one rule alone, with all states that it has on these series."""
    statement = FAILING_RULE_SQL if part.failing else ONE_RULE_SQL
    return lock(statement, {"series": part.series, "rule": part.rule, "by_clock": True})


def lock(statement: LiteralString, asked: Mapping[str, Any]) -> Held | None:
    found = binary_rows_of(statement, asked)
    unmet = [(rule, series) for rule, *_, fresh in found for series in fresh or ()]
    if unmet:
        with connection.cursor() as cursor:
            cursor.execute(NEW_STATES_SQL, [[rule for rule, _ in unmet], [series for _, series in unmet]])
        found = binary_rows_of(statement, asked)
    held = [(states, judged_up_to) for _, judged_up_to, states, _ in found if states]
    if not held:
        return None
    return Held(sorted(chain.from_iterable(states for states, _ in held)), min(moment for _, moment in held))


def lock_cases(held: Held | None, *, at: datetime | None) -> list[Case]:
    """Holds the states, moves the quiet ones on and answers the others."""
    if held is None:
        return []
    asked = {
        "states": held.states, "since": held.judged_up_to, "limit": MAX_READINGS, "keep": MAX_KEPT, "at": at,
    }  # fmt: skip
    return [as_case(*row) for row in binary_rows_of(BEHIND_SQL, asked)]


def as_case(
    state_id: int, rule_id: uuid.UUID, series_id: int, version: int, state: str, since: datetime,
    pending_since: datetime | None, samples: int, judged_up_to: datetime, last_value: float | None, memory: Any,
    is_told: bool, suppressed_by: str, suppressed_until: datetime | None, due: datetime | None, latest_at: datetime,
    received_at: datetime, expected_interval_s: int | None, kept_at: list[datetime] | None,
    kept_values: list[float] | None, moments: list[datetime] | None, values: list[float] | None,
) -> Case:  # fmt: skip
    if last_value is None:  # it has seen nothing yet, and knows of no gap
        standing = Standing(since=since)
    else:
        standing = Standing(State(state), since, pending_since, samples, judged_up_to, last_value, remembered(memory))
    return Case(
        state_id, rule_id, series_id, version, standing, is_told, suppressed_by, suppressed_until, due, latest_at,
        received_at, expected_interval_s, kept_at or [], kept_values or [],
        list(map(StoredReading, moments or (), values or ())),
    )  # fmt: skip


def remembered(memory: str | list[list[Any]] | None) -> Memory:
    pairs = json.loads(memory) if isinstance(memory, str) else memory or ()
    return tuple(map(tuple, pairs))


def save(judged: Iterable[tuple[Case, Limits]]) -> None:
    """Writes where the states stand now."""
    rows = []
    for case, limits in judged:
        standing = case.standing
        low, high, until = quiet(limits, standing) or (None, None, None)
        memory = json.dumps(standing.memory) if standing.memory else None
        rows.append(
            (
                case.state_id, standing.state.value, standing.since, standing.pending_since, standing.samples,
                standing.last_at or case.latest_at, standing.last_value, memory, case.is_told,
                case.suppressed_by, case.suppressed_until, case.due_at, low, high, until,
            )
        )  # fmt: skip
    if rows:
        with binary_cursor() as cursor:
            cursor.execute(SAVE_SQL, [list(column) for column in zip(*rows, strict=True)])


def next_due(case: Case, limits: Limits) -> datetime | None:
    """When, by our clock, time will change something."""
    due = due_at(limits, case.standing)
    return None if due is None else due + case.lag(limits)


def series_left_behind(*, limit: int) -> list[int]:
    """Series with readings that a rule hasn't judged: what a lost wake-up forgot, or what is being judged right now."""
    return [pk for (pk,) in rows_of(LEFT_BEHIND_SQL, [limit])]


def series_due(*, at: datetime, limit: int) -> list[int]:
    """Series on which time alone changes where a rule stands."""
    return [pk for (pk,) in rows_of(DUE_SQL, [at, limit])]


def rules_watching(series_ids: Sequence[int]) -> list[uuid.UUID]:
    sql = f"SELECT DISTINCT rule_id FROM {OF_SERIES} ORDER BY 1"  # noqa: S608 - constants
    return [pk for (pk,) in rows_of(sql, {"series": list(series_ids)})]


def series_watched_by(rule_id: uuid.UUID) -> list[int]:
    sql = f"SELECT series_id FROM {IN_SCOPE.format(wanted='rule.id = %(rule)s')} ORDER BY 1"  # noqa: S608 - constants
    return [pk for (pk,) in rows_of(sql, {"rule": rule_id})]
