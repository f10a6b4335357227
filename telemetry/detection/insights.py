"""Readings through detectors, and what they find into insights. Off the paging path: no alert ever comes of it.

A run lists the states that have readings before them and takes a bounded number at a time, FOR UPDATE SKIP LOCKED:
what another worker has at the moment is left to it, and a state moves on in the transaction that stores what it found.
Run twice or killed half-way, nothing is judged twice; a reading older than what its state has judged is late and
changes nothing.
"""

import math
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction

from faultreporter.locks import Lock, hold
from telemetry.detection.detectors import Algorithm, Episode, RelativeEntropy, RunningZ
from telemetry.models import Detector, Insight
from telemetry.rules.standings import rows_of
from telemetry.store.turns import take_turn

STATES_AT_ONCE = 250
READINGS_AT_ONCE = 1_000
"""Per state and transaction; a longer backlog goes on in the next one."""
LEARN_FROM_DAYS = 14
GROUP_WINDOW = timedelta(minutes=30)

ALGORITHMS: dict[str, type[Algorithm]] = {
    Detector.Kind.RUNNING_Z: RunningZ,
    Detector.Kind.RELATIVE_ENTROPY: RelativeEntropy,
}

# What a metric begins with. One that somebody has deleted stays so.
DEFAULTS_SQL = """
INSERT INTO iot_detectors (id, created_at, updated_at, metric_id, kind, is_enabled, visibility)
SELECT gen_random_uuid(), %(at)s, %(at)s, metric.id, 'RUNNING_Z', metric.kind = 'GAUGE', 'SHADOW'
FROM iot_metrics metric
WHERE metric.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM iot_detectors old
    WHERE old.metric_id = metric.id AND old.kind = 'RUNNING_Z' AND old.category_id IS NULL
)
ON CONFLICT DO NOTHING"""


def in_force(which: str = "TRUE") -> str:
    """Of each kind the detector of the machine's category, else that of all machines; then only if it is switched on.

    `which` says of which series; they come first in every plan, with or without statistics of the tables.
    """
    return f"""
(
    SELECT * FROM (
        SELECT DISTINCT ON (series.id, detector.kind)
            detector.id AS detector_id, detector.kind, detector.visibility, detector.is_enabled,
            series.id AS series_id, equipment.id AS equipment_id, equipment.location_id, latest.recorded_at AS latest_at
        FROM (SELECT id, equipment_id, metric_id FROM iot_series WHERE {which} OFFSET 0) series
        JOIN equipment ON equipment.id = series.equipment_id AND equipment.deleted_at IS NULL
        JOIN iot_latest latest ON latest.series_id = series.id
        JOIN iot_detectors detector ON detector.metric_id = series.metric_id AND detector.deleted_at IS NULL
            AND (detector.category_id IS NULL OR detector.category_id = equipment.category_id)
        ORDER BY series.id, detector.kind, detector.category_id NULLS LAST
    ) chosen
    WHERE is_enabled
) AS in_force"""  # noqa: S608 - constants


NEW_STATES_SQL = f"""
INSERT INTO iot_detector_states (detector_id, series_id, judged_up_to, tells_from, version, state)
SELECT detector_id, series_id, latest_at - make_interval(days => %s), latest_at, 0, ''
FROM {in_force()}
WHERE NOT EXISTS (
    SELECT FROM iot_detector_states old
    WHERE old.detector_id = in_force.detector_id AND old.series_id = in_force.series_id
)
ORDER BY detector_id, series_id
ON CONFLICT DO NOTHING"""  # noqa: S608 - constants

WAITING_SQL = """
SELECT state.id, series_id FROM iot_detector_states state
JOIN iot_latest latest USING (series_id)
WHERE latest.recorded_at > state.judged_up_to
ORDER BY state.judged_up_to, state.id"""

BEHIND_SQL = f"""
SELECT state.id, in_force.detector_id, in_force.kind, in_force.visibility = 'SHADOW', in_force.series_id,
    in_force.equipment_id, COALESCE(site.time_zone, %(time_zone)s), in_force.latest_at,
    state.judged_up_to, state.tells_from, state.version, state.state
FROM {in_force("id = ANY(%(series)s)")}
JOIN iot_detector_states state USING (detector_id, series_id)
LEFT JOIN locations place ON place.id = in_force.location_id
LEFT JOIN locations site ON site.id = COALESCE(place.site_id, place.id)
WHERE state.id = ANY(%(states)s) AND in_force.latest_at > state.judged_up_to
ORDER BY state.id
FOR UPDATE OF state SKIP LOCKED"""  # noqa: S608 - constants

