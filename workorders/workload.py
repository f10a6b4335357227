"""How much work each person has on each day, against how much of it fits into a day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, F, Q, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from equipment.models import Team
from faultreporter.accounts.models import User
from faultreporter.errors import RangeTooLarge, ValidationFailed
from locations.business_time import BusinessHours
from locations.models import BusinessCalendar, Location
from workorders.models import WorkOrder, WorkOrderQuerySet

# What one person does on a day, however long the site is open.
WORKDAY_MINUTES = 8 * 60
LONGEST_SPAN = 62
LISTED = 50


class Booking(NamedTuple):
    """What is planned for one person, or for nobody yet, on one day."""

    user_id: Any
    day: date
    orders: int
    minutes: int


@dataclass(frozen=True, slots=True)
class DayLoad:
    """One day of one person."""

    date: date
    orders: int
    planned_minutes: int
    capacity_minutes: int

    @property
    def overloaded(self) -> bool:
        return self.planned_minutes > self.capacity_minutes


@dataclass(frozen=True, slots=True)
class PersonLoad:
    """One person's days; `user` is None for what is nobody's yet."""

    user: User | None
    days: list[DayLoad]

    @property
    def orders(self) -> int:
        return sum(day.orders for day in self.days)

    @property
    def planned_minutes(self) -> int:
        return sum(day.planned_minutes for day in self.days)

    @property
    def capacity_minutes(self) -> int:
        return sum(day.capacity_minutes for day in self.days)


@dataclass(frozen=True, slots=True)
class Workload:
    first: date
    last: date
    people: list[PersonLoad]
    unassigned: PersonLoad
    unplanned_count: int = 0
    unplanned: list[WorkOrder] = field(default_factory=list)
    overdue_count: int = 0
    overdue: list[WorkOrder] = field(default_factory=list)


def days_of(first: date, last: date) -> list[date]:
    """The days from the first to the last; refused if that is no span or too long a one."""
    if last < first:
        raise ValidationFailed(gettext("The span ends before it begins."), field="to")
    if (last - first).days >= LONGEST_SPAN:
        message = gettext("At most %(days)d days at once.") % {"days": LONGEST_SPAN}
        raise RangeTooLarge(message, field="to")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def capacity_on(day: date, hours: BusinessHours) -> int:
    """The minutes one person works on that day: the site's opening hours, at most a working day."""
    if hours.is_holiday(day):
        return 0
    return min(WORKDAY_MINUTES, sum(closes - opens for opens, closes in hours.weekly[day.weekday()]))


def spread(
    people: Iterable[User], bookings: Iterable[Booking], days: Sequence[date], capacity: dict[date, int]
) -> tuple[list[PersonLoad], PersonLoad]:
    """Everybody's days, those without any work as well, and the days of what is nobody's."""
    booked = {(row.user_id, row.day): row for row in bookings}

    def load(user: User | None) -> PersonLoad:
        key = user and user.pk
        found = [(day, booked.get((key, day))) for day in days]
        room = capacity if user else {}
        return PersonLoad(
            user,
            [DayLoad(day, row.orders if row else 0, row.minutes if row else 0, room.get(day, 0)) for day, row in found],
        )

    return [load(person) for person in people], load(None)


def hours_at(site: Location | None) -> BusinessHours:
    """The working hours there, those of the default calendar for no site; Monday to Friday if nobody set any."""
    zone = site.zone_info() if site else ZoneInfo(settings.TIME_ZONE)
    hours = BusinessCalendar.objects.hours_of(site.pk if site else None, zone=zone)
    if hours == BusinessHours.around_the_clock(hours.zone):
        return BusinessHours(hours.zone, weekly=(((0, WORKDAY_MINUTES),),) * 5 + ((),) * 2)
    return hours


def minutes_of(which: Q | None = None) -> Sum:
    """The planned minutes of a group of orders, with the usual length where nobody estimated one."""
    return Sum(Coalesce(F("estimated_minutes"), Value(WorkOrder.USUAL_MINUTES)), filter=which)


def bookings_of(orders: WorkOrderQuerySet, first: date, last: date) -> list[Booking]:
    planned = orders.filter(planned_date__range=(first, last)).order_by()
    groups = planned.values_list("assigned_to", "planned_date").annotate(jobs=Count("pk"), booked=minutes_of())
    return [Booking(*group) for group in groups]


def planners(*, user: User | None = None, team: Team | None = None, at: datetime) -> list[User]:
    """The people whose load is asked for: one, a team, or everybody who can be given work."""
    people = User.objects.active().filter(role__in=WorkOrder.ASSIGNEES)
    if user is not None:
        people = people.filter(pk=user.pk)
    if team is not None:
        people = people.filter(pk__in=team.memberships.active(at).values("user"))
    return list(people.order_by("display_name", "pk"))


def site_of(location: Location | None, team: Team | None) -> Location | None:
    if location is not None:
        return location.site or location
    return team.site if team is not None else None


def workload(
    *, viewer: User, first: date, last: date, at: datetime, user: User | None = None, team: Team | None = None,
    location: Location | None = None, listed: bool = True,
) -> Workload:  # fmt: skip
    """The load of each person and day in two queries, and, if `listed`, what has no day and what is late."""
    days = days_of(first, last)
    orders = WorkOrder.objects.for_user(viewer).living().unfinished()
    if location is not None:
        orders = orders.in_location(location.pk)
    people = planners(user=user, team=team, at=at)
    if user is not None or team is not None:
        theirs = Q(assigned_to__in=[person.pk for person in people])
        orders = orders.filter(theirs | Q(assigned_to=None, assigned_team=team) if team else theirs)
    hours = hours_at(site_of(location, team))
    loads, unassigned = spread(
        people, bookings_of(orders, first, last), days, {day: capacity_on(day, hours) for day in days}
    )
    if not listed:
        return Workload(first=first, last=last, people=loads, unassigned=unassigned)
    unplanned, overdue = orders.filter(planned_date=None), orders.overdue(at)
    joined = ("equipment__location", "assigned_to", "assigned_team")
    return Workload(
        first=first, last=last, people=loads, unassigned=unassigned,
        unplanned_count=unplanned.count(),
        unplanned=list(unplanned.select_related(*joined).order_by(F("due_at").asc(nulls_last=True), "pk")[:LISTED]),
        overdue_count=overdue.count(),
        overdue=list(overdue.select_related(*joined).order_by("due_at", "pk")[:LISTED]),
    )  # fmt: skip
