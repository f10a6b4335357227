"""When planned work comes round: RFC 5545 rules, and intervals counted from the last time. Pure, without a database.

Rules are worked out on the site's wall clock and turned into instants only then, so that work planned for eight
o'clock stays at eight o'clock when the clocks change.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrule, rrulestr
from django.utils.translation import gettext

from workorders.recurrence_words import in_words

FREQUENCIES: Final = {"DAILY": "days", "WEEKLY": "weeks", "MONTHLY": "months", "YEARLY": "years"}
SELECTIONS: Final = {"BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"}
PARTS: Final = {"FREQ", "INTERVAL", "WKST"} | SELECTIONS
LONGEST: Final = {"DAILY": 3_650, "WEEKLY": 520, "MONTHLY": 120, "YEARLY": 10}
# A rule that never comes round would be looked for until the year 9999; each must come round within this.
LOOK_AHEAD: Final = timedelta(days=366 * 11)
EARLIEST_START: Final = date(2000, 1, 1)
DAY: Final = r"(?:MO|TU|WE|TH|FR|SA|SU)"
# What each part may say. An ordinal such as 1MO counts within a month; there is not always a fifth Monday.
VALUES: Final = {
    "INTERVAL": r"[0-9]{1,4}",
    "WKST": DAY,
    "BYDAY": rf"(?:[+-]?[1-4])?{DAY}",
    "BYMONTH": r"0?[1-9]|1[0-2]",
    "BYMONTHDAY": r"[+-]?(?:0?[1-9]|[12][0-9]|3[01])",
    "BYSETPOS": r"[+-]?[1-4]",
}


class RuleRefused(ValueError):
    """The rule isn't one that work can be planned by; the message says why, in words for whoever wrote it."""