# The two outer bounds say nothing new about the rows; they let the planner leave out the months without news.
READINGS_SQL = """
SELECT backlog.state_id, reading.recorded_at, reading.value
FROM unnest(%(states)s::bigint[], %(series)s::int[], %(judged_up_to)s::timestamptz[], %(latest)s::timestamptz[])
    AS backlog(state_id, series_id, judged_up_to, latest_at)
CROSS JOIN LATERAL (
    SELECT recorded_at, value FROM iot_readings
    WHERE series_id = backlog.series_id
        AND recorded_at > backlog.judged_up_to AND recorded_at <= backlog.latest_at
        AND recorded_at > %(oldest)s AND recorded_at <= %(newest)s
    ORDER BY recorded_at LIMIT %(limit)s
) reading
ORDER BY 1, 2"""

SAVE_SQL = """
UPDATE iot_detector_states state
SET judged_up_to = judged.judged_up_to, version = judged.version, state = judged.state
FROM unnest(%s::bigint[], %s::timestamptz[], %s::smallint[], %s::bytea[])
    AS judged(id, judged_up_to, version, state)
WHERE state.id = judged.id"""

CLOSE_SQL = f"""
UPDATE iot_insights insight SET ended_at = insight.last_unusual_at, updated_at = %s
WHERE insight.ended_at IS NULL AND NOT EXISTS (
    SELECT FROM {in_force()}
    WHERE in_force.detector_id = insight.detector_id AND in_force.series_id = insight.series_id
)"""  # noqa: S608 - constants

# A state that is just being judged is forgotten the next time.
FORGET_SQL = f"""
DELETE FROM iot_detector_states WHERE id IN (
    SELECT id FROM iot_detector_states state WHERE NOT EXISTS (
        SELECT FROM {in_force()}
        WHERE in_force.detector_id = state.detector_id AND in_force.series_id = state.series_id
    )
    FOR UPDATE SKIP LOCKED
)"""  # noqa: S608 - constants

# The next `prepare` makes the states again, and they learn from what is good by then.
BEGIN_ANEW_SQL = """
WITH closed AS (
    UPDATE iot_insights SET ended_at = last_unusual_at, updated_at = %(at)s
    WHERE series_id = ANY(%(series)s) AND ended_at IS NULL
)
DELETE FROM iot_detector_states WHERE series_id = ANY(%(series)s)"""

BACKLOG_SQL = """
SELECT count(*), min(latest.received_at)
FROM iot_detector_states state
JOIN iot_latest latest USING (series_id)
WHERE latest.recorded_at > state.judged_up_to"""


class Waiting(NamedTuple):
    """A state that had readings before it when it was looked for, and of which series it is."""

    state_id: int
    series_id: int


class Behind(NamedTuple):
    """A state with readings before it."""

    state_id: int
    detector_id: uuid.UUID
    kind: str
    in_shadow: bool
    series_id: int
    equipment_id: uuid.UUID
    time_zone: str
    latest_at: datetime
    judged_up_to: datetime
    tells_from: datetime
    version: int
    state: bytes

    def restored(self) -> Algorithm:
        """As it was left; an older version of the arithmetic begins anew."""
        algorithm = ALGORITHMS[self.kind]
        return algorithm.load(bytes(self.state)) if self.version == algorithm.version else algorithm()


class Found(NamedTuple):
    """An episode and whose it is."""

    behind: Behind
    episode: Episode

    @property
    def key(self) -> tuple[uuid.UUID, int, datetime]:
        return self.behind.detector_id, self.behind.series_id, self.episode.started_at

    @property
    def site_date(self) -> date:
        return self.episode.started_at.astimezone(ZoneInfo(self.behind.time_zone)).date()


def prepare(*, at: datetime) -> None:
    """Detectors for new metrics, states for new series; what no detector watches any more is closed and forgotten."""
    with transaction.atomic(), connection.cursor() as cursor:
        hold(Lock.INSIGHTS)
        cursor.execute(DEFAULTS_SQL, {"at": at})
        cursor.execute(CLOSE_SQL, [at])
        cursor.execute(FORGET_SQL)
        cursor.execute(NEW_STATES_SQL, [LEARN_FROM_DAYS])


