"""Crews, what people are qualified for, and two weeks of planned work, one day of it too full."""

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain, zip_longest

from equipment.models import Equipment, PersonSkill, Skill, Team
from faultreporter.accounts.models import User
from faultreporter.demo.people import Team as Staff
from workorders.models import WorkOrder

WORKING_DAYS = 10
# name, index of the lead among the technicians, the members
CREWS = (
    ("Heating and cooling", 0, (0, 1, 2)),
    ("Lifts", 3, (3, 4)),
    ("Electrical and fire safety", 5, (2, 4, 5)),
)
# technician -> skill codes; a minus before one says that the certificate has run out
SKILLS = (
    "REFRIGERATION, HVAC, PLUMBING",
    "HVAC, HEATING, CONTROLS",
    "ELECTRICAL, HIGH-VOLTAGE, HVAC",
    "LIFTS, ELECTRICAL",
    "LIFTS, FIRE-SAFETY, -HIGH-VOLTAGE",
    "ELECTRICAL, FIRE-SAFETY, CONTROLS",
)
JOBS = {
    "CHILLER": ("Check the refrigerant circuit", 120),
    "AHU": ("Change the filters", 60),
    "PUMP": ("Grease the bearings", 45),
    "BOILER": ("Clean the burner", 150),
    "ELEVATOR": ("Monthly lift inspection", 90),
    "UPS": ("Battery test", 60),
    "FIRE-PUMP": ("Weekly test run", 45),
    "FAN-COIL": ("Clean the drip tray", 30),
    "LIGHTING-PANEL": ("Test the emergency lighting", 75),
    "COOLING-TOWER": ("Hygiene inspection", 120),
}
FULL_DAY, FULL_DAY_JOBS = 2, 5


def plan(machines: list[Equipment], staff: Staff, *, now: datetime, rng: random.Random) -> None:
    form_teams(staff)
    qualify(staff, on=now.date())
    ripe = [m for m in machines if m.category and m.category.code in JOBS and "-HB-" not in m.equipment_code]
    rng.shuffle(ripe)
    jobs = by_turns(ripe)
    for number, day in enumerate(working_days(now.date())):
        for index, person in enumerate(staff.technicians):
            full = (number, index) == (FULL_DAY, 0)
            for turn in range(FULL_DAY_JOBS if full else 1 + (index + number) % 2):
                book(next(jobs), person, staff, day=day, hour=8 + 2 * turn, now=now, full=full)
    leave_to_teams(jobs, staff, now=now)


def by_turns(machines: list[Equipment]) -> Iterator[Equipment]:
    """One of each kind after the other, so that no week is nothing but fan coils."""
    kinds = [[m for m in machines if m.category and m.category.code == code] for code in JOBS]
    rounds = chain.from_iterable(zip_longest(*kinds))
    return (machine for machine in rounds if machine is not None)


def working_days(first: date) -> Iterator[date]:
    days = (first + timedelta(days=number) for number in range(3 * WORKING_DAYS))
    weekdays = [day for day in days if day.weekday() < 5]
    return iter(weekdays[:WORKING_DAYS])


def form_teams(staff: Staff) -> None:
    people = staff.technicians
    for name, lead, members in CREWS:
        crew = [people[index] for index in members]
        Team.add(name=name, lead=people[lead], members=crew, by=staff.admin, at=staff.since)


def qualify(staff: Staff, *, on: date) -> None:
    skills = {skill.code: skill for skill in Skill.objects.living()}
    rows = []
    for person, codes in zip(staff.technicians, SKILLS, strict=True):
        for number, code in enumerate(codes.split(", ")):
            until = on - timedelta(days=20) if code.startswith("-") else on + timedelta(days=200 + 90 * number)
            rows.append(PersonSkill(user=person, skill=skills[code.removeprefix("-")], valid_until=until))
    PersonSkill.objects.bulk_create(rows)


def book(
    machine: Equipment, person: User, staff: Staff, *, day: date, hour: int, now: datetime, full: bool
) -> None:  # fmt: skip
    order = propose(machine, staff, now=now)
    _title, minutes = job_on(machine)
    order.assign(to=person, by=staff.managers[0], at=now - timedelta(days=1))
    order.schedule(
        day=day, start=time(hour), minutes=max(minutes, 110) if full else minutes, by=staff.managers[0],
        at=now - timedelta(days=1),
    )  # fmt: skip


def leave_to_teams(jobs: Iterator[Equipment], staff: Staff, *, now: datetime) -> None:
    """A job of each crew that nobody of it has taken yet, and two that nobody was given."""
    for team in Team.objects.order_by("name"):
        propose(next(jobs), staff, now=now).assign(team=team, by=staff.managers[1], at=now - timedelta(hours=3))
    for _ in range(2):
        propose(next(jobs), staff, now=now)


def propose(machine: Equipment, staff: Staff, *, now: datetime) -> WorkOrder:
    title, _minutes = job_on(machine)
    return WorkOrder.add(
        equipment=machine, title=title, type=WorkOrder.Type.INSPECTION, priority=WorkOrder.Priority.LOW,
        by=staff.managers[0], at=now - timedelta(days=2), due_at=now + timedelta(days=16),
    )  # fmt: skip


def job_on(machine: Equipment) -> tuple[str, int]:
    return JOBS[machine.category.code if machine.category else ""]
