"""Who should do a job: people ranked by a score whose reasons can be read.

The score is a sum of five parts, a hundred points at most:

| part       | points | full for |
|------------|-------:|----------|
| caretaker  |     30 | who looks after the machine first in line; a stand-in 20, who is only told 5 |
| skills     |     30 | who has every skill that this kind of machine asks for, valid today; else the share |
| load       |     25 | who has nothing to do in the next seven days; nothing for who has a full week |
| building   |     10 | who has work in the same building, or had in the last thirty days |
| experience |      5 | who has worked on this machine before, a point for each time |

Whether somebody is on leave isn't known here.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Q
from django.utils.translation import gettext, ngettext

from equipment.models import PersonSkill, Skill
from faultreporter.accounts.models import User
from locations.models import Location, at_or_below
from locations.scope import who_see
from workorders.models import WorkOrder
from workorders.workload import capacity_on, hours_at, minutes_of

CARETAKER = {"PRIMARY": 30, "BACKUP": 20, "OBSERVER": 5}
SKILLS, LOAD, BUILDING, EXPERIENCE = 30, 25, 10, 5
AHEAD = timedelta(days=7)
LATELY = timedelta(days=30)
PROPOSED = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of somebody who might do the job. `missing` names skills never had or run out."""

    user_id: uuid.UUID
    name: str
    role: str = User.Role.TECHNICIAN
    is_active: bool = True
    sees_site: bool = True
    caretaker: str = ""
    skills_needed: int = 0
    missing: tuple[str, ...] = ()
    booked_minutes: int = 0
    capacity_minutes: int = 0
    orders_in_building: int = 0
    times_on_machine: int = 0


class Reason(NamedTuple):
    code: str
    points: int
    text: str


class Suggestion(NamedTuple):
    candidate: Candidate
    score: int
    reasons: list[Reason]


def rank(candidates: Iterable[Candidate], limit: int = PROPOSED) -> list[Suggestion]:
    """The best first, and only those who can be given the job. Equal scores go by load, then by name."""
    able = (one for one in candidates if one.role in WorkOrder.ASSIGNEES and one.is_active and one.sees_site)
    rated = [Suggestion(one, sum(r.points for r in reasons), reasons) for one in able if (reasons := reasons_for(one))]
    rated.sort(key=lambda s: (-s.score, s.candidate.booked_minutes, s.candidate.name.lower(), s.candidate.user_id))
    return rated[:limit]


def reasons_for(one: Candidate) -> list[Reason]:
    parts = (for_caretaker(one), for_skills(one), for_load(one), for_building(one), for_experience(one))
    return [part for part in parts if part is not None]


def for_caretaker(one: Candidate) -> Reason | None:
    words = {
        "PRIMARY": gettext("Looks after this machine"),
        "BACKUP": gettext("Stands in for whoever looks after this machine"),
        "OBSERVER": gettext("Is told about this machine"),
    }
    if one.caretaker not in words:
        return None
    return Reason("CARETAKER", CARETAKER[one.caretaker], words[one.caretaker])


def for_skills(one: Candidate) -> Reason:
    held = one.skills_needed - len(one.missing)
    if one.skills_needed == 0:
        return Reason("SKILLS", SKILLS, gettext("No special skill is needed"))
    points = SKILLS * held // one.skills_needed
    if one.missing:
        return Reason("SKILLS", points, gettext("Lacks: %(skills)s") % {"skills": ", ".join(one.missing)})
    return Reason("SKILLS", points, gettext("Has every skill needed"))


def for_load(one: Candidate) -> Reason:
    capacity = max(one.capacity_minutes, 1)
    points = LOAD * max(0, capacity - one.booked_minutes) // capacity
    numbers = {"booked": f"{one.booked_minutes / 60:g}", "capacity": f"{one.capacity_minutes / 60:g}"}
    text = gettext("%(booked)s h of %(capacity)s h booked for the next seven days") % numbers
    return Reason("LOAD", points, text)


