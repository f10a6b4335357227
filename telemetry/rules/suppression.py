"""Whether an alarm that begins is told. Rules judge on regardless; only the telling waits.

What is planned holds any rule back, by the time of its readings: the hours of the rule on the clock of the site,
maintenance windows of the machine, of a machine it is part of and of a place it stands in, and the status log
(maintenance, offline) of the machine and of those it is part of.

What is silent holds back the rules about silence below it, as of now: a machine it is part of that has such a rule of
its own, once none of its sensors has spoken for half as long as that rule allows, or the gateway, likewise. Only a
machine with such a rule, because then somebody is told of it; and only rules about silence, because a value that
arrives is true whoever else is silent. Of the series of a silent gateway the first speaks for all. When machine or
gateway is back, each series has its rule's whole time again to follow.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.translation import ngettext

from faultreporter.locks import Lock, hold
from locations.business_time import WEEKDAYS, BusinessHours
from locations.models.calendar import Hours, spans_of_day, zone_of
from telemetry.models import Rule, Series, Suppression
from telemetry.rules.judging import Kind
from telemetry.rules.standings import Case, rows_of

WEEK = timedelta(days=8)
"""A weekly schedule opens at least once in it."""

# UNION, not UNION ALL: it stops even on a row that somebody tied into a ring by hand.
PLANNED_SQL = """
WITH RECURSIVE machine(series_id, equipment_id, parent_id, location_id) AS (
    SELECT series.id, equipment.id, equipment.parent_id, equipment.location_id
    FROM iot_series series JOIN equipment ON equipment.id = series.equipment_id
    WHERE series.id = ANY(%(series)s)
    UNION
    SELECT machine.series_id, above.id, above.parent_id, machine.location_id
    FROM machine JOIN equipment above ON above.id = machine.parent_id
), place(series_id, location_id, parent_id) AS (
    SELECT machine.series_id, location.id, location.parent_id
    FROM machine JOIN locations location ON location.id = machine.location_id
    UNION
    SELECT place.series_id, above.id, above.parent_id
    FROM place JOIN locations above ON above.id = place.parent_id
), coming AS (
    SELECT * FROM iot_maintenance_windows WHERE deleted_at IS NULL AND ends_at > %(since)s
)
SELECT machine.series_id, coming.starts_at, coming.ends_at, 'MAINTENANCE_WINDOW'
FROM coming JOIN machine ON machine.equipment_id = coming.equipment_id
UNION ALL
SELECT place.series_id, coming.starts_at, coming.ends_at, 'MAINTENANCE_WINDOW'
FROM coming JOIN place ON place.location_id = coming.location_id
UNION ALL
SELECT machine.series_id, log.started_at, log.ended_at, 'STATUS'
FROM machine JOIN equipment_status_log log ON log.equipment_id = machine.equipment_id
WHERE log.status IN ('MAINTENANCE', 'OFFLINE') AND (log.ended_at IS NULL OR log.ended_at > %(since)s)"""

SILENT_PARENTS_SQL = """
WITH RECURSIVE above(series_id, equipment_id, parent_id) AS (
    SELECT series.id, parent.id, parent.parent_id
    FROM iot_series series
    JOIN equipment ON equipment.id = series.equipment_id
    JOIN equipment parent ON parent.id = equipment.parent_id
    WHERE series.id = ANY(%(series)s)
    UNION
    SELECT above.series_id, parent.id, parent.parent_id
    FROM above JOIN equipment parent ON parent.id = above.parent_id
)
SELECT DISTINCT above.series_id
FROM above
JOIN iot_series own ON own.equipment_id = above.equipment_id
JOIN iot_rule_states state ON state.series_id = own.id
JOIN iot_rules rule ON rule.id = state.rule_id AND rule.kind = 'STALE'
WHERE NOT EXISTS (
    SELECT FROM iot_series heard JOIN iot_latest latest ON latest.series_id = heard.id
    WHERE heard.equipment_id = above.equipment_id
        AND latest.received_at > %(at)s - rule.stale_after_s * interval '0.5 second'
)"""

GATEWAYS_SQL = """
SELECT series.gateway_id, max(latest.received_at), count(*)
FROM iot_series series JOIN iot_latest latest ON latest.series_id = series.id
WHERE series.gateway_id = ANY(%s)
GROUP BY series.gateway_id"""

SPEAKERS_SQL = """
SELECT series.gateway_id
FROM iot_rule_states state
JOIN iot_rules rule ON rule.id = state.rule_id AND rule.kind = 'STALE'
JOIN iot_series series ON series.id = state.series_id
WHERE state.is_told AND series.gateway_id = ANY(%s)"""


class Hold(NamedTuple):
    """What keeps an alarm from being told, and until when if that is known."""

    by: Suppression
    until: datetime | None

    def lasts_to(self, moment: datetime) -> bool:
        return self.until is None or self.until >= moment


class Interval(NamedTuple):
    start: datetime
    end: datetime | None
    by: Suppression


class Gateway(NamedTuple):
    """The newest arrival through a gateway, and how many series come through it."""

    received_at: datetime
    series: int


class Plan:
    """What is planned for these series from `since` on: of the past, too, as the rule's hours and the logs tell it."""

    def __init__(self, series_ids: Sequence[int], *, since: datetime | None) -> None:
        self.intervals: dict[int, list[Interval]] = defaultdict(list)
        if series_ids:
            for series_id, start, end, by in rows_of(PLANNED_SQL, {"series": list(series_ids), "since": since}):
                self.intervals[series_id].append(Interval(start, end, Suppression(by)))

    def hold(self, series: Series, rule: Rule, moment: datetime) -> Hold | None:
        """Until the first moment that neither interval nor schedule covers; the reason is that of the last of them."""
        by, free = None, moment
        while (interval := self.covering(series, rule, free)) is not None:
            by = interval.by
            if interval.end is None:
                return Hold(by, None)
            free = interval.end
        return Hold(by, free) if by else None

    def covering(self, series: Series, rule: Rule, moment: datetime) -> Interval | None:
        for interval in self.intervals[series.pk]:
            if interval.start <= moment and (interval.end is None or interval.end > moment):
                return interval
        if rule.weekly_hours is None:
            return None
        hours = hours_of(series, rule.weekly_hours)
        if hours.is_open(moment):
            return None
        opening = next(hours.spans(moment, moment + WEEK), None)
        return Interval(moment, opening[0] if opening else None, Suppression.SCHEDULE)


