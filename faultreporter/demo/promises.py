"""Business hours, holidays and targets of the demo's sites, and what the clocks of two years of orders said."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from dateutil.easter import easter

from equipment.models import Equipment
from locations.models import BusinessCalendar, Location, zone_of
from workorders.models import SlaPolicy, WorkOrder, WorkOrderEvent
from workorders.services import note_some_clocks
from workorders.sla import Clock, ClockKind, Terms

NATIONAL = (
    ("New Year", 1, 1), ("Labour Day", 5, 1), ("Day of German Unity", 10, 3), ("Christmas Day", 12, 25),
    ("Boxing Day", 12, 26),
)  # fmt: skip
BY_EASTER = (("Good Friday", -2), ("Easter Monday", 1), ("Ascension Day", 39), ("Whit Monday", 50))
OFFICE = {day: [["07:00", "18:00"]] for day in ("MON", "TUE", "WED", "THU", "FRI")}
DATA_CENTRE = {
    **{day: [["06:00", "22:00"]] for day in ("MON", "TUE", "WED", "THU", "FRI")},
    "SAT": [["08:00", "14:00"]],
}


def calendars(*, on: date) -> dict[str, BusinessCalendar]:
    """By the code of the site that follows it."""
    years = range(on.year - 2, on.year + 3)
    berlin = [*holidays(years), yearly("Women's Day", on.year, 3, 8)]
    hamburg = [*holidays(years), yearly("Reformation Day", on.year, 10, 31)]
    return {
        "NORTHGATE": BusinessCalendar.add(
            by=None, name="Berlin office hours", weekly_hours=OFFICE, holidays=berlin, is_default=True
        ),
        "HARBOUR": BusinessCalendar.add(
            by=None, name="Hamburg data centre", weekly_hours=DATA_CENTRE, holidays=hamburg
        ),
    }  # fmt: skip


def yearly(name: str, year: int, month: int, day: int) -> dict[str, Any]:
    return {"date": date(year, month, day), "name": name, "every_year": True}


def holidays(years: range) -> Iterator[dict[str, Any]]:
    """Those of the whole country: on fixed dates, and those that move with Easter."""
    for name, month, day in NATIONAL:
        yield yearly(name, years[2], month, day)
    for year in years:
        for name, after in BY_EASTER:
            yield {"date": easter(year) + timedelta(days=after), "name": name}


def open_at(sites: dict[str, BusinessCalendar]) -> None:
    for code, calendar in sites.items():
        Location.objects.get(code=code).change(by=None, business_calendar=calendar)


class Promises:
    """What was promised on each site, looked up once."""

    def __init__(self) -> None:
        sites = Location.objects.sites().living()
        self.hours = {site.pk: BusinessCalendar.objects.hours_of(site.pk, zone=zone_of(site)) for site in sites}
        self.policies = {policy.priority: policy for policy in SlaPolicy.objects.filter(site=None)}
        self.terms: dict[tuple[UUID, str], Terms] = {}

    def of(self, machine: Equipment, priority: str) -> Terms | None:
        if machine.location is None or priority not in self.policies:
            return None
        key = machine.location.root_id, priority
        if key not in self.terms:
            self.terms[key] = self.policies[priority].terms(self.hours[key[0]])
        return self.terms[key]

    def settle(self, order: WorkOrder) -> list[WorkOrderEvent]:
        """What the clocks of a finished order said, and the lines of its timeline about it."""
        terms = self.of(order.equipment, order.priority)
        order.sla_terms = terms.as_json() if terms else None
        missed = []
        for kind in ClockKind if terms else ():
            minutes = terms.minutes(kind) if terms else None
            if terms and minutes:
                clock = Clock(terms.hours, order.created_at, timedelta(minutes=minutes))
                missed += settle_clock(order, kind, clock.due_at)
        return missed


def settle_clock(order: WorkOrder, kind: ClockKind, due_at: datetime | None) -> list[WorkOrderEvent]:
    setattr(order, f"{kind.lower()}_due_at", due_at)
    stopped_at = order.facts(kind).stopped_at
    if due_at is None or stopped_at is None or stopped_at <= due_at:
        return []
    setattr(order, f"{kind.lower()}_breached_at", due_at)
    return [WorkOrderEvent(work_order=order, kind="SLA_BREACHED", at=due_at, data={"clock": kind.value})]


def watch(*, now: datetime) -> None:
    """What beat would have noticed by now."""
    while note_some_clocks(at=now):
        pass
