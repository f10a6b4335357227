"""What it was the last times: the ranking, what may be seen of it, and what it costs."""

import random
import sys
from datetime import UTC, datetime, timedelta
from math import comb
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from aiassist.similar import Asked, PastFault, rank, similar_faults
from aiassist.tests.factories import make_analysis
from alerts.models import Alert
from alerts.tests.factories import AlertFactory, fire, firing_alert
from alerts.tests.test_budgets import cost
from equipment.models import FailureMode
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory, SiteMembershipFactory
from workorders.services import raise_work_order
from workorders.tests.factories import WorkOrderFactory, move

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def url(alert: Alert) -> str:
    return f"/api/v1/alerts/{alert.pk}/similar"


def fan(number: int = 1, **fields: Any) -> Any:
    category = CategoryFactory.create(code="FAN", name="Fan")
    return EquipmentFactory.create(equipment_name=f"Fan {number}", category=category, **fields)


def mode(code: str = "BEARING", name: str = "Bearing wear") -> FailureMode:
    found: FailureMode = FailureMode.objects.filter(code=code).first() or FailureModeFactory.create(
        category=CategoryFactory.create(code="FAN", name="Fan"), code=code, name=name
    )
    return found


def mended(machine: Any, title: str, *, by: User, found: FailureMode | None = None, **fields: Any) -> Alert:
    """A fault of yesterday that was repaired since."""
    alert = AlertFactory.create(equipment=machine, title=title, **fields)
    order = raise_work_order(alert=alert, by=by, at=timezone.now())
    move(order, "assign", by=by)
    move(order, "start", by=by)
    move(order, "complete", by=by, failure_mode=found, cause="No grease", remedy="Bearings replaced", labour_minutes=90)
    alert.refresh_from_db()
    return alert


def make_finished(alert: Alert, *, mode: str) -> None:
    analysis = make_analysis(alert=alert, equipment=alert.equipment)
    type(analysis).objects.filter(pk=analysis.pk).update(
        status="SUCCEEDED", stage="DONE", finished_at=timezone.now(), confidence=0.8, severity="HIGH",
        result={"condition": "Worn", "issues": [{"title": "Worn", "failure_mode": mode}], "recommendations": []},
    )  # fmt: skip


def reasons_of(one: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in one["reasons"]]


# In the API ----------------------------------------------------------------------------------------------------------


def test_it_works(api: Any, tess: User) -> None:
    machine = fan()
    past = mended(machine, "Grinding noise from the fan", by=tess, found=mode(), equipment_down=True)
    asked = AlertFactory.create(equipment=machine, title="Loud grinding noise")

    found = api(tess).get(url(asked)).json()["data"]

    one = found[0]
    order = past.work_orders.get()
    assert len(found) == 1
    assert one["score"] >= 40
    assert [reason["text"] for reason in one["reasons"][:1]] == ["same machine"]
    assert reasons_of(one) == ["MACHINE", "WORDS", "RECENCY"]
    assert one["fault"]["failure_mode"] == {"code": "BEARING", "name": "Bearing wear"}
    assert (one["fault"]["cause"], one["fault"]["remedy"]) == ("No grease", "Bearings replaced")
    assert (one["fault"]["alert_id"], one["fault"]["resolution"]) == (str(past.pk), "FIXED")
    assert one["fault"]["labour_hours"] == 1.5
    assert one["fault"]["downtime_hours"] >= 0
    link = f"/api/v1/work-orders/{order.pk}"
    assert one["fault"]["work_order"] == {"id": str(order.pk), "number": order.number, "link": link}
    assert api(tess).get(link).status_code == 200


def test_the_mode_that_the_assistant_named_counts(api: Any, tess: User) -> None:
    mended(fan(2), "Something else entirely", by=tess, found=mode())
    asked = AlertFactory.create(equipment=fan(), title="Hums")
    make_finished(asked, mode="BEARING")

    found = api(tess).get(url(asked)).json()["data"]

    assert "same failure mode BEARING" in [reason["text"] for reason in found[0]["reasons"]]


def test_the_mode_of_a_rule_is_what_its_alarms_turned_out_to_be(api: Any, tess: User) -> None:
    machine = fan()
    first = firing_alert(machine)
    order = raise_work_order(alert=first, by=tess, at=timezone.now())
    move(order, "assign", by=tess)
    move(order, "start", by=tess)
    move(order, "complete", by=tess, failure_mode=mode())
    first.refresh_from_db()
    first.clear(at=timezone.now())
    again = fire(first.rule, first.series)

    found = api(tess).get(url(again)).json()["data"]

    assert reasons_of(found[0])[:2] == ["MACHINE", "FAILURE_MODE"]


