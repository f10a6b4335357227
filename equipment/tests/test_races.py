"""What must hold when two people act in the same moment, over real connections."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.errors import DomainError
from locations.models import Location
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*deeds: Callable[[], Any]) -> list[Exception | None]:
    """Runs the deeds at the same moment, each on a connection of its own; what each was refused with."""
    start, refusals = Barrier(len(deeds)), [None] * len(deeds)

    def run(number: int, deed: Callable[[], Any]) -> None:
        try:
            start.wait()
            with transaction.atomic():
                deed()
        except DomainError as error:
            refusals[number] = error  # type: ignore[call-overload]  # the list starts with None only
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(refusals)


def test_two_alerts_at_once_hold_one_breakdown() -> None:
    machine = EquipmentFactory.create(placeless=True)

    def take_down() -> None:
        mine = Equipment.objects.get(pk=machine.pk)
        mine.take_down(status="ERROR", by=None, at=timezone.now(), reason="", source="ALERT")

    assert at_once(take_down, take_down, take_down) == [None, None, None]

    assert machine.status_log.get().holders == 3


def test_no_machine_stands_in_a_place_that_was_deleted_in_the_same_moment() -> None:
    for number in range(5):
        room = LocationFactory.create(room=True)

        def place(room: Location = room, code: str = f"RACE-{number}") -> None:
            Equipment.add(by=None, at=timezone.now(), equipment_code=code, equipment_name="Pump", location=room)

        def delete(room: Location = room) -> None:
            Location.objects.get(pk=room.pk).soft_delete(by=None, at=timezone.now())

        refusals = at_once(place, delete)

        assert len([refusal for refusal in refusals if refusal]) == 1


def test_two_machines_never_become_parts_of_each_other() -> None:
    for _ in range(5):
        one, other = EquipmentFactory.create_batch(2, placeless=True)

        def put(part: Equipment, whole: Equipment) -> Callable[[], None]:
            mine = Equipment.objects.get(pk=part.pk)
            return lambda: mine.change(by=None, at=timezone.now(), parent=Equipment(pk=whole.pk, parent_id=None))

        refusals = at_once(put(one, other), put(other, one))

        assert len([refusal for refusal in refusals if refusal]) == 1
