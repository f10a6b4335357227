from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from equipment.models import Equipment, FailureMode, Move, StatusInterval, UserEquipmentAssignment
from equipment.tests.factories import (
    AssignmentFactory,
    CategoryFactory,
    DiagramFactory,
    DrawingFactory,
    EquipmentFactory,
    FailureModeFactory,
)
from faultreporter.accounts.models import User
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db

ADMIN = "/admin/equipment/"
URL = f"{ADMIN}equipment/"


@pytest.fixture
def machine(tess: User) -> Any:
    """A machine with something on every page."""
    machine = EquipmentFactory.create(chiller=True, status="OFFLINE")
    machine.move_to(LocationFactory.create(room=True), by=None, at=timezone.now(), reason="")
    AssignmentFactory.create(user=tess, equipment=machine)
    DiagramFactory.create(equipment=machine)
    FailureModeFactory.create(category=machine.category, keywords=["leak"])
    return machine


@pytest.mark.parametrize("person", ["mona", "adam"])
def test_the_pages_load(backoffice: Any, request: pytest.FixtureRequest, person: str, machine: Equipment) -> None:
    browser = backoffice(request.getfixturevalue(person))
    records: dict[str, Any] = {
        "equipment": machine,
        "category": machine.category,
        "failuremode": FailureMode.objects.get(),
        "userequipmentassignment": UserEquipmentAssignment.objects.get(),
        "technicaldiagram": machine.diagrams.get(),
        "statusinterval": StatusInterval.objects.get(),
        "move": Move.objects.get(),
    }

    for name, record in records.items():
        for page in ("", "?q=chiller", f"{record.pk}/change/"):
            assert browser.get(f"{ADMIN}{name}/{page}").status_code == 200, (name, page)
        written = name in {"statusinterval", "move"}
        assert browser.get(f"{ADMIN}{name}/add/").status_code == (403 if written else 200), name


def test_a_technician_does_not_get_in(backoffice: Any, tess: User) -> None:
    browser = backoffice(tess)

    for name in ("equipment", "category", "failuremode", "userequipmentassignment", "technicaldiagram", "move"):
        assert browser.get(f"{ADMIN}{name}/").status_code == 302


def test_the_list_and_the_page_of_a_machine_stay_within_thirty_queries(
    backoffice: Any, mona: User, machine: Equipment, django_assert_max_num_queries: Any
) -> None:
    EquipmentFactory.create_batch(5)
    browser = backoffice(mona)

    for page in ("", f"{machine.pk}/change/"):
        with django_assert_max_num_queries(30):
            browser.get(URL + page)


def machine_form(**values: Any) -> dict[str, Any]:
    counts = ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    rooms = ("status_log", "assignments", "moves", "diagrams")
    inlines = {f"{room}-{count}": "0" for room in rooms for count in counts}
    return {**inlines, "equipment_name": "Pump", "criticality": "HIGH", "metadata": "{}", **values}


def test_a_machine_is_added_and_changed_through_the_model(backoffice: Any, mona: User) -> None:
    browser, room = backoffice(mona), LocationFactory.create(room=True)

    assert browser.post(f"{URL}add/", machine_form(equipment_code="P-1")).status_code == 302
    machine = Equipment.objects.get(equipment_code="P-1")
    changed = browser.post(f"{URL}{machine.pk}/change/", machine_form(location=str(room.pk), equipment_code="X"))

    machine.refresh_from_db()
    assert changed.status_code == 302
    assert (machine.created_by, machine.equipment_code, machine.location) == (mona, "P-1", room)
    assert machine.moves.get().by == mona


def test_a_code_in_use_or_out_of_pattern_is_said_in_the_form(backoffice: Any, mona: User) -> None:
    EquipmentFactory.create(equipment_code="P-1")
    browser = backoffice(mona)

    twice = browser.post(f"{URL}add/", machine_form(equipment_code="P-1")).content.decode()
    wrong = browser.post(f"{URL}add/", machine_form(equipment_code="p 1")).content.decode()

    assert "Another machine has this code" in twice
    assert "capital letters" in wrong


def run(browser: Any, action: str, *machines: Any, url: str = URL, **data: Any) -> str:
    body = {"action": action, "_selected_action": [str(machine.pk) for machine in machines], **data}
    return str(browser.post(url, body, follow=True).content.decode())


