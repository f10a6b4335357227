"""Many people at once, over real connections: one order per alert, one completion, no number missing."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from alerts.tests.parallel import AtOnce
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from workorders.models import WorkOrder
from workorders.services import raise_work_order
from workorders.tests.factories import move

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/work-orders"


def codes(responses: list[Any]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


def test_of_many_conversions_one_makes_an_order(at_once: AtOnce, api: Any, mona: User) -> None:
    alert = AlertFactory.create()

    answers = at_once([lambda: api(mona).post(f"/api/v1/alerts/{alert.pk}/work-order")] * 12)

    assert codes(answers) == {201: 1, 409: 11}
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} == {"ALREADY_CONVERTED"}
    assert WorkOrder.objects.get().alert == alert


def test_numbers_have_no_gap(at_once: AtOnce, api: Any, mona: User) -> None:
    machine = EquipmentFactory.create()
    good = {"equipment_id": str(machine.pk), "title": "Look at it"}

    # Conversions of one alert that are refused take no number with them.
    alert = AlertFactory.create(equipment=machine)
    answers = at_once(
        [lambda: api(mona).post(URL, good, format="json")] * 12
        + [lambda: api(mona).post(f"/api/v1/alerts/{alert.pk}/work-order")] * 8
    )

    assert codes(answers) == {201: 13, 409: 7}
    numbers = sorted(WorkOrder.objects.values_list("number", flat=True))
    assert numbers == [f"WO-{datetime.now(UTC).year}-{n:06d}" for n in range(1, 14)]


def test_of_many_completions_one_wins(at_once: AtOnce, api: Any, mona: User, tess: User) -> None:
    alert = AlertFactory.create(critical=True)
    order = raise_work_order(alert=alert, by=mona, at=timezone.now())
    move(order, "assign", by=tess)
    move(order, "start", by=tess)

    answers = at_once(
        [lambda: api(tess).post(f"{URL}/{order.pk}/complete", {"resolution": "Done"}, format="json")] * 10
        + [lambda: api(mona).post(f"/api/v1/alerts/{alert.pk}/resolve")] * 5
        + [lambda: api(mona).post(f"{URL}/{order.pk}/hold", {"reason": "Wait"}, format="json")] * 2
    )

    assert set(codes(answers)) == {200, 409}
    assert order.events.filter(kind="COMPLETED").count() <= 1
    assert alert.events.filter(kind="RESOLVED").count() == 1
    done = WorkOrder.objects.get().status == "COMPLETED"
    assert StatusInterval.objects.get().holders == (0 if done else 1)
    assert Equipment.objects.get().status == ("ONLINE" if done else "ERROR")
    assert Alert.objects.get().status == "RESOLVED"


def test_one_key_completes_once(at_once: AtOnce, api: Any, mona: User, tess: User) -> None:
    order = raise_work_order(alert=AlertFactory.create(), by=mona, at=timezone.now())
    move(order, "assign", by=tess)
    move(order, "start", by=tess)
    key = {"HTTP_IDEMPOTENCY_KEY": "complete-once"}
    body = {"resolution": "Done"}

    answers = at_once([lambda: api(tess).post(f"{URL}/{order.pk}/complete", body, format="json", **key)] * 20)

    assert set(codes(answers)) <= {200, 409}
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} <= {"IDEMPOTENCY_IN_PROGRESS"}
    assert order.events.filter(kind="COMPLETED").count() == 1
