"""A recurrence rule as people say it: "every 3 months", "on the first Monday of every month"."""

from datetime import date

from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import gettext, ngettext

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def in_words(parts: dict[str, str], start: date, *, floating: bool) -> str:
    said = every(parts["FREQ"], int(parts.get("INTERVAL", 1)))
    if floating:
        return gettext("%(every)s after the last time") % {"every": said}
    details = [detail for detail in (on_days(parts, start), in_months(parts)) if detail]
    return " ".join([said, *details])


def every(frequency: str, n: int) -> str:
    said = {
        "DAILY": ngettext("every day", "every %(n)d days", n),
        "WEEKLY": ngettext("every week", "every %(n)d weeks", n),
        "MONTHLY": ngettext("every month", "every %(n)d months", n),
        "YEARLY": ngettext("every year", "every %(n)d years", n),
    }
    return said[frequency] % {"n": n}


def on_days(parts: dict[str, str], start: date) -> str:
    if "BYDAY" in parts:
        days = listed([weekday(day) for day in parts["BYDAY"].split(",")])
        if "BYSETPOS" in parts:
            return gettext("on %(nth)s of %(days)s") % {"nth": nth(int(parts["BYSETPOS"])), "days": days}
        return gettext("on %(days)s") % {"days": days}
    if "BYMONTHDAY" in parts:
        return gettext("on %(days)s") % {
            "days": listed([month_day(int(day)) for day in parts["BYMONTHDAY"].split(",")])
        }
    if parts["FREQ"] == "WEEKLY":
        return gettext("on %(days)s") % {"days": WEEKDAYS[start.weekday()]}
    if parts["FREQ"] == "MONTHLY" or (parts["FREQ"] == "YEARLY" and "BYMONTH" in parts):
        return gettext("on %(days)s") % {"days": month_day(start.day)}
    if parts["FREQ"] == "YEARLY":
        return gettext("on %(day)d %(month)s") % {"day": start.day, "month": MONTHS[start.month]}
    return ""


def in_months(parts: dict[str, str]) -> str:
    if "BYMONTH" not in parts:
        return ""
    return gettext("in %(months)s") % {"months": listed([str(MONTHS[int(m)]) for m in parts["BYMONTH"].split(",")])}


def weekday(day: str) -> str:
    """MO, 1MO or -1FR."""
    name = str(WEEKDAYS[DAYS.index(day[-2:])])
    return f"{nth(int(day[:-2]))} {name}" if day[:-2] else name


def nth(n: int) -> str:
    said = {
        1: gettext("the first"), 2: gettext("the second"), 3: gettext("the third"), 4: gettext("the fourth"),
        -1: gettext("the last"), -2: gettext("the last but one"), -3: gettext("the last but two"),
        -4: gettext("the last but three"),
    }  # fmt: skip
    return said[n]


def month_day(day: int) -> str:
    if day == -1:
        return gettext("the last day of the month")
    if day < 0:
        return gettext("the %(n)d. last day of the month") % {"n": -day}
    return gettext("day %(n)d") % {"n": day}


def listed(words: list[str]) -> str:
    *others, last = words
    return gettext("%(others)s and %(last)s") % {"others": ", ".join(others), "last": last} if others else last
