"""Why an alarm is on or over, in words for people."""

from typing import Any

from django.utils.translation import gettext

from telemetry.judging import Change, Kind, Limits, State
from telemetry.models.rule_kinds import seconds
from telemetry.units import symbol


def limit_words(limits: Limits, unit: str) -> str:
    """The limit alone: > 80 °C, 10 to 20 °C, quiet for 10 min."""
    facts: dict[str, Any] = {
        "low": limits.low,
        "high": limits.high,
        "unit": symbol(unit),
        "tolerance": limits.tolerance,
    }
    if limits.kind == Kind.STALE:
        return gettext("no reading for %(span)s") % {"span": seconds(limits.span_s)}
    if limits.kind == Kind.STUCK:
        return gettext("within %(tolerance)g %(unit)s for %(span)s") % {**facts, "span": seconds(limits.span_s)}
    if limits.kind == Kind.RANGE:
        return gettext("outside %(low)g to %(high)g %(unit)s") % facts
    falling = limits.low != float("-inf")
    if limits.kind == Kind.THRESHOLD:
        return (gettext("< %(low)g %(unit)s") if falling else gettext("> %(high)g %(unit)s")) % facts
    facts["per"] = per(limits)
    if limits.absolute:
        return gettext("> %(high)g %(unit)s per %(per)s either way") % facts
    return (
        gettext("< %(low)g %(unit)s per %(per)s") if falling else gettext("> %(high)g %(unit)s per %(per)s")
    ) % facts


def per(limits: Limits) -> str:
    return gettext("hour") if limits.per_s == 3600 else gettext("minute")


def reason(limits: Limits, change: Change, *, name: str, unit: str) -> str:
    """Why this change happened. `name` and `unit` are the metric's."""
    if change.ends:
        return over_words(limits, change, name=name, unit=unit)
    facts: dict[str, Any] = {"name": name, "value": change.value, "unit": symbol(unit)}
    if limits.kind in (Kind.STALE, Kind.STUCK):
        facts |= {"tolerance": limits.tolerance, "span": seconds(change.measure or 0)}
        if limits.kind == Kind.STALE:
            return gettext("%(name)s has not reported for %(span)s; its last value was %(value)g %(unit)s.") % facts
        return gettext("%(name)s has not moved by more than %(tolerance)g %(unit)s for %(span)s.") % facts
    facts["limit"] = limit_words(limits, unit)
    if limits.kind == Kind.RATE_OF_CHANGE:
        said = gettext("%(name)s changed by %(measure)g %(unit)s per %(per)s over %(window)s; the limit is %(limit)s.")
        measure = change.value if change.measure is None else change.measure
        facts |= {"measure": measure, "per": per(limits), "window": seconds(limits.window_s)}
    else:
        said = gettext("%(name)s was %(value)g %(unit)s; the limit is %(limit)s.")
    if limits.for_s and change.state == State.FIRING:
        said += " " + gettext("It has lasted %(held)s.")
        facts["held"] = seconds(limits.for_s)
    return said % facts


def over_words(limits: Limits, change: Change, *, name: str, unit: str) -> str:
    facts: dict[str, Any] = {"name": name, "value": change.value, "unit": symbol(unit)}
    if limits.kind == Kind.STALE:
        said = gettext("%(name)s reports again: %(value)g %(unit)s.")
    elif limits.kind == Kind.STUCK:
        said = gettext("%(name)s moves again: %(value)g %(unit)s.")
    else:
        said = gettext("%(name)s is back at %(value)g %(unit)s.")
    if change.before == State.RECOVERING:
        said += " " + gettext("It has stayed so for %(held)s.")
        facts["held"] = seconds(limits.keep_firing_s)
    return said % facts