def parts_of(text: str) -> dict[str, str]:
    """The parts of a rule, FREQ=MONTHLY;INTERVAL=3 and so on; refused if one is not known or not allowed."""
    parts: dict[str, str] = {}
    for piece in text.upper().removeprefix("RRULE:").split(";"):
        name, equals, value = piece.strip().partition("=")
        if not equals or not re.fullmatch(r"[A-Z0-9,+-]+", value):
            raise RuleRefused(gettext("Write a rule like FREQ=MONTHLY;INTERVAL=3: names and values, joined by ;."))
        if name in parts:
            raise RuleRefused(gettext("%(name)s is given twice.") % {"name": name})
        if name in {"COUNT", "UNTIL"}:
            raise RuleRefused(gettext("Say when it ends as the plan's end date, not as %(name)s.") % {"name": name})
        if name not in PARTS:
            known = ", ".join(sorted(PARTS))
            message = gettext("%(name)s can't be used here; known are %(known)s.")
            raise RuleRefused(message % {"name": name, "known": known})
        parts[name] = value
    return parts


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule with the day it starts on, its time of day and its time zone."""

    text: str
    start: date
    at: time
    zone: ZoneInfo

    MOST: ClassVar[int] = 5_000

    @classmethod
    def checked(cls, text: str, *, start: date, at: time, zone: ZoneInfo, floating: bool) -> "Recurrence":
        """The rule, if work can be planned by it; RuleRefused otherwise. Floating ones are plain intervals."""
        parts = parts_of(text)
        check_values(parts)
        check_combination(parts)
        if floating and (extra := sorted(SELECTIONS & parts.keys())):
            message = gettext("Counted from the last time, a rule has only FREQ and INTERVAL, not %(name)s.")
            raise RuleRefused(message % {"name": extra[0]})
        if not EARLIEST_START <= start <= EARLIEST_START + timedelta(days=36_525):
            raise RuleRefused(gettext("The start must lie between the years 2000 and 2100."))
        if not floating:
            check_short_months(parts, start)
        rule = cls(";".join(f"{name}={value}" for name, value in parts.items()), start, at, zone)
        rule.check_it_happens(floating=floating)
        return rule

    def check_it_happens(self, *, floating: bool) -> None:
        if not floating and next(self.wall_times(datetime.combine(self.start, time.min) + LOOK_AHEAD), None) is None:
            raise RuleRefused(gettext("By this rule it would never be due."))

    def wall_times(self, until: datetime) -> Iterator[datetime]:
        """Every time by the site's clock, up to and including `until`, in order."""
        made: rrule = rrulestr(self.text, dtstart=datetime.combine(self.start, self.at))
        return iter(made.replace(until=until))

    def instants(self, *, after: datetime, until: datetime) -> list[datetime]:
        """The moments after `after` up to and including `until`; at most MOST."""
        found: list[datetime] = []
        for wall in self.wall_times(until.astimezone(self.zone).replace(tzinfo=None) + timedelta(hours=3)):
            moment = instant(wall, self.zone)
            if after < moment <= until:
                found.append(moment)
                if len(found) == self.MOST:
                    break
        return found

    def next_after(self, after: datetime) -> datetime | None:
        """The first moment after this one."""
        start = instant(datetime.combine(self.start, self.at), self.zone)
        for wall in self.wall_times((max(after, start) + LOOK_AHEAD).astimezone(self.zone).replace(tzinfo=None)):
            if (moment := instant(wall, self.zone)) > after:
                return moment
        return None

    def first(self) -> datetime:
        """When a plan that counts from the last time is due for the first time: on its start."""
        return instant(datetime.combine(self.start, self.at), self.zone)

    def interval_after(self, done: datetime) -> datetime:
        """One interval after the day it was done, at the rule's time of day. A month's end stays in its month."""
        day = done.astimezone(self.zone).date() + self.interval()
        return instant(datetime.combine(day, self.at), self.zone)

    def next_day(self, last: datetime) -> datetime:
        return instant(datetime.combine(last.astimezone(self.zone).date() + timedelta(days=1), self.at), self.zone)

    def interval(self) -> relativedelta:
        parts = parts_of(self.text)
        unit: dict[str, Any] = {FREQUENCIES[parts["FREQ"]]: int(parts.get("INTERVAL", 1))}
        return relativedelta(**unit)

    def words(self, *, floating: bool = False) -> str:
        return in_words(parts_of(self.text), self.start, floating=floating)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment that the site's clock shows this. A time that the clocks skip means the hour after."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def check_values(parts: dict[str, str]) -> None:
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise RuleRefused(gettext("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY."))
    for name, pattern in VALUES.items():
        for value in parts.get(name, "").split(",") if name in parts else ():
            if not re.fullmatch(pattern, value):
                message = gettext("%(name)s can't be %(value)s.")
                raise RuleRefused(message % {"name": name, "value": value})
    if not 1 <= int(parts.get("INTERVAL", "1")) <= LONGEST[frequency]:
        raise RuleRefused(gettext("INTERVAL must be from 1 to %(most)d.") % {"most": LONGEST[frequency]})


def check_combination(parts: dict[str, str]) -> None:
    monthly = parts["FREQ"] in {"MONTHLY", "YEARLY"}
    if not monthly and re.search(r"[0-9]", parts.get("BYDAY", "")):
        raise RuleRefused(gettext("The first or last Monday is counted by month: use FREQ=MONTHLY."))
    if not monthly and {"BYMONTHDAY", "BYSETPOS"} & parts.keys():
        raise RuleRefused(gettext("Days of the month are counted by month: use FREQ=MONTHLY."))
    if "BYSETPOS" in parts and ("BYDAY" not in parts or "," in parts["BYSETPOS"]):
        raise RuleRefused(gettext("BYSETPOS picks one of the days that BYDAY names."))


def check_short_months(parts: dict[str, str], start: date) -> None:
    """By RFC 5545 the 31st skips every month that has none; nobody who plans maintenance means that."""
    days = [int(day) for day in parts["BYMONTHDAY"].split(",")] if "BYMONTHDAY" in parts else []
    implied = "BYDAY" not in parts and not days
    skips = any(abs(day) > 28 for day in days)
    if parts["FREQ"] == "MONTHLY":
        skips |= implied and start.day > 28
    if parts["FREQ"] == "YEARLY":
        skips |= implied and start.day > 28 and ("BYMONTH" in parts or start.month == 2)
    if skips:
        raise RuleRefused(gettext("Some months don't have that day; write BYMONTHDAY=-1 for the last day of a month."))
