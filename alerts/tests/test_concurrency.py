"""Many people at once, over real connections: one fault stays one alert, and one move wins."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from alerts.tests.parallel import AtOnce
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/alerts"


def codes(responses: list[Any]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


def test_twenty_reports_of_one_fault_are_one_alert(at_once: AtOnce, api: Any, rita: User) -> None:
    machine = EquipmentFactory.create()
    body = {"equipment_id": str(machine.pk), "title": "Leaks", "severity": "CRITICAL"}

    answers = at_once([lambda: api(rita).post(URL, body, format="json")] * 20)

    assert codes(answers) == {201: 1, 200: 19}
    alert = Alert.objects.get()
    assert (alert.occurrences, alert.events.count()) == (20, 20)
    assert StatusInterval.objects.get().holders == 1


def test_different_critical_faults_of_one_machine_all_hold_it(at_once: AtOnce, api: Any, rita: User) -> None:
    machine = EquipmentFactory.create()
    bodies = [{"equipment_id": str(machine.pk), "title": f"Fault {n}", "severity": "CRITICAL"} for n in range(12)]

    answers = at_once([partial(api(rita).post, URL, body, format="json") for body in bodies])

    assert codes(answers) == {201: 12}
    assert StatusInterval.objects.get().holders == 12


def test_of_many_acknowledgements_one_wins(at_once: AtOnce, api: Any, mona: User) -> None:
    alert = AlertFactory.create()

    answers = at_once([lambda: api(mona).post(f"{URL}/{alert.pk}/acknowledge")] * 12)

    assert codes(answers) == {200: 1, 409: 11}
    assert alert.events.filter(kind="ACKNOWLEDGED").count() == 1


def test_acknowledging_races_resolving_and_reporting(at_once: AtOnce, api: Any, mona: User) -> None:
    alert = AlertFactory.create(title="Leaks", critical=True)
    body = {"equipment_id": str(alert.equipment_id), "title": "Leaks", "severity": "CRITICAL"}

    answers = at_once(
        [lambda: api(mona).post(f"{URL}/{alert.pk}/acknowledge")] * 12
        + [lambda: api(mona).post(f"{URL}/{alert.pk}/resolve")] * 12
        + [lambda: api(mona).post(f"{URL}/{alert.pk}/dismiss")] * 10
        + [lambda: api(mona).post(URL, body, format="json")] * 16
    )

    assert set(codes(answers)) <= {200, 201, 409}
    ended = alert.events.filter(kind__in=("RESOLVED", "DISMISSED"))
    assert ended.count() == 1
    # A report after the end is a new fault: at most one, and the machine is down exactly while one is open.
    opened = Alert.objects.unresolved()
    assert opened.count() == Alert.objects.count() - 1 <= 1
    status = Equipment.objects.get(pk=alert.equipment_id).status
    assert status == ("ERROR" if opened.exists() else "ONLINE")
    assert sum(answer.status_code == 201 for answer in answers) == opened.count()
