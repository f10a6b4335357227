"""A handover in plain sentences, from the facts alone: what the rule book writes. Pure, and always possible.

Every number it says stands in the facts.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from aiassist.handover.answer import Citation, Handover, Item, Reference, Section, Topic
from aiassist.handover.facts import (
    AlertLine,
    DayFacts,
    DowntimeLine,
    MachineLine,
    OrderLine,
    ReadingLine,
    SafetyLine,
    Some,
)

SEVERITIES: Final = {"LOW": _("low"), "MEDIUM": _("medium"), "HIGH": _("high"), "CRITICAL": _("critical")}
STATES: Final = {"ERROR": _("down"), "MAINTENANCE": _("in maintenance"), "OFFLINE": _("offline")}
LONGEST: Final = 4000


def hand_over(facts: DayFacts) -> Handover:
    sections = [Section(topic=topic, items=items) for topic, items in told(facts) if items]
    return Handover(headline=headline(facts)[:300], summary=summary(facts)[:LONGEST], sections=sections)


def told(facts: DayFacts) -> list[tuple[Topic, list[Item]]]:
    return [
        (Topic.SAFETY, items(facts.safety, safety_item)),
        (Topic.ALERTS, [*items(facts.still_open, open_item), *items(facts.resolved, resolved_item)]),
        (
            Topic.ORDERS,
            [
                *items(facts.done, done_item),
                *items(started_only(facts), started_item),
                *items(facts.on_hold, held_item),
                *items(facts.overdue, overdue_item),
            ],
        ),
        (Topic.MACHINES, [*items(facts.not_online, machine_item), *items(facts.downtime, downtime_item)]),
        (Topic.READINGS, items(facts.readings, reading_item)),
        (Topic.NEXT_SHIFT, items(facts.due_next, due_item)),
    ]


def items(some: Some[Any], say: Callable[[Any], Item]) -> list[Item]:
    """One for each line, and one that says how many are in the list if not all of them were told."""
    found = [say(row) for row in some.rows]
    if some.left_out:
        more = gettext("These are the first; there are %(total)d in all.") % {"total": some.total}
        found.append(Item(text=more, citations=[]))
    return found


def started_only(facts: DayFacts) -> Some[OrderLine]:
    """Begun and not finished: what was finished too is told as done."""
    done = {line.number for line in facts.done.rows}
    rows = tuple(line for line in facts.started.rows if line.number not in done)
    return Some(rows, total=len(rows))


# The whole -----------------------------------------------------------------------------------------------------------


def headline(facts: DayFacts) -> str:
    """How things stand at the end."""
    stand = (
        (facts.still_open.total, ngettext("%(n)d alert open", "%(n)d alerts open", facts.still_open.total)),
        (facts.not_online.total, ngettext("%(n)d machine not running", "%(n)d machines not running",
                                          facts.not_online.total)),
        (facts.overdue.total, ngettext("%(n)d order overdue", "%(n)d orders overdue", facts.overdue.total)),
    )  # fmt: skip
    day = gettext("%(site)s, %(weekday)s %(day)s") % {
        "site": facts.site,
        "weekday": facts.weekday,
        "day": facts.day,
    }
    return f"{day}: {listed(stand) or gettext('nothing is open')}."


def summary(facts: DayFacts) -> str:
    """What came and went, and what lies ahead."""
    came = (
        (facts.raised.total, ngettext("%(n)d alert was raised", "%(n)d alerts were raised", facts.raised.total)),
        (facts.resolved.total, ngettext("%(n)d alert was resolved", "%(n)d alerts were resolved",
                                        facts.resolved.total)),
        (facts.started.total, ngettext("%(n)d order was started", "%(n)d orders were started", facts.started.total)),
        (facts.done.total, ngettext("%(n)d order was finished", "%(n)d orders were finished", facts.done.total)),
        (facts.on_hold.total, ngettext("%(n)d order is on hold", "%(n)d orders are on hold", facts.on_hold.total)),
    )  # fmt: skip
    ahead = ngettext("%(n)d job is due", "%(n)d jobs are due", facts.due_next.total) % {"n": facts.due_next.total}
    return " ".join((
        gettext("%(day)s: %(came)s.") % {
            "day": gettext("The whole day") if facts.is_over else gettext("Until %(time)s") % {"time": facts.until},
            "came": listed(came) or gettext("nothing was reported and no work was done"),
        },
        gettext("Until %(time)s: %(ahead)s.") % {
            "time": facts.next_until,
            "ahead": ahead if facts.due_next.total else gettext("nothing is due"),
        },
    ))  # fmt: skip


def listed(counts: Iterable[tuple[int, str]]) -> str:
    """Those that aren't nought."""
    return ", ".join(words % {"n": number} for number, words in counts if number)


