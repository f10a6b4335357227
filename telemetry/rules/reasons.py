"""Why an alarm is on or over, in words for people."""

from django.utils.translation import gettext

from telemetry.models.rule_kinds import seconds
from telemetry.rules.judging import Change, Kind, Limits, State
from telemetry.units import exactly, quantity

NO_UNIT = "1"


def limit_words(limits: Limits, unit: str) -> str:
    """The limit alone: > 80 °C, outside 10 to 20 °C, no reading for 10 min."""
    if limits.kind == Kind.STALE:
        return gettext("no reading for %(span)s") % {"span": seconds(limits.span_s)}
    if limits.kind == Kind.STUCK:
        facts = {"tolerance": exactly(limits.tolerance, unit), "span": seconds(limits.span_s)}
        said = gettext("within %(tolerance)s for %(span)s") if limits.tolerance else gettext("unchanged for %(span)s")
        return said % facts
    facts = {"low": exactly(limits.low, unit), "high": exactly(limits.high, unit), "per": per(limits)}
    if limits.kind == Kind.RANGE:
        facts["low"] = exactly(limits.low, NO_UNIT)  # the unit is told once, at the end
        return gettext("outside %(low)s to %(high)s") % facts
    falling = limits.low != float("-inf")
    if limits.kind == Kind.THRESHOLD:
        return (gettext("< %(low)s") if falling else gettext("> %(high)s")) % facts
    if limits.absolute:
        return gettext("> %(high)s per %(per)s either way") % facts
    return (gettext("< %(low)s per %(per)s") if falling else gettext("> %(high)s per %(per)s")) % facts


def per(limits: Limits) -> str:
    return gettext("hour") if limits.per_s == 3600 else gettext("minute")


def reason(limits: Limits, change: Change, *, name: str, unit: str) -> str:
    """Why this change happened. `name` and `unit` are the metric's."""
    if change.ends:
        return over_words(limits, change, name=name, unit=unit)
    facts = {"name": name, "value": measured(change.value, unit)}
    if limits.kind in (Kind.STALE, Kind.STUCK):
        facts |= {"tolerance": exactly(limits.tolerance, unit), "span": seconds(change.measure or 0)}
        if limits.kind == Kind.STALE:
            return gettext("%(name)s has not reported for %(span)s; its last value was %(value)s.") % facts
        if not limits.tolerance:
            return gettext("%(name)s has not changed for %(span)s.") % facts
        return gettext("%(name)s has not moved by more than %(tolerance)s for %(span)s.") % facts
    facts["limit"] = limit_words(limits, unit)
    if limits.kind == Kind.RATE_OF_CHANGE:
        said = gettext("%(name)s changed by %(measure)s per %(per)s over %(window)s; the limit is %(limit)s.")
        measure = change.value if change.measure is None else change.measure
        facts |= {"measure": measured(measure, unit), "per": per(limits), "window": seconds(limits.window_s)}
    else:
        said = gettext("%(name)s was %(value)s; the limit is %(limit)s.")
    if limits.for_s and change.state == State.FIRING:
        said += " " + gettext("It has lasted %(held)s.")
        facts["held"] = seconds(limits.for_s)
    return said % facts


def over_words(limits: Limits, change: Change, *, name: str, unit: str) -> str:
    facts = {"name": name, "value": measured(change.value, unit)}
    if limits.kind == Kind.STALE:
        said = gettext("%(name)s reports again: %(value)s.")
    elif limits.kind == Kind.STUCK:
        said = gettext("%(name)s moves again: %(value)s.")
    else:
        said = gettext("%(name)s is back at %(value)s.")
    if change.before == State.RECOVERING:
        said += " " + gettext("It has stayed so for %(held)s.")
        facts["held"] = seconds(limits.keep_firing_s)
    return said % facts


def measured(value: float, unit: str) -> str:
    """Finer than elsewhere: beside its limit a value must not be rounded to it."""
    return quantity(value, unit, decimals=4)
