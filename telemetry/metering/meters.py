"""What a meter's readings come to. Of a long range only those readings are fetched that change the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from telemetry.metering.counters import Bucket, Dial, Exchange, Register, Use, edges_of, uses
from telemetry.models import Meter
from telemetry.models.catalogue import GAP_INTERVALS
from telemetry.store.history import measured_interval

HOUR_S = 3600.0

# Three readings on either side: what the rules of telemetry.metering.counters look at around a step.
REACH_SQL = """
SELECT
    (SELECT min(recorded_at) FROM (SELECT recorded_at FROM iot_readings
        WHERE series_id = %(series)s AND recorded_at < %(since)s ORDER BY recorded_at DESC LIMIT 3) before),
    (SELECT max(recorded_at) FROM (SELECT recorded_at FROM iot_readings
        WHERE series_id = %(series)s AND recorded_at >= %(until)s ORDER BY recorded_at LIMIT 3) after)"""

# A reading inside a rising run, with others beside it in its bucket and no gap around it, changes nothing: the
# differences on its sides add up to the one across it. One pass over the key's range leaves those at edges, gaps, falls
# and leaps: of a year of quarters of an hour, 35,040 readings, by day some 730.
DIALS_SQL = """
SELECT recorded_at, value, apart IS NOT TRUE AS smooth, apart OR fell OR leapt AS is_odd
FROM (
    SELECT recorded_at, value, bucket,
        lag(bucket) OVER by_time AS bucket_before,
        lead(bucket) OVER by_time AS bucket_after,
        recorded_at - lag(recorded_at) OVER by_time > %(gap)s AS apart,
        value < lag(value) OVER by_time AS fell,
        {leapt} AS leapt
    FROM (
        SELECT recorded_at, value, width_bucket(recorded_at, %(edges)s::timestamptz[]) AS bucket
        FROM iot_readings
        WHERE series_id = %(series)s AND recorded_at >= %(since)s AND recorded_at <= %(until)s
    ) reading
    WINDOW by_time AS (ORDER BY recorded_at)
) compared
WHERE bucket IS DISTINCT FROM bucket_before OR bucket IS DISTINCT FROM bucket_after OR apart OR fell OR leapt
ORDER BY recorded_at"""

LEAPT = """
value - lag(value) OVER by_time > %(pace)s * extract(epoch FROM recorded_at - lag(recorded_at) OVER by_time)::float8"""
DIALS_SQL_OF_ANY_PACE, DIALS_SQL_WITH_PACE = DIALS_SQL.format(leapt="false"), DIALS_SQL.format(leapt=LEAPT)

# What stands beside the odd ones. None of these follows a gap: those are odd themselves.
BESIDE_SQL = """
SELECT beside.recorded_at, beside.value
FROM unnest(%(odd)s::timestamptz[]) AS odd(at)
CROSS JOIN LATERAL (
    (SELECT recorded_at, value FROM iot_readings
     WHERE series_id = %(series)s AND recorded_at < odd.at AND recorded_at >= %(since)s
     ORDER BY recorded_at DESC LIMIT 3)
    UNION ALL
    (SELECT recorded_at, value FROM iot_readings
     WHERE series_id = %(series)s AND recorded_at > odd.at AND recorded_at <= %(until)s
     ORDER BY recorded_at LIMIT 3)
) beside"""


@dataclass(frozen=True, slots=True)
class Consumption:
    """A meter's use by bucket, in its unit, and what counts as a gap."""

    uses: list[Use]
    max_gap: timedelta

    @property
    def total(self) -> float | None:
        known = [use.amount for use in self.uses if use.amount is not None]
        return sum(known) if known else None

    @property
    def estimated(self) -> float:
        return sum(use.estimated for use in self.uses)

    @property
    def coverage(self) -> float:
        span = sum((use.end - use.start for use in self.uses), timedelta(0))
        return sum((use.covered for use in self.uses), timedelta(0)) / span if span else 0.0


def consumption(meter: Meter, *, since: datetime, until: datetime, bucket: Bucket, zone: ZoneInfo) -> Consumption:
    """What was used from `since` to `until`, by hour, day or month of a time zone."""
    return consumption_between(meter, list(edges_of(since, until, bucket, zone)))


def consumption_between(meter: Meter, edges: Sequence[datetime]) -> Consumption:
    """What was used between each of these moments and the next, in the meter's unit."""
    register = register_of(meter)
    if len(edges) < 2:
        return Consumption([], register.max_gap)
    exchanges = [Exchange(one.at, one.final, one.initial) for one in meter.exchanges.all()]
    found = uses(read_dials(meter, edges, register, exchanges), edges, register, exchanges)
    scale = meter.scale
    for use in found:
        use.estimated *= scale
        use.amount = None if use.amount is None else use.amount * scale
    return Consumption(found, register.max_gap)


def register_of(meter: Meter) -> Register:
    """Its dial. Readings up to three intervals apart cover the time between them; unknown, the interval is measured."""
    interval = meter.series.expected_interval_s or measured_interval(meter.series_id) or HOUR_S
    return Register(
        max_gap=timedelta(seconds=GAP_INTERVALS * interval),
        rolls_over_at=meter.rolls_over_at,
        max_per_hour=inf if meter.max_per_hour is None else meter.max_per_hour,
    )


def read_dials(
    meter: Meter, edges: Sequence[datetime], register: Register, exchanges: Sequence[Exchange]
) -> list[Dial]:
    """The readings that decide what was used between the edges: all that `uses` needs to say what it would of all."""
    parameters: dict[str, Any] = {"series": meter.series_id, "since": edges[0], "until": edges[-1]}
    with connection.cursor() as cursor:
        cursor.execute(REACH_SQL, parameters)
        first, last = cursor.fetchone()
        parameters |= {
            "since": first or edges[0],
            "until": last or edges[-1],
            "edges": sorted({*edges, *(exchange.at for exchange in exchanges)}),
            "gap": register.max_gap,
            "pace": register.max_per_hour / HOUR_S,
        }
        cursor.execute(DIALS_SQL_OF_ANY_PACE if meter.max_per_hour is None else DIALS_SQL_WITH_PACE, parameters)
        rows = cursor.fetchall()
        dials = {at: Dial(at, value, smooth) for at, value, smooth, _is_odd in rows}
        if odd := [at for at, _value, _smooth, is_odd in rows if is_odd]:
            cursor.execute(BESIDE_SQL, {**parameters, "odd": odd})
            for at, value in cursor.fetchall():
                dials.setdefault(at, Dial(at, value, smooth=True))
    return [dials[at] for at in sorted(dials)]