def test_a_repair_that_nobody_had_reported_is_found_too(api: Any, tess: User) -> None:
    order = WorkOrderFactory.create(equipment=fan(), title="Grinding noise")
    for name in ("assign", "start", "complete"):
        move(order, name, by=tess)
    asked = AlertFactory.create(equipment=order.equipment, title="Grinding noise")

    found = api(tess).get(url(asked)).json()["data"]

    assert (found[0]["fault"]["alert_id"], found[0]["fault"]["work_order"]["number"]) == (None, order.number)


def test_what_is_open_or_a_duplicate_is_no_past_fault(api: Any, mona: User) -> None:
    machine = fan()
    into = AlertFactory.create(equipment=machine, title="Grinding noise a")
    duplicate = AlertFactory.create(equipment=machine, title="Grinding noise b")
    api(mona).post(f"/api/v1/alerts/{into.pk}/merge", {"alert_ids": [str(duplicate.pk)]})
    asked = AlertFactory.create(equipment=machine, title="Grinding noise")

    assert api(mona).get(url(asked)).json()["data"] == []


def test_a_false_alarm_says_so(api: Any, mona: User) -> None:
    machine = fan()
    AlertFactory.create(equipment=machine, title="Grinding noise").dismiss(by=mona, at=timezone.now())
    asked = AlertFactory.create(equipment=machine, title="Grinding noise")

    one = api(mona).get(url(asked)).json()["data"][0]

    assert (one["fault"]["resolution"], one["fault"]["work_order"]) == ("FALSE_ALARM", None)


def test_what_is_out_of_sight_stays_there(api: Any, olga: User, adam: User, tess: User) -> None:
    site = LocationFactory.create(restricted=True)
    SiteMembershipFactory.create(user=tess, site=site)
    secret = fan(2, location=site)
    hidden = mended(secret, "Grinding noise", by=tess, found=mode())
    order = WorkOrderFactory.create(equipment=secret, title="Grinding noise")
    for name in ("assign", "start", "complete"):
        move(order, name, by=tess)
    asked = AlertFactory.create(equipment=fan(), title="Grinding noise")

    assert api(olga).get(url(asked)).json()["data"] == []
    assert len(api(adam).get(url(asked)).json()["data"]) == 2
    assert_error(api(olga).get(url(hidden)), 404, "NOT_FOUND")


@pytest.mark.parametrize("limit", ["0", "21", "many", "-1"])
def test_a_limit_that_makes_no_sense_is_refused(api: Any, tess: User, limit: str) -> None:
    asked = AlertFactory.create()

    assert_error(api(tess).get(url(asked), {"limit": limit}), 400, "INVALID_PARAMETER", field="limit")


def test_four_queries_at_most_whatever_was(api: Any, olga: User, mona: User) -> None:
    LocationFactory.create(restricted=True)
    for number in range(4):
        mended(fan(number), "Grinding noise", by=mona, found=mode())
    asked = firing_alert(fan())

    assert cost(lambda: api(olga).get(url(asked), {"limit": 2})) <= 4


def test_the_alerts_page_has_them_in_a_tab(backoffice: Any, mona: User, tess: User) -> None:
    machine = fan()
    past = mended(machine, "Grinding noise", by=tess, found=mode())
    asked = AlertFactory.create(equipment=machine, title="<b>Grinding</b> noise")

    page = backoffice(mona).get(f"/admin/alerts/alert/{asked.pk}/change/").content.decode()

    assert "Similar past faults" in page
    assert "Bearing wear · No grease · Bearings replaced" in page
    assert f"/admin/workorders/workorder/{past.work_orders.get().pk}/change/" in page
    assert "<b>Grinding</b>" not in page


# The ranking ---------------------------------------------------------------------------------------------------------

HERE, ELSEWHERE, FANS, PUMPS = uuid4(), uuid4(), uuid4(), uuid4()


