"""Who is proposed for a job, and why."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from alerts.tests.test_budgets import cost
from equipment.models import PersonSkill, Skill, UserEquipmentAssignment
from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.roles import Role
from locations.models import Location
from locations.tests.factories import LocationFactory, SiteMembershipFactory
from workorders.suggestions import Candidate, rank, suggest
from workorders.tests.factories import WorkOrderFactory, order_in

CANDIDATES = st.builds(
    Candidate,
    user_id=st.uuids(),
    name=st.text(max_size=5),
    role=st.sampled_from(Role.values),
    is_active=st.booleans(),
    sees_site=st.booleans(),
    caretaker=st.sampled_from(["", "PRIMARY", "BACKUP", "OBSERVER"]),
    skills_needed=st.just(3),
    missing=st.lists(st.sampled_from(["HVAC", "Lifts", "Controls"]), unique=True, max_size=3).map(tuple),
    booked_minutes=st.integers(0, 10_000),
    capacity_minutes=st.integers(0, 3_000),
    orders_in_building=st.integers(0, 50),
    times_on_machine=st.integers(0, 50),
)


def score(one: Candidate) -> int:
    return rank([replace(one, role=Role.TECHNICIAN, is_active=True, sees_site=True)])[0].score


@given(st.lists(CANDIDATES, max_size=30))
def test_nobody_is_proposed_who_cannot_be_given_the_job(people: list[Candidate]) -> None:
    for one, points, reasons in rank(people, limit=100):
        assert one.role in (Role.TECHNICIAN, Role.MANAGER)
        assert one.is_active
        assert one.sees_site
        assert 0 <= points == sum(reason.points for reason in reasons) <= 100


@given(CANDIDATES, st.integers(0, 5_000))
def test_more_load_never_helps(one: Candidate, more: int) -> None:
    assert score(replace(one, booked_minutes=one.booked_minutes + more)) <= score(one)


@given(CANDIDATES)
def test_a_skill_never_hurts(one: Candidate) -> None:
    assert score(replace(one, missing=one.missing[1:])) >= score(one)


@given(st.lists(CANDIDATES, max_size=10, unique_by=lambda one: one.user_id), st.randoms())
def test_the_order_people_come_in_is_no_matter(people: list[Candidate], random: Any) -> None:
    shuffled = random.sample(people, len(people))

    assert rank(shuffled) == rank(people)


def test_a_score_by_hand() -> None:
    one = Candidate(
        uuid.uuid4(), "Tess", caretaker="BACKUP", skills_needed=2, missing=("Lifts",), booked_minutes=600,
        capacity_minutes=2400, orders_in_building=1, times_on_machine=9,
    )  # fmt: skip

    [(_one, points, reasons)] = rank([one])

    assert [(reason.code, reason.points) for reason in reasons] == [
        ("CARETAKER", 20), ("SKILLS", 15), ("LOAD", 18), ("BUILDING", 10), ("EXPERIENCE", 5),
    ]  # fmt: skip
    assert points == 68
    assert "10 h of 40 h" in reasons[2].text
    assert "Lacks: Lifts" in reasons[1].text


@pytest.fixture
def room(db: None) -> Location:
    building = LocationFactory.create(kind="BUILDING", parent=LocationFactory.create())
    floor = LocationFactory.create(kind="FLOOR", parent=building, floor_level=0)
    room: Location = LocationFactory.create(kind="ROOM", parent=floor)
    return room


def names(order: Any) -> list[str]:
    return [one.candidate.name for one in suggest(order, at=timezone.now())]


def reasons(order: Any, name: str) -> dict[str, int]:
    found = next(one for one in suggest(order, at=timezone.now()) if one.candidate.name == name)
    return {reason.code: reason.points for reason in found.reasons}


@pytest.mark.django_db
def test_everything_counts(api: Any, room: Location, tess: User, olga: User, mona: User, rita: User) -> None:
    lifts = CategoryFactory.create()
    skill = Skill.objects.create(code="LIFTS", name="Lifts")
    skill.categories.add(lifts)
    today = timezone.localdate()
    PersonSkill.objects.create(user=tess, skill=skill, valid_until=today + timedelta(days=1))
    PersonSkill.objects.create(user=olga, skill=skill, valid_until=today - timedelta(days=2))
    machine = EquipmentFactory.create(location=room, category=lifts)
    UserEquipmentAssignment.assign(user=tess, equipment=machine, by=mona)
    order_in("COMPLETED", by=tess, equipment=machine)
    order_in("ASSIGNED", by=olga, equipment=EquipmentFactory.create(location=room.parent))
    order = WorkOrderFactory.create(equipment=machine)

    data = api(mona).get(f"/api/v1/work-orders/{order.pk}/suggested-assignees").json()["data"]["suggestions"]

    assert [row["user"]["display_name"] for row in data] == ["Tess", "Olga", "Mona"]
    assert data[0]["score"] == 30 + 30 + 25 + 10 + 1
    assert reasons(order, "Olga")["SKILLS"] == 0
    assert reasons(order, "Olga")["BUILDING"] == 10
    assert reasons(order, "Olga")["LOAD"] < 25
    assert cost(lambda: api(mona).get(f"/api/v1/work-orders/{order.pk}/suggested-assignees")) <= 13


@pytest.mark.django_db
def test_a_closed_site_is_for_its_members(tess: User, olga: User, mona: User) -> None:
    site = LocationFactory.create(open_to_all=False)
    SiteMembershipFactory.create(user=tess, site=site)
    order = WorkOrderFactory.create(equipment=EquipmentFactory.create(location=site))

    assert names(order) == ["Tess"]


@pytest.mark.django_db
def test_the_back_office_shows_them_with_their_reasons(backoffice: Any, tess: User, mona: User) -> None:
    order = WorkOrderFactory.create()
    UserEquipmentAssignment.assign(user=tess, equipment=order.equipment, by=mona)

    html = backoffice(mona).get(f"/admin/workorders/workorder/{order.pk}/assign/").content.decode()

    assert html.index("Tess") < html.index("Mona", html.index("<select"))
    assert "Looks after this machine" in html