def test_moving_asks_for_the_place(backoffice: Any, mona: User, machine: Equipment) -> None:
    browser, room = backoffice(mona), LocationFactory.create(room=True)

    assert "Move to another place" in run(browser, "move", machine)
    run(browser, "move", machine, confirmed="yes", location=str(room.pk), reason="leak above")

    machine.refresh_from_db()
    assert machine.location == room
    assert machine.moves.order_by("-at")[0].reason == "leak above"


def test_setting_the_status_says_why_it_is_refused_and_changes_none(
    backoffice: Any, mona: User, machine: Equipment
) -> None:
    held = EquipmentFactory.create(equipment_code="ZZ-LAST")
    held.take_down(status="ERROR", by=None, at=timezone.now(), reason="", source="ALERT")

    page = run(backoffice(mona), "set_status", machine, held, confirmed="yes", status="ONLINE", reason="")

    machine.refresh_from_db()
    assert "Open alerts or work orders" in page
    assert machine.status == "OFFLINE"


def test_setting_the_status_through_the_action(backoffice: Any, mona: User, machine: Equipment) -> None:
    run(backoffice(mona), "set_status", machine, confirmed="yes", status="MAINTENANCE", reason="service")

    machine.refresh_from_db()
    assert machine.status == "MAINTENANCE"
    assert machine.status_log.open().get().started_by == mona


def test_retiring_and_replacing_the_label(backoffice: Any, mona: User, machine: Equipment) -> None:
    browser, token = backoffice(mona), machine.qr_token

    run(browser, "retire", machine, confirmed="yes", on="2026-01-31")
    run(browser, "rotate_qr_code", machine, confirmed="yes")

    machine.refresh_from_db()
    assert machine.retired_date == date(2026, 1, 31)
    assert machine.qr_token != token


def test_an_interval_is_taken_out_of_the_count(backoffice: Any, mona: User, machine: Equipment) -> None:
    interval = machine.take_down(status="ERROR", by=None, at=timezone.now(), reason="", source="ALERT")

    run(
        backoffice(mona),
        "count_or_not",
        interval,
        url=f"{ADMIN}statusinterval/",
        confirmed="yes",
        reason="EXTERNAL_SUPPLY",
    )

    interval.refresh_from_db()
    assert (interval.counts_as_failure, interval.exclusion_reason) == (False, "EXTERNAL_SUPPLY")


def test_an_assignment_is_made_and_ended(backoffice: Any, mona: User, tess: User) -> None:
    machine, browser, url = EquipmentFactory.create(), backoffice(mona), f"{ADMIN}userequipmentassignment/"
    now = timezone.now()
    body = {"user": str(tess.pk), "equipment": str(machine.pk), "role": "PRIMARY"}

    made = browser.post(f"{url}add/", {**body, "starts_at_0": f"{now:%Y-%m-%d}", "starts_at_1": "00:00:00"})
    assert made.status_code == 302
    run(browser, "end", UserEquipmentAssignment.objects.get(), url=url, confirmed="yes")

    assert not machine.concerns(tess)


def test_a_drawing_with_a_wrong_region_is_refused_with_a_reason(backoffice: Any, mona: User) -> None:
    body = {"equipment": str(EquipmentFactory.create().pk), "title": "Piping", "kind": "PIPING"}
    body |= {"attachment": str(DrawingFactory.create().pk), "hotspots": '[{"x": 3}]'}

    page = backoffice(mona).post(f"{ADMIN}technicaldiagram/add/", body, follow=True).content.decode()

    assert "Some regions are not usable" in page


def test_keywords_are_edited_one_a_line(backoffice: Any, mona: User) -> None:
    body = {"category": str(CategoryFactory.create().pk), "code": "LEAK", "name": "Leaks", "keywords": "leak\n\n drip "}

    backoffice(mona).post(f"{ADMIN}failuremode/add/", body)

    mode = FailureMode.objects.get()
    assert mode.keywords == ["leak", "drip"]
    backoffice(mona).post(f"{ADMIN}failuremode/{mode.pk}/change/", {**body, "keywords": "leak"})
    mode.refresh_from_db()
    assert mode.keywords == ["leak"]


def test_a_manager_sees_no_machine_of_a_closed_site(
    backoffice: Any, mona: User, adam: User, machine: Equipment
) -> None:
    machine.location.site.change(by=adam, open_to_all=False)

    assert machine.equipment_code not in backoffice(mona).get(URL).content.decode()
    assert machine.equipment_code in backoffice(adam).get(URL).content.decode()
