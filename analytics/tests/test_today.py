from typing import Any

import pytest

from alerts.tests.factories import AlertFactory
from analytics.rollup import roll_up
from analytics.tests.factories import IntervalFactory, at, golden_machine, machine
from analytics.today import today
from faultreporter.accounts.models import User
from locations.tests.factories import LocationFactory
from workorders.tests.factories import WorkOrderFactory

pytestmark = pytest.mark.django_db
NOW = at(3, 31)


def test_it_works(mona: User, django_assert_max_num_queries: Any) -> None:
    equipment = golden_machine()
    equipment.refresh_status()
    AlertFactory.create(equipment=equipment, severity="HIGH", equipment_down=False)
    WorkOrderFactory.create(equipment=equipment, due_at=at(3, 30))
    WorkOrderFactory.create(equipment=equipment, due_at=at(3, 31, 9))
    roll_up(year=2026, quarter=1, as_of=NOW)

    with django_assert_max_num_queries(8):
        now = today(user=mona, at=NOW)

    assert (now.equipment_total, now.machines_down) == (1, 1)
    assert now.equipment_by_status == {"ONLINE": 0, "OFFLINE": 0, "MAINTENANCE": 0, "ERROR": 1}
    assert (now.alerts_unresolved, now.alerts_unacknowledged, now.alerts_by_severity["HIGH"]) == (1, 1, 1)
    assert (now.orders_unfinished, now.orders_unassigned) == (2, 2)
    assert (now.orders_overdue, now.orders_due_today, now.orders_completed_this_week) == (1, 1, 0)
    assert [(one.equipment_id, one.hours) for one in now.longest_down] == [(equipment.pk, 24)]
    assert (now.year, now.quarter, now.failures) == (2026, 1, 2)
    assert [one.equipment_id for one in now.worst_machines] == [equipment.pk]


def test_an_empty_building(mona: User) -> None:
    now = today(user=mona, at=NOW)

    assert (now.equipment_total, now.availability, now.failures, now.worst_machines) == (0, None, None, [])


def test_hidden_sites_are_not_counted(mona: User, adam: User) -> None:
    secret = machine(location=LocationFactory.create(restricted=True))
    IntervalFactory.create(equipment=secret, started_at=at(3, 30))

    assert today(user=mona, at=NOW).longest_down == []
    assert len(today(user=adam, at=NOW).longest_down) == 1