def past(**changes: Any) -> PastFault:
    usual: dict[str, Any] = dict.fromkeys(PastFault._fields) | {
        "alert_id": uuid4(), "title": "Noise", "severity": "LOW", "resolution": "FIXED", "at": NOW - timedelta(days=1),
        "equipment_id": ELSEWHERE, "equipment_code": "EQ-1", "equipment_name": "Fan", "manufacturer": "", "model": "",
        "category_id": PUMPS, "words": 0.5,
    }  # fmt: skip
    return PastFault(**usual | changes)


def test_the_closer_the_kin_the_higher() -> None:
    fault = Asked(HERE, manufacturer="Ventoria", model="V1", category_id=FANS, rule_id=HERE, metric_id=7)
    kin = {
        "MACHINE": past(equipment_id=HERE, manufacturer="Ventoria", model="V1", category_id=FANS),
        "MODEL": past(manufacturer="Ventoria", model="V1", category_id=FANS),
        "CATEGORY": past(category_id=FANS, manufacturer="Other", model="V1"),
        "RULE": past(rule_id=HERE, metric_id=7),
        "METRIC": past(rule_id=ELSEWHERE, metric_id=7),
    }

    found = rank(fault, reversed(kin.values()), at=NOW)

    assert [one.reasons[0].code for one in found] == list(kin)
    assert [one.fault for one in found] == list(kin.values())


def test_recency_halves_in_a_year() -> None:
    fault = Asked(HERE)
    ages = [0, 365, 730, 10_000]

    found = rank(fault, [past(equipment_id=HERE, at=NOW - timedelta(days=age)) for age in ages], at=NOW)

    assert [next((r.points for r in one.reasons if r.code == "RECENCY"), 0) for one in found] == [10, 5, 2, 0]


def test_everything_alike_is_a_hundred_and_hardly_anything_is_left_out() -> None:
    same = past(equipment_id=HERE, mode_id=FANS, mode="BEARING", words=1.0, at=NOW)

    found = rank(Asked(HERE, mode_id=FANS), [same, past(words=0.2)], at=NOW)

    assert [(one.fault, one.score) for one in found] == [(same, 100)]


def test_an_alert_that_two_orders_mended_is_told_once() -> None:
    first = past(equipment_id=HERE, order_id=FANS)
    again = first._replace(order_id=PUMPS, mode_id=FANS, mode="BEARING")
    other = past(equipment_id=HERE, words=0.7)

    found = rank(Asked(HERE, mode_id=FANS), [first, again, other], at=NOW)

    assert [one.fault.order_id for one in found] == [PUMPS, None]


def test_equal_ones_come_newest_first_and_only_so_many() -> None:
    faults = [past(equipment_id=HERE, at=NOW - timedelta(minutes=number)) for number in range(5)]

    found = rank(Asked(HERE), random.Random(1).sample(faults, 5), at=NOW, limit=3)

    assert [one.fault for one in found] == faults[:3]


# Held out: each mode is told three times in other words; the last telling is asked with nothing but its words --------

TOLD = {
    "BEARING": ("Grinding noise from the fan", "Fan bearing grinds when it starts", "Grinding at the fan bearing"),
    "BELT": ("Belt squeals in the morning", "Squealing belt, rubber smell", "Fan belt squeals again"),
    "FILTER": ("Filter pressure drop alarm", "Dirty filter, little air", "Pressure drop at the filter too high"),
    "DAMPER": ("Outside air damper stuck", "Damper does not open", "The damper is stuck half open"),
    "COIL": ("Water drips below the coil", "Frozen coil, water in the unit", "Coil is frozen and drips"),
    "MOTOR": ("Motor trips its breaker", "Breaker of the motor tripped again", "Motor breaker trips after minutes"),
}


def test_the_words_alone_lead_to_the_mode(tess: User, capsys: pytest.CaptureFixture[str]) -> None:
    for code, tellings in TOLD.items():
        for number, words in enumerate(tellings[:-1]):
            mended(fan(number), words, by=tess, found=mode(code, code.title()))
    machine = fan(9)

    hits = chance = 0.0
    for code, tellings in TOLD.items():
        asked = AlertFactory.create(equipment=machine, title=tellings[-1])
        found = similar_faults(asked, mode_id=None, user=tess, at=timezone.now(), limit=3)
        hits += code in [one.fault.mode for one in found]
        chance += 1 - comb(10, 3) / comb(12, 3)  # three drawn of twelve, two of which have the mode

    with capsys.disabled():
        sys.stdout.write(f"\ntrue mode among the first three: {hits:.0f} of {len(TOLD)}, by chance {chance:.1f}\n")
    assert hits == len(TOLD)
