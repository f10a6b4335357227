"""Teams, skills, and who has which."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.test_budgets import cost
from equipment.models import PersonSkill, Skill, Team
from equipment.services import load_catalogue
from equipment.tests.factories import CategoryFactory
from faultreporter.accounts.models import User
from faultreporter.errors import ValidationFailed
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
TEAMS, SKILLS, PERSON_SKILLS = "/api/v1/teams", "/api/v1/skills", "/api/v1/person-skills"


def make_team(*members: User, **fields: Any) -> Team:
    at = fields.pop("at", timezone.now())
    return Team.add(**{"name": "Lift crew", "members": members, "by": None, "at": at, **fields})


def test_it_works(api: Any, mona: User, tess: User, olga: User) -> None:
    body = {"name": "Lift crew", "lead_id": str(mona.pk), "member_ids": [str(tess.pk), str(olga.pk)]}
    made = api(mona).post(TEAMS, body, format="json").json()["data"]

    url = f"{TEAMS}/{made['id']}"
    left = api(mona).put(url, {"member_ids": [str(tess.pk)]}, format="json").json()["data"]

    assert [p["display_name"] for p in made["members"]] == ["Mona", "Olga", "Tess"]
    assert [p["display_name"] for p in left["members"]] == ["Mona", "Tess"]
    assert api(tess).get(url).json()["data"]["lead"]["display_name"] == "Mona"
    assert api(mona).delete(url).status_code == 204
    assert_error(api(tess).get(url), 404, "NOT_FOUND")


def test_who_was_in_it_when_stays_on_record(mona: User, tess: User, olga: User) -> None:
    now = timezone.now()
    team = make_team(tess, at=now - timedelta(days=10))
    team.change(by=mona, at=now - timedelta(days=5), members=[olga])
    team.change(by=mona, at=now, name="Shift B")

    days = {day: [str(p) for p in team.people(now - timedelta(days=day))] for day in (11, 7, 3, 0)}
    assert days == {11: [], 7: ["Tess"], 3: ["Olga"], 0: ["Olga"]}
    assert list(Team.objects.of(olga, now)) == [team]
    assert not Team.objects.of(tess, now).exists()


def test_a_reporter_is_in_no_team(api: Any, mona: User, rita: User) -> None:
    for field in ("lead_id", "member_ids"):
        value: Any = str(rita.pk) if field == "lead_id" else [str(rita.pk)]
        answer = api(mona).post(TEAMS, {"name": "Crew", field: value}, format="json")
        assert_error(answer, 400, "VALIDATION_ERROR", field)
    assert not Team.objects.exists()


def test_a_team_has_a_name_of_its_own_and_a_whole_site(api: Any, mona: User) -> None:
    room = LocationFactory.create(room=True)
    make_team()

    assert_error(api(mona).post(TEAMS, {"name": "Lift crew"}, format="json"), 409, "DUPLICATE")
    with pytest.raises(ValidationFailed):
        make_team(name="Room crew", site=room)


def test_teams_of_a_hidden_site_are_out_of_sight(api: Any, adam: User, olga: User) -> None:
    site = LocationFactory.create(open_to_all=False)
    hidden = make_team(name="Hidden", site=site)
    make_team(name="Everywhere")

    assert [row["name"] for row in api(olga).get(TEAMS).json()["data"]] == ["Everywhere"]
    assert_error(api(olga).get(f"{TEAMS}/{hidden.pk}"), 404, "NOT_FOUND")
    assert len(api(adam).get(TEAMS, {"site_id": str(site.pk)}).json()["data"]) == 2


def test_filters_and_budgets(api: Any, tess: User, olga: User) -> None:
    for number in range(3):
        make_team(tess, olga, name=f"Crew {number}")

    assert len(api(tess).get(TEAMS, {"member_id": str(tess.pk)}).json()["data"]) == 3
    assert cost(lambda: api(tess).get(TEAMS)) <= 4
    assert cost(lambda: api(tess).get(SKILLS)) <= 4


def test_skills_and_who_has_them(api: Any, mona: User, tess: User, olga: User) -> None:
    chiller = CategoryFactory.create(code="CHILLER")
    made = api(mona).post(SKILLS, {"code": "HVAC", "name": "HVAC", "category_ids": [str(chiller.pk)]}, format="json")
    skill = made.json()["data"]
    today = timezone.localdate()
    for person, until in ((tess, today), (olga, today - timedelta(days=1))):
        body = {"user_id": str(person.pk), "skill_id": skill["id"], "valid_until": f"{until}"}
        assert api(mona).post(PERSON_SKILLS, body, format="json").status_code == 201

    rows = api(mona).get(PERSON_SKILLS, {"valid": "true"}).json()["data"]
    assert [c["code"] for c in skill["categories"]] == ["CHILLER"]
    assert [row["user"]["display_name"] for row in rows] == ["Tess"]
    assert [row["valid"] for row in api(olga).get(PERSON_SKILLS).json()["data"]] == [False]
    assert len(api(mona).get(SKILLS, {"category_id": str(chiller.pk)}).json()["data"]) == 1
    assert (
        api(mona).put(f"{SKILLS}/{skill['id']}", {"category_ids": []}, format="json").json()["data"]["categories"] == []
    )


def test_a_skill_is_given_once_and_stays_that_persons(api: Any, mona: User, tess: User, olga: User) -> None:
    skill = Skill.objects.create(code="LIFTS", name="Lifts")
    body = {"user_id": str(tess.pk), "skill_id": str(skill.pk)}
    row = api(mona).post(PERSON_SKILLS, body, format="json").json()["data"]

    url = f"{PERSON_SKILLS}/{row['id']}"
    assert_error(api(mona).post(PERSON_SKILLS, body, format="json"), 409, "DUPLICATE")
    assert_error(api(mona).put(url, {"user_id": str(olga.pk)}, format="json"), 400, "VALIDATION_ERROR", "user_id")
    renewed = api(mona).put(url, {"valid_until": "2999-01-01"}, format="json").json()["data"]
    assert renewed["valid_until"] == "2999-01-01"


def test_a_new_installation_knows_the_crafts() -> None:
    load_catalogue()

    lifts = Skill.objects.get(code="LIFTS")
    assert {category.code for category in lifts.categories.all()} == {"ELEVATOR", "ESCALATOR"}
    assert load_catalogue() == 0


def test_the_back_office_forms_a_team(backoffice: Any, mona: User, tess: User, olga: User) -> None:
    browser = backoffice(mona)
    body = {"name": "Night shift", "lead": str(mona.pk), "members": [str(tess.pk)]}
    made = browser.post("/admin/equipment/team/add/", body)
    team = Team.objects.get()

    assert (made.status_code, [str(p) for p in team.people(timezone.now())]) == (302, ["Mona", "Tess"])
    browser.post(f"/admin/equipment/team/{team.pk}/change/", {**body, "name": "Shift", "members": [str(olga.pk)]})
    team.refresh_from_db()
    assert (team.name, [str(p) for p in team.people(timezone.now())]) == ("Shift", ["Mona", "Olga"])


def test_the_back_office_gives_a_skill(backoffice: Any, mona: User, tess: User) -> None:
    category = CategoryFactory.create()
    browser = backoffice(mona)
    body = {"code": "LIFTS", "name": "Lifts", "categories": [str(category.pk)]}
    assert browser.post("/admin/equipment/skill/add/", body).status_code == 302
    skill = Skill.objects.get()
    row = {"user": str(tess.pk), "skill": str(skill.pk), "valid_until": "2020-01-31"}

    assert browser.post("/admin/equipment/personskill/add/", row).status_code == 302
    assert list(skill.categories.all()) == [category]
    assert PersonSkill.objects.get().user == tess
    assert "expired 2020-01-31" in browser.get("/admin/equipment/personskill/").content.decode()
