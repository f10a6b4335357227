"""Background work: run twice, it does what running once does."""

import uuid

import pytest
from django.core import mail

from analytics import tasks
from analytics.models import AssetReliability
from analytics.tests.factories import golden_machine, machine
from faultreporter.accounts.models import User
from faultreporter.outbox.models import OutboxMessage
from workorders.tests.factories import order_in

pytestmark = pytest.mark.django_db


def test_the_nightly_roll_up_makes_the_running_and_the_previous_quarter() -> None:
    equipment = machine()

    tasks.roll_up_quarter()

    assert equipment.reliability.count() == 2


def test_the_nightly_roll_up_also_finds_what_was_entered_for_older_quarters() -> None:
    equipment = golden_machine()

    tasks.roll_up_quarter()

    assert equipment.reliability.filter(year=2026, quarter=1, failure_count=2).exists()


def test_it_can_run_twice() -> None:
    golden_machine()
    tasks.roll_up_quarter()
    before = set(AssetReliability.objects.values_list("id", "revision"))

    tasks.roll_up_quarter()

    assert set(AssetReliability.objects.values_list("id", "revision")) == before


def test_completing_an_order_asks_for_its_machine(tess: User) -> None:
    equipment = machine()

    order_in("COMPLETED", by=tess, equipment=equipment)

    message = OutboxMessage.objects.get(task="analytics.tasks.recalculate_equipment")
    assert message.payload == {"equipment_id": str(equipment.pk)}


def test_recalculating_a_machine_shows_its_repair(tess: User) -> None:
    equipment, other = machine(), machine()
    order_in("COMPLETED", by=tess, equipment=equipment)

    for _ in range(2):
        tasks.recalculate_equipment(equipment_id=str(equipment.pk))

    running = equipment.reliability.latest_revisions().order_by("-year", "-quarter")[0]
    assert (running.failure_count, running.restoration_count, running.work_order_count) == (1, 1, 1)
    assert other.reliability.count() == 0


def test_a_machine_that_is_gone_changes_nothing() -> None:
    tasks.recalculate_equipment(equipment_id=str(uuid.uuid4()))

    assert AssetReliability.objects.count() == 0


def test_the_weekly_report_goes_out_once_however_often_beat_asks(mona: User) -> None:
    for _ in range(2):
        tasks.send_weekly_report()

    assert [one.to for one in mail.outbox] == [[mona.email]]
