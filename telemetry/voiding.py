"""Readings declared void, and taken back: what is stored follows from the stretches that stand.

A reading is void while a stretch covers it that wasn't taken back, whenever it arrived. Whoever changes the stretches
of a series, or has its readings follow them, holds its row of `iot_latest` first, as those do who store readings: a
batch is there before the stretch and is seen by it, or comes after it and is seen by the worker that rolls it up.
Following changes only what differs and writes the windows into the journal, so it may be done twice or in pieces.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext as _

from faultreporter.accounts.models import User
from faultreporter.errors import InvalidTransition, RangeTooLarge, ValidationFailed
from telemetry.detection import insights
from telemetry.intake.checks import MAX_FUTURE
from telemetry.models import ReadingVoid, VoidedSeries
from telemetry.rules.standings import rows_of
from telemetry.signals import counting_alerts
from telemetry.store.partitions import READINGS
from telemetry.store.storage import binary_cursor

MAX_SERIES = 50
MAX_READINGS = 5_000_000
AT_ONCE = 100_000
"""So many readings follow in the transaction that declares them void; of more, a worker has them follow in pieces."""
PIECE = 50_000

HOLD_SQL = "SELECT FROM iot_latest WHERE series_id = ANY(%s) ORDER BY series_id FOR UPDATE"

# The series and bounds of all pieces say nothing new about the rows; they let the planner leave out the other months.
FOLLOW_SQL = """
WITH piece AS MATERIALIZED (
    SELECT * FROM unnest(%(series)s::int[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        AS piece(series_id, since, until)
), covered AS MATERIALIZED (
    SELECT series_id, COALESCE(
        range_agg(tstzrange(void.since, void.until)) FILTER (WHERE void.id IS NOT NULL), '{}'
    ) AS times
    FROM (SELECT DISTINCT series_id FROM piece) wanted
    LEFT JOIN iot_void_series line USING (series_id)
    LEFT JOIN iot_voids void ON void.id = line.void_id AND void.taken_back_at IS NULL
    GROUP BY series_id
), newest AS (
    UPDATE iot_latest latest
    SET void_at = CASE WHEN covered.times @> latest.recorded_at THEN latest.recorded_at END
    FROM piece JOIN covered USING (series_id)
    WHERE latest.series_id = piece.series_id
        AND latest.recorded_at >= piece.since AND latest.recorded_at < piece.until
        AND latest.void_at IS DISTINCT FROM CASE WHEN covered.times @> latest.recorded_at THEN latest.recorded_at END
), changed AS (
    UPDATE iot_data reading SET quality = CASE WHEN covered.times @> reading.recorded_at THEN 1 ELSE 0 END
    FROM piece JOIN covered USING (series_id)
    WHERE reading.series_id = piece.series_id
        AND reading.recorded_at >= piece.since AND reading.recorded_at < piece.until
        AND reading.series_id = ANY(%(series)s::int[])
        AND reading.recorded_at >= %(first)s AND reading.recorded_at < %(last)s
        AND reading.quality <> CASE WHEN covered.times @> reading.recorded_at THEN 1 ELSE 0 END
    RETURNING reading.series_id, reading.recorded_at
)
INSERT INTO iot_arrivals (received_at, series, first_at, last_at)
SELECT %(at)s, array_agg(series_id), array_agg(first_at), array_agg(last_at)
FROM (
    SELECT series_id, min(recorded_at) AS first_at, max(recorded_at) AS last_at FROM changed
    GROUP BY series_id, date_bin('15 minutes', recorded_at, '2000-01-01T00:00:00Z')
) quarters
HAVING count(*) > 0"""

# Nothing, but for readings that came late into a stretch that stands. Always through the key, piece by piece (OFFSET):
# a join would let the planner read the whole table for many pieces.
MISSED_SQL = """
SELECT DISTINCT dirty.series_id, dirty.since, dirty.until
FROM unnest(%b::int[], %b::timestamptz[], %b::timestamptz[]) AS dirty(series_id, since, until)
JOIN iot_void_series line ON line.series_id = dirty.series_id
JOIN iot_voids void ON void.id = line.void_id AND void.taken_back_at IS NULL
    AND void.since < dirty.until AND void.until > dirty.since
WHERE EXISTS (
    SELECT FROM iot_readings
    WHERE series_id = dirty.series_id AND recorded_at >= GREATEST(dirty.since, void.since)
        AND recorded_at < LEAST(dirty.until, void.until)
    OFFSET 0
)
ORDER BY 1, 2"""

PIECE_END_SQL = """
SELECT recorded_at FROM iot_data WHERE series_id = %s AND recorded_at >= %s AND recorded_at < %s
ORDER BY recorded_at OFFSET %s LIMIT 1"""

FIGURES_SQL = """
SELECT line.series_id, found.*,
    (SELECT value FROM iot_data WHERE series_id = line.series_id AND recorded_at = found.first_at),
    (SELECT value FROM iot_data WHERE series_id = line.series_id AND recorded_at = found.last_at)
FROM unnest(%(series)s::int[]) AS line(series_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS readings, count(*) FILTER (WHERE quality = 1) AS already_void,
        count(DISTINCT date_bin('15 minutes', recorded_at, '2000-01-01T00:00:00Z')) AS windows,
        min(value) AS lowest, max(value) AS highest, min(recorded_at) AS first_at, max(recorded_at) AS last_at
    FROM (
        SELECT recorded_at, value, quality FROM iot_data
        WHERE series_id = line.series_id AND recorded_at >= %(since)s AND recorded_at < %(until)s
        LIMIT %(most)s
    ) reading
) found
ORDER BY 1"""


class Figures(NamedTuple):
    """What a stretch covers of one series. `windows`: quarters of an hour that are rolled up anew."""

    series_id: int
    readings: int
    already_void: int
    windows: int
    lowest: float | None
    highest: float | None
    first_at: datetime | None
    last_at: datetime | None
    first_value: float | None
    last_value: float | None


class Piece(NamedTuple):
    series_id: int
    since: datetime
    until: datetime


def figures(series: Sequence[int], *, since: datetime, until: datetime, at: datetime) -> list[Figures]:
    """What would be left out, series by series; refuses what `declare` would refuse."""
    check(series, since=since, until=until, at=at)
    parameters = {"series": list(series), "since": since, "until": until, "most": MAX_READINGS + 1}
    found = [Figures(*row) for row in rows_of(FIGURES_SQL, parameters)]
    if sum(one.readings for one in found) > MAX_READINGS:
        message = _("More than %(most)d readings lie in this time; choose a shorter one, or fewer series.")
        raise RangeTooLarge(message % {"most": MAX_READINGS}, field="to", meta={"most": MAX_READINGS})
    return found


def check(series: Sequence[int], *, since: datetime, until: datetime, at: datetime) -> None:
    if not series:
        raise ValidationFailed(_("Name at least one series."), field="series_ids")
    if len(series) > MAX_SERIES:
        message = _("At most %(most)d series at a time.") % {"most": MAX_SERIES}
        raise RangeTooLarge(message, field="series_ids", meta={"most": MAX_SERIES})
    if since >= until:
        raise ValidationFailed(_("The end must come after the beginning."), field="to")
    if until > at + MAX_FUTURE:
        raise ValidationFailed(_("This time lies ahead; what will be measured can't be void yet."), field="to")
    check_kept(since, at=at)


def check_kept(since: datetime, *, at: datetime) -> None:
    """Of months that were dropped only the roll-ups are left, which nobody can compute anew."""
    horizon = READINGS.horizon(at)
    if since < horizon:
        message = _("Readings before %(date)s are no longer kept one by one; their roll-ups stay as they are.")
        raise RangeTooLarge(message % {"date": f"{horizon:%Y-%m-%d}"}, field="from", meta={"kept_since": horizon})


def declare(
    *, series: Sequence[int], since: datetime, until: datetime, reason: str, by: User | None, at: datetime
) -> ReadingVoid:
    """Declares what these series measured from `since` to before `until` void."""
    with transaction.atomic():
        hold(series)
        found = figures(series, since=since, until=until, at=at)
        void = ReadingVoid.objects.create(since=since, until=until, reason=reason, created_by=by, created_at=at)
        lines = [VoidedSeries(void=void, series_id=one.series_id, readings=one.readings) for one in found]
        at_once = follow_at_once(void, lines)
        VoidedSeries.objects.bulk_create(lines)
        if at_once:
            follow_whole(void, lines, at=at)
    return void


def take_back(void: ReadingVoid, *, by: User | None, at: datetime) -> None:
    """As if it had never been said: what no other stretch covers is good again."""
    with transaction.atomic():
        void.refresh_from_db(from_queryset=ReadingVoid.objects.select_for_update(of=("self",)))
        if not void.is_active:
            message = _("It has been taken back already.")
            raise InvalidTransition(message, source="TAKEN_BACK", target="TAKEN_BACK", allowed=[])
        check_kept(void.since, at=at)
        lines = list(void.lines.all())
        hold([line.series_id for line in lines])
        void.taken_back_at, void.taken_back_by = at, by
        void.save(update_fields=["taken_back_at", "taken_back_by"])
        at_once = follow_at_once(void, lines)
        VoidedSeries.objects.bulk_update(lines, ["settled_to", "is_settled"])
        if at_once:
            follow_whole(void, lines, at=at)


def hold(series: Sequence[int]) -> None:
    rows_of(HOLD_SQL, [list(series)])


def follow_at_once(void: ReadingVoid, lines: Sequence[VoidedSeries]) -> bool:
    """Whether all follow in this transaction, as the lines then say: not if everybody would wait for it."""
    at_once = sum(line.readings for line in lines) <= AT_ONCE
    for line in lines:
        line.settled_to, line.is_settled = void.until if at_once else void.since, at_once
    return at_once


def follow_whole(void: ReadingVoid, lines: Sequence[VoidedSeries], *, at: datetime) -> None:
    follow([Piece(line.series_id, void.since, void.until) for line in lines], at=at)
    learn_anew(void, [line.series_id for line in lines], at=at)


def follow(pieces: Sequence[Piece], *, at: datetime) -> None:
    """Has the readings of these pieces say whether they are void. The caller holds their series."""
    if not pieces:
        return
    series, since, until = (list(column) for column in zip(*pieces, strict=True))
    parameters: dict[str, Any] = {
        "series": series, "since": since, "until": until, "first": min(since), "last": max(until), "at": at,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW_SQL, parameters)


def follow_next(*, at: datetime) -> bool:
    """The next piece of what is still to follow; whether there was one."""
    waiting = VoidedSeries.objects.filter(is_settled=False).select_related("void")
    with transaction.atomic():
        first = waiting.order_by("pk").first()
        if first is None:
            return False
        hold([first.series_id])
        line = waiting.filter(pk=first.pk).first()
        if line is not None:
            until = line.void.until
            ends = rows_of(PIECE_END_SQL, [line.series_id, line.settled_to, until, PIECE])
            end = ends[0][0] if ends else until
            follow([Piece(line.series_id, line.settled_to, end)], at=at)
            line.move_on(to=end, until=until)
            if line.is_settled:
                learn_anew(line.void, [line.series_id], at=at)
    return True


def learn_anew(void: ReadingVoid, series: Sequence[int], *, at: datetime) -> None:
    if void.until > at - timedelta(days=insights.LEARN_FROM_DAYS):
        insights.begin_anew(series, at=at)


def alerts_raised(series: Sequence[int], *, since: datetime, until: datetime) -> dict[str, int]:
    """How many alerts rules raised on these series in this time, `open` and `closed`: perhaps false alarms."""
    answers: Any = counting_alerts.send(sender=ReadingVoid, series=series, since=since, until=until)
    return {name: sum(told[name] for _receiver, told in answers) for name in ("open", "closed")}


def follow_late(changed: Sequence[tuple[int, datetime, datetime]], *, at: datetime) -> None:
    """Late readings among what has changed that a declared stretch covers are void like those that came in time."""
    if not changed:
        return
    columns = [list(column) for column in zip(*changed, strict=True)]
    with binary_cursor() as cursor:
        missed = [Piece(*row) for row in cursor.execute(MISSED_SQL, columns).fetchall()]
    if missed:
        hold(sorted({piece.series_id for piece in missed}))
        follow(missed, at=at)