def judge(*, at: datetime, seconds: float = math.inf, readings: int = READINGS_AT_ONCE) -> int:
    """What waits now, or as much of it as can be begun in so many seconds; answers how often a state moved on.

    What comes meanwhile waits for the next run: whoever ran after it would never be done.
    """
    end, moved = time.monotonic() + seconds, 0
    waiting = deque(states_behind())
    while waiting and time.monotonic() < end:
        states = [waiting.popleft() for _ in range(min(STATES_AT_ONCE, len(waiting)))]
        done, unfinished = judge_some(states, at=at, readings=readings)
        moved += done
        waiting += unfinished
    return moved


def states_behind() -> list[Waiting]:
    """Those with readings before them; first those that have waited longest."""
    return [Waiting(*row) for row in rows_of(WAITING_SQL, [])]


def judge_some(states: Sequence[Waiting], *, at: datetime, readings: int) -> tuple[int, list[Waiting]]:
    """One transaction: these states, each at most so many readings further.

    Answers how many it moved on, and which of them have more before them. What another worker has, or no detector
    watches any more, is left alone.
    """
    with transaction.atomic():
        take_turn()
        behind = lock_behind(states)
        unjudged = unjudged_readings(behind, limit=readings) if behind else {}
        saved, found, unfinished = [], [], []
        for one in behind:
            new = unjudged[one.state_id]
            algorithm = one.restored()
            episodes = algorithm.feed(new)
            found += [Found(one, episode) for episode in episodes if episode.started_at > one.tells_from]
            judged_up_to = new[-1][0] if len(new) == readings else one.latest_at
            if judged_up_to < one.latest_at:
                unfinished.append(Waiting(one.state_id, one.series_id))
            saved.append((one.state_id, judged_up_to, algorithm.version, algorithm.dump()))
        if saved:
            with connection.cursor() as cursor:
                cursor.execute(SAVE_SQL, list(map(list, zip(*saved, strict=True))))
        if found:
            tell(found, at=at)
    return len(behind), unfinished


def begin_anew(series: Sequence[int], *, at: datetime) -> None:
    """Detectors forget what they have learned of these series: some of it is wrong. What is open is closed."""
    with connection.cursor() as cursor:
        cursor.execute(BEGIN_ANEW_SQL, {"series": list(series), "at": at})


def backlog() -> tuple[int, datetime | None]:
    """How many states have readings before them, and when the newest of that series arrived that waits longest."""
    [(states, oldest_at)] = rows_of(BACKLOG_SQL, [])
    return states, oldest_at


def lock_behind(waiting: Sequence[Waiting]) -> list[Behind]:
    states, series = map(list, zip(*waiting, strict=True))
    parameters = {"time_zone": settings.TIME_ZONE, "states": states, "series": series}
    return [Behind(*row) for row in rows_of(BEHIND_SQL, parameters)]


def unjudged_readings(behind: Sequence[Behind], *, limit: int) -> Mapping[int, list[tuple[datetime, float]]]:
    """Of each state, oldest first."""
    parameters = {
        "states": [one.state_id for one in behind],
        "series": [one.series_id for one in behind],
        "judged_up_to": [one.judged_up_to for one in behind],
        "latest": [one.latest_at for one in behind],
        "oldest": min(one.judged_up_to for one in behind),
        "newest": max(one.latest_at for one in behind),
        "limit": limit,
    }
    readings: dict[int, list[tuple[datetime, float]]] = defaultdict(list)
    for state_id, recorded_at, value in rows_of(READINGS_SQL, parameters):
        readings[state_id].append((recorded_at, value))
    return readings


def tell(found: Sequence[Found], *, at: datetime) -> None:
    """Stores these episodes, new ones with their group and their place in the machine's budget.

    One at a time, however many workers there are: two insights of a machine mustn't both be the last that fits.
    """
    hold(Lock.INSIGHTS)
    rows = Insight.objects.filter(
        detector__in={one.behind.detector_id for one in found},
        series__in={one.behind.series_id for one in found},
        started_at__in={one.episode.started_at for one in found},
    )
    known = {(row.detector_id, row.series_id, row.started_at): row for row in rows}
    changed = [updated(known[one.key], one.episode, at=at) for one in found if one.key in known]
    Insight.objects.bulk_update(
        changed, ["last_unusual_at", "ended_at", "peak_value", "peak_score", "updated_at"], batch_size=500
    )
    new = sorted((one for one in found if one.key not in known), key=lambda one: (one.episode.started_at, one.key[1]))
    if new:
        desk = Desk.for_machines(new)
        Insight.objects.bulk_create([desk.placed(one) for one in new])


