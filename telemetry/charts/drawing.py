"""What the back office's charts are told beside the readings: limits, words, the site's clock."""

from collections.abc import Iterable
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.dates import MONTHS_3
from django.utils.translation import gettext, pgettext

from equipment.models import Equipment
from locations.models.calendar import zone_of
from telemetry.models import LatestReading, Metric, Quality, Rule, RuleQuerySet, Series
from telemetry.units import exactly, quantity, symbol

Data = dict[str, Any]


def zone_for(machine: Equipment) -> ZoneInfo:
    """Its site's clock."""
    place = machine.location
    return zone_of(place and (place.site or place))


def told(latest: LatestReading, unit: str) -> str:
    """The newest value of a series in words."""
    said = quantity(latest.value, unit)
    return gettext("%(value)s, void") % {"value": said} if latest.quality is Quality.VOID else said


def rules_in_force(machine: Equipment) -> RuleQuerySet:
    """The machine's own rules and those of its category."""
    scope = Q(equipment=machine)
    if machine.category_id:
        scope |= Q(category=machine.category_id)
    return Rule.objects.living().filter(scope, is_enabled=True).order_by("created_at")


def words() -> Data:
    """What the drawing itself says, in the reader's language."""
    return {
        "chart": gettext("chart"),
        "value": gettext("Value"),
        "band": gettext("Lowest to highest"),
        "firing": gettext("Alarm"),
        "pending": gettext("Beyond the limit, not long enough yet"),
        "when": gettext("Time"),
        "table": gettext("The last values as a table"),
        "empty": gettext("No readings in this time."),
        "failed": gettext("The readings could not be loaded."),
        "months": [str(MONTHS_3[number]).capitalize() for number in range(1, 13)],
    }


def lines_of(rule: Rule, metric: Metric) -> list[Data]:
    """The lines a rule draws: beyond a trigger its condition holds, back at the clear value it is over.

    Rules about change, silence and stuck values draw none.
    """
    if rule.kind not in (Rule.Kind.THRESHOLD, Rule.Kind.RANGE):
        return []
    limits = rule.limits()
    over, lines = pgettext("an alarm", "over at"), []
    sides = ((limits.high, limits.clear_high, ">", "≤"), (limits.low, limits.clear_low, "<", "≥"))
    for trigger, clear, sign, back in sides:
        if isfinite(trigger):
            lines.append({"kind": "TRIGGER", "value": trigger, "label": f"{sign} {exactly(trigger, metric.unit)}"})
            if clear != trigger:
                told = f"{over} {back} {exactly(clear, metric.unit)}"
                lines.append({"kind": "CLEAR", "value": clear, "label": told})
    return lines


def series_json(series: Series, rules: Iterable[Rule] = ()) -> Data:
    """A line to be drawn; `metric` is loaded."""
    metric = series.metric
    return {
        "id": series.pk,
        "name": metric.name,
        "unit": symbol(metric.unit),
        "interval_s": series.expected_interval_s,
        "limits": [limit for rule in rules for limit in lines_of(rule, metric)],
    }
