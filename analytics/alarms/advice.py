"""What a rule's figures suggest, in plain words. It follows from the numbers alone, and too few of them say nothing."""

import math
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext

from analytics.alarms.figures import CHATTER_WITHIN, STANDING_AFTER, Load
from telemetry.models import Rule
from telemetry.models.rule_kinds import LONGEST_S, seconds, taken_by

ENOUGH: Final = 5
"""So many cases at least, of whatever it is about."""
MOSTLY: Final = 0.5
HARDLY_EVER: Final = 0.8
"""So large a share of alerts that nobody answered says that nobody needs them."""
CHATTERS: Final = 3
STANDS: Final = 3
MINUTE: Final = 60
STEPS: Final = tuple(MINUTE * n for n in (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120))
DURATIONS: Final = {Rule.Kind.STALE: "stale_after_s", Rule.Kind.STUCK: "stuck_for_s"}
"""What makes a rule of this kind wait longer; of all others it is `for_s`."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`changes` are fields of the rule to try on the past, as POST /iot-rules/{id}/backtest takes them."""

    code: str
    text: str
    changes: dict[str, Any]


def advice_for(rule: Rule, load: Load, standing: int) -> list[Advice]:
    """`load` is what began under the version in force. A rule that isn't in force needs none."""
    if rule.deleted_at or not rule.is_enabled:
        return []
    found = (fleeting(rule, load), chattering(rule, load), false_alarms(load), unanswered(load), stands(standing))
    return [one for one in found if one]


def fleeting(rule: Rule, load: Load) -> Advice | None:
    """Most of its alarms are over before anybody can do anything: it should wait that long first."""
    if load.fleeting < ENOUGH or load.fleeting < MOSTLY * load.begins or load.longest_fleeting_s is None:
        return None
    name = DURATIONS.get(Rule.Kind(rule.kind), "for_s")
    longer = rounded_up(getattr(rule, name) + load.longest_fleeting_s)
    words = gettext("%(n)d of %(of)d alarms cleared by themselves within %(span)s: try a duration of %(longer)s.")
    return Advice(
        "LENGTHEN_DURATION",
        words % {"n": load.fleeting, "of": load.begins, "span": told(load.longest_fleeting_s), "longer": told(longer)},
        {name: longer},
    )


def chattering(rule: Rule, load: Load) -> Advice | None:
    """It comes and goes: it should stay on over the usual pause, or clear further from the limit."""
    if load.chattering < CHATTERS or load.chatter_gap_s is None:
        return None
    longer = rounded_up(max(load.chatter_gap_s, rule.keep_firing_s))
    words = gettext(
        "%(n)d of %(of)d alarms came after two others of the same series within %(span)s: try to keep it firing for"
        " %(longer)s."
    )
    told_of = {"n": load.chattering, "of": load.begins, "span": told(CHATTER_WITHIN.total_seconds())}
    text = words % {**told_of, "longer": told(longer)}
    if clears_where_it_fires(rule):
        text += " " + gettext("It clears at the very value at which it fires; give it a clear value.")
    return Advice("STOP_CHATTERING", text, {"keep_firing_s": longer})


def clears_where_it_fires(rule: Rule) -> bool:
    taken = taken_by(rule.kind)
    if "clear_margin" in taken:
        return not rule.clear_margin
    return "clear_value" in taken and rule.clear_value == rule.trigger_value


def false_alarms(load: Load) -> Advice | None:
    if load.false_alarms < ENOUGH or load.false_alarms < MOSTLY * load.resolved:
        return None
    words = gettext("%(n)d of %(of)d resolved alerts were false alarms: its limit lies where things are still normal.")
    return Advice("MOVE_LIMIT", words % {"n": load.false_alarms, "of": load.resolved}, {})


def unanswered(load: Load) -> Advice | None:
    """An alarm that needs no answer is none (ISA-18.2)."""
    if load.unanswered < ENOUGH or load.unanswered < HARDLY_EVER * load.judged:
        return None
    words = gettext(
        "Nobody answered %(n)d of %(of)d alerts within a day: if nothing has to be done, it should be no alarm."
    )
    return Advice("QUESTION_NEED", words % {"n": load.unanswered, "of": load.judged}, {})


def stands(standing: int) -> Advice | None:
    if standing < STANDS:
        return None
    words = gettext("%(n)d of its alerts have been open for more than %(span)s: repair, or resolve what is over.")
    return Advice("CLOSE_STANDING", words % {"n": standing, "span": told(STANDING_AFTER.total_seconds())}, {})


def rounded_up(amount: float) -> int:
    """The next duration above that people would choose: some minutes, or else whole hours."""
    step = next((step for step in STEPS if step > amount), 3600 * (math.floor(amount / 3600) + 1))
    return min(step, LONGEST_S)


def told(amount: float) -> str:
    """A duration in words, rounded up to whole minutes, so that what took at most so long did."""
    return seconds(MINUTE * max(1, math.ceil(amount / MINUTE)))