def updated(insight: Insight, episode: Episode, *, at: datetime) -> Insight:
    insight.last_unusual_at = episode.last_unusual_at
    insight.ended_at = episode.last_unusual_at if episode.is_over else None
    insight.peak_value, insight.peak_score = episode.peak_value, episode.peak_score
    insight.updated_at = at
    return insight


class Desk:
    """Where new insights get their group and their state: knows the leaders around them and today's counts."""

    def __init__(self, leaders: Sequence[Insight], *, budget: int) -> None:
        self.budget = budget
        self.leaders: dict[tuple[uuid.UUID, bool], list[Insight]] = defaultdict(list)
        self.shown: dict[tuple[uuid.UUID, date], int] = defaultdict(int)
        for leader in leaders:
            self._take_in(leader)

    @classmethod
    def for_machines(cls, found: Sequence[Found]) -> "Desk":
        """With two days around the new ones: whatever the site's zone, its whole day is among them."""
        moments = [one.episode.started_at for one in found]
        leaders = Insight.objects.leading().filter(
            equipment__in={one.behind.equipment_id for one in found},
            started_at__gte=min(moments) - timedelta(days=2),
            started_at__lte=max(moments) + timedelta(days=2),
        )
        return cls(list(leaders.order_by("started_at", "id")), budget=settings.INSIGHT_DAILY_BUDGET)

    def placed(self, found: Found) -> Insight:
        behind, episode = found.behind, found.episode
        insight = Insight(
            detector_id=behind.detector_id,
            series_id=behind.series_id,
            equipment_id=behind.equipment_id,
            site_date=found.site_date,
            started_at=episode.started_at,
            last_unusual_at=episode.last_unusual_at,
            ended_at=episode.last_unusual_at if episode.is_over else None,
            value=episode.value,
            peak_value=episode.peak_value,
            peak_score=episode.peak_score,
            expected_low=episode.expected_low,
            expected_high=episode.expected_high,
        )
        insight.leader = self._leader_of(insight, in_shadow=behind.in_shadow)
        if insight.leader:
            insight.state = insight.leader.state
        else:
            insight.state = self._state_of(insight, in_shadow=behind.in_shadow)
            self._take_in(insight)
        return insight

    def _take_in(self, leader: Insight) -> None:
        in_shadow = leader.state == Insight.State.SHADOW
        self.leaders[leader.equipment_id, in_shadow].append(leader)
        if leader.state == Insight.State.SHOWN:
            self.shown[leader.equipment_id, leader.site_date] += 1

    def _leader_of(self, insight: Insight, *, in_shadow: bool) -> Insight | None:
        """What is in shadow keeps to itself: it mustn't lead what is shown, nor be shown along with it."""
        near = self.leaders[insight.equipment_id, in_shadow]
        return next((one for one in near if abs(one.started_at - insight.started_at) <= GROUP_WINDOW), None)

    def _state_of(self, insight: Insight, *, in_shadow: bool) -> str:
        if in_shadow:
            return Insight.State.SHADOW
        has_room = self.shown[insight.equipment_id, insight.site_date] < self.budget
        return Insight.State.SHOWN if has_room else Insight.State.OVER_BUDGET


def prune(*, before: datetime, batch: int = 1_000) -> int:
    """Forgets insights that were over before then, with their feedback; a group stays until all of it is old."""
    forgotten = 0
    recent = Insight.objects.exclude(pk__in=Insight.objects.older_than(before).values("pk"))
    old = Insight.objects.leading().older_than(before).exclude(pk__in=recent.exclude(leader=None).values("leader"))
    while leaders := list(old.order_by("started_at").values_list("pk", flat=True)[:batch]):
        members = Insight.objects.filter(leader__in=leaders).delete()[1]
        gone = Insight.objects.filter(pk__in=leaders).delete()[1]
        forgotten += sum(counts.get("telemetry.Insight", 0) for counts in (members, gone))
    return forgotten