# Its items -----------------------------------------------------------------------------------------------------------


def safety_item(line: SafetyLine) -> Item:
    said = gettext("%(machine)s: %(text)s") % {"machine": line.machine, "text": line.text}
    return item(said, (Reference.ALERT, line.reference), (Reference.MACHINE, line.machine))


def open_item(line: AlertLine) -> Item:
    said = gettext("Open, %(severity)s: %(title)s on %(machine)s %(name)s, raised %(raised)s.")
    return item(said % of_alert(line), (Reference.ALERT, line.reference), (Reference.MACHINE, line.machine))


def resolved_item(line: AlertLine) -> Item:
    said = gettext("Resolved: %(title)s on %(machine)s %(name)s (%(outcome)s).")
    return item(said % of_alert(line), (Reference.ALERT, line.reference), (Reference.MACHINE, line.machine))


def done_item(line: OrderLine) -> Item:
    said = gettext("Finished: %(number)s %(title)s on %(machine)s %(name)s. %(note)s")
    return item((said % of_order(line)).strip(), *order_citations(line))


def started_item(line: OrderLine) -> Item:
    said = gettext("Started: %(number)s %(title)s on %(machine)s %(name)s.")
    return item(said % of_order(line), *order_citations(line))


def held_item(line: OrderLine) -> Item:
    said = gettext("On hold: %(number)s %(title)s on %(machine)s %(name)s, because: %(note)s")
    return item(said % of_order(line), *order_citations(line))


def overdue_item(line: OrderLine) -> Item:
    said = gettext("Overdue since %(due)s: %(number)s %(title)s on %(machine)s %(name)s.")
    return item(said % of_order(line), *order_citations(line))


def due_item(line: OrderLine) -> Item:
    """A plan without an order has no number yet; planned work may have no due time."""
    due = gettext("Due %(due)s") % {"due": line.due} if line.due else gettext("Planned")
    said = gettext("%(due)s: %(number)s %(title)s on %(machine)s %(name)s.") % {**of_order(line), "due": due}
    return item(" ".join(said.split()), *order_citations(line))


def machine_item(line: MachineLine) -> Item:
    said = gettext("%(machine)s %(name)s is %(state)s since %(since)s.") % {
        "machine": line.machine,
        "name": line.machine_name,
        "state": STATES[line.status],
        "since": line.since,
    }
    return item(said, (Reference.MACHINE, line.machine))


def downtime_item(line: DowntimeLine) -> Item:
    hours = (
        gettext("%(hours)g h unplanned") % {"hours": line.unplanned_hours} if line.unplanned_hours else "",
        gettext("%(hours)g h planned") % {"hours": line.planned_hours} if line.planned_hours else "",
    )
    said = gettext("%(machine)s %(name)s was down for %(hours)s.") % {
        "machine": line.machine,
        "name": line.machine_name,
        "hours": ", ".join(part for part in hours if part),
    }
    return item(said, (Reference.MACHINE, line.machine))


def reading_item(line: ReadingLine) -> Item:
    said = gettext("%(machine)s %(name)s: %(metric)s %(value)s, limit %(limit)s, since %(since)s.") % {
        "machine": line.machine,
        "name": line.machine_name,
        "metric": line.metric,
        "value": line.value,
        "limit": line.limit,
        "since": line.since,
    }
    return item(said, (Reference.MACHINE, line.machine))


def of_alert(line: AlertLine) -> dict[str, Any]:
    return {
        "title": line.title,
        "machine": line.machine,
        "name": line.machine_name,
        "severity": SEVERITIES[line.severity],
        "raised": line.raised,
        "outcome": line.outcome,
    }


def of_order(line: OrderLine) -> dict[str, Any]:
    return {
        "number": line.number,
        "title": line.title,
        "machine": line.machine,
        "name": line.machine_name,
        "due": line.due,
        "note": line.note,
    }


def order_citations(line: OrderLine) -> list[tuple[Reference, str]]:
    order = [(Reference.ORDER, line.number)] if line.number else []
    return [*order, (Reference.MACHINE, line.machine)]


def item(text: str, *cited: tuple[Reference, str]) -> Item:
    return Item(text=text[:LONGEST], citations=[Citation(kind=kind, reference=reference) for kind, reference in cited])
