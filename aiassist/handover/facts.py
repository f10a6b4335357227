"""What is known of a site's day when somebody is asked to put it into words: plain facts, read beforehand. Pure.

Times are those of the site's clock, "14:30" on the day itself, with the date on any other. Every list holds the most
important of its kind and says beside it how many there are.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

Row = TypeVar("Row")
REFERENCE: Final = "reference"
WRITTEN: Final = ("title", "description", "note", "text")
NUMBER: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:[.,]\d+)?")
THOUSANDS: Final = re.compile(r",(?=\d{3}(?!\d))")


@dataclass(frozen=True, slots=True)
class AlertLine:
    """`reference` is what an item cites. `outcome` is empty while it is open."""

    reference: str
    title: str
    severity: str
    machine: str
    machine_name: str
    raised: str
    description: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`note`: of a finished order what was done, of one on hold why. `due` may be empty."""

    number: str
    title: str
    priority: str
    machine: str
    machine_name: str
    due: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class MachineLine:
    """A machine that is not simply running at the end."""

    machine: str
    machine_name: str
    status: str
    since: str


@dataclass(frozen=True, slots=True)
class DowntimeLine:
    """Hours of the day in which a machine was down; `unplanned` and `planned` may overlap."""

    machine: str
    machine_name: str
    unplanned_hours: float
    planned_hours: float


@dataclass(frozen=True, slots=True)
class ReadingLine:
    """A reading that is beyond its rule now. `value` is the last one, with its unit; `limit` says the rule in words."""

    machine: str
    machine_name: str
    metric: str
    value: str
    limit: str
    since: str


@dataclass(frozen=True, slots=True)
class SafetyLine:
    """A danger somebody should know of, and the open alert it was said of."""

    text: str
    reference: str
    machine: str


@dataclass(frozen=True, slots=True)
class Some(Generic[Row]):
    """The first of a list, and how many there are of it in all."""

    rows: tuple[Row, ...] = ()
    total: int = 0

    @property
    def left_out(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True, slots=True)
class DayFacts:
    """A site's day up to `until`, its end or now. `next_until` is how far the next shift is looked ahead."""

    site: str
    day: str
    weekday: str
    time_zone: str
    until: str
    next_until: str
    is_over: bool = False
    raised: Some[AlertLine] = Some()
    resolved: Some[AlertLine] = Some()
    still_open: Some[AlertLine] = Some()
    started: Some[OrderLine] = Some()
    done: Some[OrderLine] = Some()
    overdue: Some[OrderLine] = Some()
    on_hold: Some[OrderLine] = Some()
    due_next: Some[OrderLine] = Some()
    downtime: Some[DowntimeLine] = Some()
    not_online: Some[MachineLine] = Some()
    readings: Some[ReadingLine] = Some()
    safety: Some[SafetyLine] = Some()

    def lists(self) -> "dict[str, Some[Any]]":
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if isinstance(value, Some)}

    def references(self) -> dict[str, set[str]]:
        """What may be cited, by its kind."""
        rows = [row for some in self.lists().values() for row in some.rows]
        return {
            "ALERT": {row.reference for row in rows if isinstance(row, AlertLine | SafetyLine)},
            "ORDER": {row.number for row in rows if isinstance(row, OrderLine) and row.number},
            "MACHINE": {row.machine for row in rows},
        }

    def foreign_texts(self) -> Iterator[str]:
        """What people wrote."""
        for some in self.lists().values():
            for row in some.rows:
                yield from (str(getattr(row, name)) for name in WRITTEN if hasattr(row, name))

    def numbers(self) -> set[Decimal]:
        """Every number in them; the digits of a reference are none."""
        return set(numbers_in(asdict(self)))


def numbers_in(known: Any) -> Iterator[Decimal]:
    """The numbers in texts and values, however deep: 007 is 7, and 1,250.50 is 1250,5."""
    if isinstance(known, dict):
        for name, value in known.items():
            if name != REFERENCE:
                yield from numbers_in(value)
    elif isinstance(known, list | tuple):
        for value in known:
            yield from numbers_in(value)
    elif not isinstance(known, bool):
        yield from map(number, NUMBER.findall(str(known)))


def number(text: str) -> Decimal:
    """A comma before three digits parts thousands, any other is a decimal one."""
    return Decimal(THOUSANDS.sub("", text).replace(",", ".")).normalize()
