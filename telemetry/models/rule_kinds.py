"""What each kind of rule needs to know, what it may be told besides, and what it makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from faultreporter.errors import ValidationFailed
from telemetry.rules.judging import Kind, Limits

GAP_FACTOR = 3
"""A series that is quiet for so many expected intervals says nothing any more."""
SECONDS_PER = {"MINUTE": 60, "HOUR": 3600}
LONGEST_S = 30 * 24 * 3600
HELD: dict[str, Any] = {"for_s": 0, "keep_firing_s": 0, "min_samples": 1}


@dataclass(frozen=True, slots=True)
class Fields:
    """`needs` have no default; `takes` are its other fields, with what they are if nobody says."""

    needs: tuple[str, ...]
    takes: Mapping[str, Any] = field(default_factory=dict)


FIELDS: dict[str, Fields] = {
    Kind.THRESHOLD: Fields(("trigger_value",), {"comparison": "ABOVE", "clear_value": None, **HELD}),
    Kind.RANGE: Fields(("low_value", "high_value"), {"clear_margin": 0.0, **HELD}),
    Kind.RATE_OF_CHANGE: Fields(
        ("trigger_value", "window_s"), {"comparison": "ABOVE", "clear_value": None, "rate_per": "MINUTE", **HELD}
    ),
    Kind.STALE: Fields(("stale_after_s",), {"keep_firing_s": 0}),
    Kind.STUCK: Fields(("stuck_for_s",), {"tolerance": 0.0, "min_samples": 3, "keep_firing_s": 0}),
}
UNSET: dict[str, Any] = {
    "comparison": "", "trigger_value": None, "clear_value": None, "low_value": None, "high_value": None,
    "clear_margin": None, "window_s": None, "rate_per": "", "stale_after_s": None, "stuck_for_s": None,
    "tolerance": None, **HELD,
}  # fmt: skip
"""The fields that depend on the kind, as they are where the kind doesn't take them."""


def taken_by(kind: str) -> set[str]:
    return {*FIELDS[kind].needs, *FIELDS[kind].takes}


def complete(kind: str, known: Mapping[str, Any], *, given: set[str]) -> dict[str, Any]:
    """All fields of UNSET for a rule of this kind. `given` are those that somebody has just said.

    Refused: a field given that the kind doesn't take, one missing that it needs, and limits that make no sense.
    """
    names = {"kind": Kind(kind).label}
    fields = dict(UNSET)
    for name, unset in UNSET.items():
        value = known.get(name)
        if name in FIELDS[kind].needs:
            if value is None:
                raise ValidationFailed(gettext("A rule of the kind %(kind)s needs this.") % names, field=name)
            fields[name] = value
        elif name in FIELDS[kind].takes:
            unsaid = value in (None, "") or (name not in given and value == unset)
            fields[name] = FIELDS[kind].takes[name] if unsaid else value
        elif name in given and value not in (None, unset):
            raise ValidationFailed(
                gettext("A rule of the kind %(kind)s doesn't take this; leave it out.") % names, field=name
            )
    if "clear_value" in FIELDS[kind].takes and fields["clear_value"] is None:
        fields["clear_value"] = fields["trigger_value"]
    check(kind, fields)
    return fields


def check(kind: str, fields: Mapping[str, Any]) -> None:
    """Refuses limits that make no sense together."""
    if kind == Kind.RANGE:
        check_range(fields)
    if fields["comparison"]:
        check_comparison(kind, fields)
    if kind == Kind.STUCK and fields["min_samples"] < 2:
        raise ValidationFailed(gettext("One reading alone can't be stuck; ask for 2 or more."), field="min_samples")
    if kind == Kind.STUCK and fields["tolerance"] < 0:
        raise ValidationFailed(gettext("A tolerance is no less than 0."), field="tolerance")
    for name in ("window_s", "stale_after_s", "stuck_for_s"):
        if fields[name] is not None and not 1 <= fields[name] <= LONGEST_S:
            raise ValidationFailed(gettext("Write seconds, from 1 to 2592000 (30 days)."), field=name)


def check_range(fields: Mapping[str, Any]) -> None:
    low, high = fields["low_value"], fields["high_value"]
    if low >= high:
        raise ValidationFailed(gettext("The high value must be above the low value."), field="high_value")
    if not 0 <= fields["clear_margin"] <= high / 2 - low / 2:  # their difference may be beyond all numbers
        message = gettext("The margin must fit twice between the low and the high value.")
        raise ValidationFailed(message, field="clear_margin")


def check_comparison(kind: str, fields: Mapping[str, Any]) -> None:
    comparison, trigger, clear = fields["comparison"], fields["trigger_value"], fields["clear_value"]
    if comparison == "EITHER" and kind == Kind.THRESHOLD:
        raise ValidationFailed(gettext("For limits on both sides make a rule of the kind Range."), field="comparison")
    if comparison == "EITHER" and min(trigger, clear) < 0:
        raise ValidationFailed(
            gettext("A change in either direction has no sign; write its size."), field="trigger_value"
        )
    if clear < trigger if comparison == "BELOW" else clear > trigger:
        message = gettext("The clear value must lie on the quiet side of the trigger value.")
        raise ValidationFailed(message, field="clear_value")


def limits_of(rule: Any, *, expected_interval_s: int | None = None) -> Limits:
    """The rule as the engine needs it, for a series that is expected to report so often."""
    bounds: dict[str, Any] = {}
    if rule.kind == Kind.RANGE:
        # In order: where the margin just fits, rounding may bring the lower above the upper, and no value between them.
        clear_low, clear_high = sorted((rule.low_value + rule.clear_margin, rule.high_value - rule.clear_margin))
        bounds = {"low": rule.low_value, "clear_low": clear_low, "high": rule.high_value, "clear_high": clear_high}
    elif rule.comparison == "BELOW":
        bounds = {"low": rule.trigger_value, "clear_low": rule.clear_value}
    elif rule.comparison:
        bounds = {"high": rule.trigger_value, "clear_high": rule.clear_value}
    return Limits(
        Kind(rule.kind),
        **bounds,
        window_s=rule.window_s or 0,
        per_s=SECONDS_PER.get(rule.rate_per, 60),
        absolute=rule.comparison == "EITHER",
        span_s=rule.stale_after_s or rule.stuck_for_s or 0,
        tolerance=rule.tolerance or 0.0,
        for_s=rule.for_s,
        keep_firing_s=rule.keep_firing_s,
        min_samples=rule.min_samples,
        gap_s=GAP_FACTOR * expected_interval_s if expected_interval_s else None,
    )


def seconds(amount: float) -> str:
    """A duration as people say it: 90 s, 5 min, 1.5 h."""
    if amount < 120:
        return gettext("%(number)g s") % {"number": round(amount)}
    if amount < 7200:
        return gettext("%(number)g min") % {"number": round(amount / 60, 1)}
    if amount < 2 * 86400:
        return gettext("%(number)g h") % {"number": round(amount / 3600, 1)}
    return gettext("%(number)g days") % {"number": round(amount / 86400, 1)}