def hours_of(series: Series, weekly: Hours) -> BusinessHours:
    place = series.equipment.location
    zone = zone_of((place.site or place) if place else None)
    return BusinessHours(zone, tuple(tuple(spans_of_day(weekly.get(day, []))) for day in WEEKDAYS))


class Suppressor:
    """Judges the alarms of one run: those of `cases`, each with the moment it began; `at` is None without a clock."""

    def __init__(
        self,
        cases: Sequence[tuple[Case, datetime]],
        rules: Mapping[uuid.UUID, Rule],
        series: Mapping[int, Series],
        at: datetime | None,
    ) -> None:
        self.rules, self.series, self.at = rules, series, at
        self.plan = Plan([case.series_id for case, _ in cases], since=min((began for _, began in cases), default=None))
        stale = [case.series_id for case, _ in cases if rules[case.rule_id].kind == Kind.STALE] if at else []
        gateways = {pk for one in stale if (pk := series[one].gateway_id)}
        self.silent_parents: set[int] = set()
        self.gateways: dict[uuid.UUID, Gateway] = {}
        self.spoken_for: set[uuid.UUID] = set()
        if stale:
            self.silent_parents = {pk for (pk,) in rows_of(SILENT_PARENTS_SQL, {"series": stale, "at": at})}
        if gateways:
            hold(Lock.SILENT_GATEWAYS)
            self.gateways = {pk: Gateway(*facts) for pk, *facts in rows_of(GATEWAYS_SQL, [list(gateways)])}
            self.spoken_for = {pk for (pk,) in rows_of(SPEAKERS_SQL, [list(gateways)])}

    def hold(self, case: Case, moment: datetime) -> Hold | None:
        """What keeps the alarm that began at `moment` from being told then; `until` is the first free moment."""
        rule = self.rules[case.rule_id]
        if (planned := self.plan.hold(self.series[case.series_id], rule, moment)) is not None:
            return planned
        if rule.kind == Kind.STALE:
            return self.held_by_silence(case, rule, self.at) if self.at else self.held_so_far(case)
        return None

    def held_so_far(self, case: Case) -> Hold | None:
        """Without a clock: what the last look at it found."""
        if case.suppressed_by not in (Suppression.PARENT, Suppression.GATEWAY):
            return None
        return Hold(Suppression(case.suppressed_by), case.suppressed_until)

    def held_by_silence(self, case: Case, rule: Rule, at: datetime) -> Hold | None:
        span = timedelta(seconds=rule.stale_after_s or 0)
        if case.series_id in self.silent_parents:
            return Hold(Suppression.PARENT, None)
        gateway_id = self.series[case.series_id].gateway_id
        gateway = self.gateways.get(gateway_id) if gateway_id else None
        if gateway_id and gateway and gateway.series > 1 and gateway.received_at <= at - span / 2:
            if gateway_id in self.spoken_for:
                return Hold(Suppression.GATEWAY, None)
            self.spoken_for.add(gateway_id)
            return None
        if case.suppressed_by in (Suppression.PARENT, Suppression.GATEWAY):
            until = case.suppressed_until or at + span
            return Hold(Suppression(case.suppressed_by), until) if until > at else None
        return None

    def words(self, case: Case) -> str:
        """What a series that speaks for its gateway says besides; nothing for any other."""
        one = self.series[case.series_id]
        gateway = self.gateways.get(one.gateway_id) if one.gateway_id else None
        rule = self.rules[case.rule_id]
        if not gateway or gateway.series < 2 or self.at is None or rule.kind != Kind.STALE:
            return ""
        if gateway.received_at > self.at - timedelta(seconds=rule.stale_after_s or 0) / 2:
            return ""
        count = gateway.series - 1
        said = ngettext(
            "Its gateway is silent, with %(count)d other series.",
            "Its gateway is silent, with %(count)d other series.",
            count,
        )
        return " " + said % {"count": count}
