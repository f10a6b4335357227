"""Business calendars: who edits them, what is refused, which one a site follows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.models import BusinessCalendar, Holiday
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/business-calendars"
BERLIN = ZoneInfo("Europe/Berlin")
CHRISTMAS = {"date": "2026-12-25", "name": "Christmas", "every_year": True}
BRIDGE = {"date": "2026-05-15", "name": "Bridge day"}


def made(**fields: Any) -> BusinessCalendar:
    return BusinessCalendar.add(by=None, **{"name": "Office", **fields})


def test_a_manager_adds_a_calendar_and_gives_it_to_a_site(api: Any, mona: User) -> None:
    site = LocationFactory.create()
    hours = {"MON": [["13:00", "17:00"], ["08:00", "12:00"]], "SUN": [["22:00", "24:00"]]}

    added = api(mona).post(URL, {"name": "Shift", "weekly_hours": hours, "holidays": [CHRISTMAS]}, format="json")
    calendar = added.json()["data"]
    given = api(mona).put(f"/api/v1/locations/{site.pk}", {"business_calendar_id": calendar["id"]}, format="json")

    assert (added.status_code, given.status_code) == (201, 200), given.json()
    assert calendar["weekly_hours"]["MON"] == [["08:00", "12:00"], ["13:00", "17:00"]]
    assert calendar["weekly_hours"]["TUE"] == []
    assert calendar["holidays"] == [CHRISTMAS]
    assert given.json()["data"]["business_calendar_id"] == calendar["id"]


def test_a_list_of_holidays_replaces_the_old_one_and_everything_else_stays(api: Any, mona: User) -> None:
    calendar = made(holidays=[{"date": date(2026, 12, 25), "name": "Christmas", "every_year": True}])

    answer = api(mona).put(f"{URL}/{calendar.pk}", {"holidays": [BRIDGE]}, format="json").json()["data"]
    untouched = api(mona).put(f"{URL}/{calendar.pk}", {"name": "Offices"}, format="json").json()["data"]

    assert answer["holidays"] == untouched["holidays"] == [{**BRIDGE, "every_year": False}]
    assert untouched["weekly_hours"]["FRI"] == [["08:00", "17:00"]]


@pytest.mark.parametrize(
    "hours",
    [
        {},
        {"MON": []},
        {"MON": [["8:00", "17:00"]]},
        {"MON": [["17:00", "08:00"]]},
        {"MON": [["08:00", "24:01"]]},
        {"MON": [["08:00", "12:00"], ["11:59", "13:00"]]},
    ],
)
def test_hours_that_make_no_sense_are_refused(hours: Any, api: Any, mona: User) -> None:
    answer = api(mona).post(URL, {"name": "Odd", "weekly_hours": hours}, format="json")

    assert_error(answer, 400, "VALIDATION_ERROR", field="weekly_hours")


def test_unknown_days_and_days_listed_twice_are_refused(api: Any, mona: User) -> None:
    day = api(mona).post(URL, {"name": "Odd", "weekly_hours": {"MONDAY": [["08:00", "17:00"]]}}, format="json")
    twice = api(mona).post(URL, {"name": "Odd", "holidays": [BRIDGE, {**BRIDGE, "name": "Again"}]}, format="json")

    assert_error(day, 400, "UNKNOWN_FIELD")
    assert_error(twice, 400, "VALIDATION_ERROR", field="holidays")


def test_a_name_is_taken_once_and_a_technician_only_reads(api: Any, mona: User, tess: User) -> None:
    calendar = made()

    assert_error(api(mona).post(URL, {"name": "Office"}, format="json"), 409, "DUPLICATE", field="name")
    assert_error(api(tess).put(f"{URL}/{calendar.pk}", {"name": "Mine"}, format="json"), 403, "PERMISSION_DENIED")
    assert api(tess).get(f"{URL}/{calendar.pk}").json()["data"]["name"] == "Office"


def test_a_calendar_that_a_site_follows_stays(api: Any, mona: User) -> None:
    calendar = made()
    site = LocationFactory.create(business_calendar=calendar)

    refused = api(mona).delete(f"{URL}/{calendar.pk}")
    site.change(by=mona, business_calendar=None)
    done = api(mona).delete(f"{URL}/{calendar.pk}")

    assert_error(refused, 409, "HAS_CHILDREN")
    assert done.status_code == 204


def test_only_a_site_has_a_calendar(api: Any, mona: User) -> None:
    building = LocationFactory.create(building=True)

    body = {"business_calendar_id": str(made().pk)}
    answer = api(mona).put(f"/api/v1/locations/{building.pk}", body, format="json")

    assert_error(answer, 400, "VALIDATION_ERROR", field="business_calendar_id")


def test_a_new_default_takes_the_old_ones_place() -> None:
    first, second = made(is_default=True), made(name="New", is_default=True)
    first.refresh_from_db()

    assert (first.is_default, second.is_default) == (False, True)


def test_a_site_follows_its_own_calendar_then_the_default_then_the_clock() -> None:
    own = made(weekly_hours={"SUN": [["10:00", "11:00"]]})
    site, other = LocationFactory.create(business_calendar=own), LocationFactory.create()
    week = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 8, tzinfo=UTC)

    def hours_of(site_id: Any) -> float:
        return BusinessCalendar.objects.hours_of(site_id, zone=BERLIN).between(*week) / timedelta(hours=1)

    assert (hours_of(site.pk), hours_of(other.pk), hours_of(None)) == (1, 168, 168)
    made(name="Usual", is_default=True)
    assert (hours_of(site.pk), hours_of(other.pk), hours_of(None)) == (1, 45, 45)


def test_holidays_once_and_every_year() -> None:
    site = LocationFactory.create(
        business_calendar=made(
            weekly_hours={day: [["00:00", "24:00"]] for day in ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")},
            holidays=[
                {"date": date(2026, 12, 25), "name": "Christmas", "every_year": True},
                {"date": date(2026, 5, 15), "name": "Bridge day"},
            ],
        )
    )
    hours = BusinessCalendar.objects.hours_of(site.pk, zone=BERLIN)

    assert [hours.is_holiday(date(year, 12, 25)) for year in (2025, 2026, 2031)] == [True] * 3
    assert [hours.is_holiday(date(year, 5, 15)) for year in (2026, 2027)] == [True, False]


def test_lists_and_details_stay_cheap(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    for number in range(3):
        made(name=f"Shift {number}", holidays=[{"date": date(2026, 5, number + 1), "name": "Rest"}])

    with django_assert_max_num_queries(4):
        listed = api(rita).get(URL, {"search": "shift"}).json()["data"]
    with django_assert_max_num_queries(4):
        api(rita).get(f"{URL}/{listed[0]['id']}")

    assert [one["name"] for one in listed] == ["Shift 0", "Shift 1", "Shift 2"]


def form(**fields: Any) -> dict[str, Any]:
    management = {"holidays-TOTAL_FORMS": "0", "holidays-INITIAL_FORMS": "0"}
    return {"name": "Office", "description": "", "MON": "08:00–12:00, 13:00-17:00", **management, **fields}


def test_the_back_office_edits_a_week_as_seven_lines(backoffice: Any, mona: User) -> None:
    browser = backoffice(mona)
    day_off = {"holidays-0-date": "2026-05-15", "holidays-0-name": "Bridge day", "holidays-TOTAL_FORMS": "1"}

    browser.post("/admin/locations/businesscalendar/add/", form(**day_off))
    calendar = BusinessCalendar.objects.get()
    page = browser.get(f"/admin/locations/businesscalendar/{calendar.pk}/change/").content.decode()
    browser.post(
        f"/admin/locations/businesscalendar/{calendar.pk}/change/",
        form(MON="", TUE="00:00-24:00", **{"holidays-INITIAL_FORMS": "0"}),
    )

    assert calendar.weekly_hours["MON"] == [["08:00", "12:00"], ["13:00", "17:00"]]
    assert Holiday.objects.get(calendar=calendar).name == "Bridge day"
    assert "08:00–12:00, 13:00–17:00" in page
    calendar.refresh_from_db()
    assert (calendar.weekly_hours["MON"], calendar.weekly_hours["TUE"]) == ([], [["00:00", "24:00"]])


@pytest.mark.parametrize("week", [{"MON": ""}, {"MON": "8 to 5"}, {"MON": "08:00-07:00"}, {"MON": "08:00"}])
def test_the_back_office_says_what_is_wrong(week: dict[str, str], backoffice: Any, mona: User) -> None:
    answer = backoffice(mona).post("/admin/locations/businesscalendar/add/", form(**week))

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode() or "error" in answer.content.decode()
    assert not BusinessCalendar.objects.exists()
