"""Whether a reading that a person typed can be right, by what its series has shown, and what to say if it can't."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf, isfinite
from typing import NamedTuple

from django.db import connection
from django.utils.translation import gettext as _

from faultreporter.errors import DomainError
from telemetry.charts.drawing import zone_for
from telemetry.hand_readings.plausibility import Limits, Neighbours, counter_limits, gauge_limits, on_one_dial
from telemetry.metering.counters import Dial, Exchange, Register
from telemetry.models import Meter, Metric, Series
from telemetry.units import quantity

LOOKED_BACK = timedelta(days=365)
LEAST_HOURS = 20
"""So many hours with readings are enough to say what is usual."""

# A void reading says nothing about its neighbours; at its own moment it is stored all the same.
BESIDE_SQL = """
(SELECT recorded_at, value FROM iot_readings WHERE series_id = %(series)s AND recorded_at < %(at)s
 ORDER BY recorded_at DESC LIMIT 1)
UNION ALL
(SELECT recorded_at, value FROM iot_data WHERE series_id = %(series)s AND recorded_at = %(at)s)
UNION ALL
(SELECT recorded_at, value FROM iot_readings WHERE series_id = %(series)s AND recorded_at > %(at)s
 ORDER BY recorded_at LIMIT 1)"""

USUAL_SQL = """
SELECT count(*), percentile_cont(0.01) WITHIN GROUP (ORDER BY min), percentile_cont(0.99) WITHIN GROUP (ORDER BY max)
FROM iot_rollup_1h WHERE series_id = %s AND bucket_at >= %s"""


class Beside(NamedTuple):
    """The readings around a moment, and whether there is one at it."""

    before: Dial | None
    after: Dial | None
    is_stored: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a value is doubted: the reading before it, and what would not have been doubted."""

    last: Dial | None
    limits: Limits
    may_be_exchange: bool


class ImplausibleReading(DomainError):
    """Probably a typing error; sent again with `confirm` it is taken. `in_words` says why, without how to confirm."""

    code = "IMPLAUSIBLE_READING"
    http_status = 422

    def __init__(self, value: float, doubt: Doubt, series: Series) -> None:
        low, high = (edge if isfinite(edge) else None for edge in doubt.limits)
        meta = {
            "value": value,
            "unit": series.metric.unit,
            "last_value": doubt.last and doubt.last.value,
            "last_recorded_at": doubt.last and doubt.last.at,
            "usual_low": low,
            "usual_high": high,
            "may_be_exchange": doubt.may_be_exchange,
        }
        self.in_words = in_words(value, doubt, series)
        remedy = _("If the value is right, send it with confirm: true.")
        super().__init__(f"{self.in_words} {remedy}", field="value", meta=meta)


def doubt_about(series: Series, value: float, *, at: datetime) -> Doubt | None:
    """None if the value may be right, or is stored at that moment or another is: then there is nothing to ask."""
    beside = beside_of(series, at)
    if beside.is_stored:
        return None
    if series.metric.kind == Metric.Kind.COUNTER:
        meter = Meter.objects.living().prefetch_related("exchanges").filter(series=series).first()
        limits = dial_limits(meter, Dial(at, value), beside)
        may_be_exchange = meter is not None and value < limits.low
    else:
        limits, may_be_exchange = usual_limits(series, at), False
    return None if limits.allow(value) else Doubt(beside.before, limits, may_be_exchange)


def beside_of(series: Series, at: datetime) -> Beside:
    with connection.cursor() as cursor:
        cursor.execute(BESIDE_SQL, {"series": series.pk, "at": at})
        dials = [Dial(*row) for row in cursor.fetchall()]
    before = next((dial for dial in dials if dial.at < at), None)
    after = next((dial for dial in dials if dial.at > at), None)
    return Beside(before, after, any(dial.at == at for dial in dials))


def dial_limits(meter: Meter | None, dial: Dial, beside: Beside) -> Limits:
    """A counter without a meter only grows; a meter also says how fast, where it rolls over, when it was replaced."""
    exchanges = [Exchange(one.at, one.final, one.initial) for one in meter.exchanges.all()] if meter else []
    register = Register(
        max_gap=timedelta.max,
        rolls_over_at=meter.rolls_over_at if meter else None,
        max_per_hour=inf if meter is None or meter.max_per_hour is None else meter.max_per_hour,
    )
    return counter_limits(dial, on_one_dial(Neighbours(beside.before, beside.after), exchanges, dial.at), register)


def usual_limits(series: Series, at: datetime) -> Limits:
    """From the roll-ups by the hour of the year before; without enough of them everything is usual."""
    with connection.cursor() as cursor:
        cursor.execute(USUAL_SQL, [series.pk, at - LOOKED_BACK])
        hours, low, high = cursor.fetchone()
    return gauge_limits(low, high) if hours >= LEAST_HOURS else Limits()


def in_words(value: float, doubt: Doubt, series: Series) -> str:
    unit = series.metric.unit
    facts = {"value": quantity(value, unit), "usual": usual(doubt.limits, unit)}
    said = [_("%(value)s is not what was to be expected, which is %(usual)s.") % facts]
    if doubt.last:
        at = f"{doubt.last.at.astimezone(zone_for(series.equipment)):%Y-%m-%d %H:%M}"
        last = quantity(doubt.last.value, unit)
        said.append(_("The reading before was %(last)s at %(at)s.") % {"last": last, "at": at})
    said.append(_("Check the digits."))
    if doubt.may_be_exchange:
        said.append(_("If the meter was replaced, record the exchange first."))
    return " ".join(said)


def usual(limits: Limits, unit: str) -> str:
    """The limits in words."""
    low, high = (quantity(edge, unit) if isfinite(edge) else "" for edge in limits)
    if not high:
        return _("at least %(low)s") % {"low": low}
    if not low:
        return _("at most %(high)s") % {"high": high}
    return _("%(low)s to %(high)s") % {"low": low, "high": high}