def for_building(one: Candidate) -> Reason | None:
    if not one.orders_in_building:
        return None
    text = ngettext("%(n)d job in this building", "%(n)d jobs in this building", one.orders_in_building)
    return Reason("BUILDING", BUILDING, text % {"n": one.orders_in_building})


def for_experience(one: Candidate) -> Reason | None:
    if not one.times_on_machine:
        return None
    text = ngettext("Worked on it %(n)d time before", "Worked on it %(n)d times before", one.times_on_machine)
    return Reason("EXPERIENCE", min(EXPERIENCE, one.times_on_machine), text % {"n": one.times_on_machine})


def suggest(order: WorkOrder, *, at: datetime, limit: int = PROPOSED) -> list[Suggestion]:
    """The people for this job, best first."""
    return rank(candidates_for(order, at=at), limit)


def candidates_for(order: WorkOrder, *, at: datetime) -> list[Candidate]:
    machine, place = order.equipment, order.equipment.location
    site = place and (place.site or place)
    today = at.astimezone(order.zone_info()).date()
    able = User.objects.active().filter(role__in=WorkOrder.ASSIGNEES)
    people = list(who_see(machine.location_id, able))
    caretakers = dict(machine.assignments.active(at).values_list("user", "role"))
    needed = dict(Skill.objects.living().filter(categories=machine.category_id).values_list("pk", "name"))
    held = skills_held(people, needed, on=today)
    busy = busyness(order, building_of(place), until=today + AHEAD, since=at - LATELY)
    times = times_on(order)
    hours = hours_at(site)
    capacity = sum(capacity_on(today + timedelta(days=number), hours) for number in range(AHEAD.days))
    return [
        Candidate(
            user_id=person.pk,
            name=str(person),
            role=person.role,
            caretaker=caretakers.get(person.pk, ""),
            skills_needed=len(needed),
            missing=tuple(sorted(name for pk, name in needed.items() if (person.pk, pk) not in held)),
            booked_minutes=busy.get(person.pk, (0, 0))[0],
            capacity_minutes=capacity,
            orders_in_building=busy.get(person.pk, (0, 0))[1],
            times_on_machine=times.get(person.pk, 0),
        )
        for person in people
    ]


def skills_held(people: list[User], needed: Iterable[Any], *, on: date) -> set[tuple[Any, Any]]:
    rows = PersonSkill.objects.valid(on).filter(skill__in=list(needed), user__in=people)
    return set(rows.values_list("user", "skill"))


def building_of(place: Location | None) -> list[uuid.UUID]:
    """The building around a place with everything in it; nothing outdoors."""
    line = place.line() if place else []
    building = next((step for step in line if step.kind == Location.Kind.BUILDING), None)
    return at_or_below(building.pk) if building else []


def busyness(
    order: WorkOrder, building: list[uuid.UUID], *, until: date, since: datetime
) -> dict[Any, tuple[int, int]]:  # fmt: skip
    """Person -> minutes booked until that day, what has no day included, and jobs in the building lately."""
    open_now = Q(status__in=WorkOrder.UNFINISHED)
    soon = open_now & (Q(planned_date=None) | Q(planned_date__lt=until))
    here = Q(equipment__location__in=building)
    rows = WorkOrder.objects.living().filter(open_now | Q(completed_at__gte=since)).exclude(pk=order.pk)
    people = rows.exclude(assigned_to=None).order_by().values_list("assigned_to")
    groups = people.annotate(booked=minutes_of(soon), jobs=Count("pk", filter=here))
    return {user_id: (minutes or 0, count) for user_id, minutes, count in groups}


def times_on(order: WorkOrder) -> dict[Any, int]:
    """Person -> how often they completed work on this machine."""
    done = WorkOrder.objects.living().filter(equipment=order.equipment_id, completed_at__isnull=False)
    return dict(done.exclude(assigned_to=None).order_by().values_list("assigned_to").annotate(times=Count("pk")))
