from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from equipment.errors import QrRevoked
from equipment.models import Equipment, UserEquipmentAssignment
from equipment.signals import leaving_service
from equipment.tests.factories import (
    AssignmentFactory,
    CategoryFactory,
    DiagramFactory,
    DrawingFactory,
    EquipmentFactory,
    FailureModeFactory,
)
from faultreporter.accounts.models import User
from faultreporter.errors import Duplicate, HasChildren, HasOpenWork, InvalidTransition, NotFound, ValidationFailed
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def open_work_everywhere() -> Any:
    """Stands for the alerts and orders of the apps above."""

    def refuse(**kwargs: Any) -> None:
        raise HasOpenWork("open")

    leaving_service.connect(refuse)
    yield
    leaving_service.disconnect(refuse)


def test_a_new_machine_runs_unless_somebody_says_otherwise(mona: User) -> None:
    assert EquipmentFactory.create().status == "ONLINE"

    standby = EquipmentFactory.create(status="OFFLINE", created_by=mona)

    assert standby.status == "OFFLINE"
    assert standby.created_by == mona
    assert standby.status_log.open().get().started_by == mona


def test_a_code_never_changes(mona: User) -> None:
    machine = EquipmentFactory.create()

    with pytest.raises(ValidationFailed) as refused:
        machine.change(by=mona, at=NOW, equipment_code="OTHER")
    machine.change(by=mona, at=NOW, equipment_code=machine.equipment_code)

    assert refused.value.details[0].field == "equipment_code"


@pytest.mark.parametrize("code", ["eq-1", "EQ 1", "", "ÄQ-1"])
def test_a_code_outside_the_pattern_cannot_be_stored(code: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        EquipmentFactory.create(equipment_code=code)


def test_a_change_of_place_is_a_move(mona: User) -> None:
    machine, room = EquipmentFactory.create(plan_x=0.5, plan_y=0.5), LocationFactory.create(room=True)
    before = machine.location

    machine.change(by=mona, at=NOW, location=room)

    move = machine.moves.get()
    assert (move.from_location, move.to_location, move.by) == (before, room, mona)
    assert (machine.location, machine.plan_x) == (room, None)


def test_a_new_pin_comes_along_with_the_new_place(mona: User) -> None:
    machine, room = EquipmentFactory.create(plan_x=0.5, plan_y=0.5), LocationFactory.create(room=True)

    machine.change(by=mona, at=NOW, location=room, plan_x=0.1, plan_y=0.2)

    machine.refresh_from_db()
    assert (machine.location, machine.plan_x, machine.plan_y) == (room, 0.1, 0.2)


def test_a_late_report_of_a_move_does_not_undo_a_later_one(mona: User) -> None:
    machine, first, second = (
        EquipmentFactory.create(),
        LocationFactory.create(room=True),
        LocationFactory.create(room=True),
    )
    machine.move_to(first, by=mona, at=NOW, reason="")

    with pytest.raises(ValidationFailed) as refused:
        machine.move_to(second, by=mona, at=NOW - timedelta(hours=1), reason="")

    assert refused.value.details[0].field == "occurred_at"


def test_nothing_moves_to_where_it_is_or_to_a_deleted_place(mona: User) -> None:
    machine, gone = EquipmentFactory.create(), LocationFactory.create()
    gone.soft_delete(by=mona, at=NOW)

    for place in (machine.location, gone):
        with pytest.raises(ValidationFailed):
            machine.move_to(place, by=mona, at=NOW, reason="")
    with pytest.raises(ValidationFailed):
        EquipmentFactory.create(location=gone)


def test_a_machine_is_never_a_part_of_itself(mona: User) -> None:
    chiller = EquipmentFactory.create()
    compressor = EquipmentFactory.create(parent=chiller)
    motor = EquipmentFactory.create(parent=compressor)

    for parent in (chiller, motor):
        with pytest.raises(ValidationFailed):
            chiller.change(by=mona, at=NOW, parent=parent)


def test_a_machine_with_open_work_is_neither_deleted_nor_retired(mona: User, open_work_everywhere: None) -> None:
    machine = EquipmentFactory.create()

    with pytest.raises(HasOpenWork):
        machine.soft_delete(by=mona, at=NOW)
    with pytest.raises(HasOpenWork):
        machine.change(by=mona, at=NOW, retired_date=NOW.date())

    assert machine in Equipment.objects.in_service(NOW.date())


def test_a_machine_with_parts_is_not_deleted(mona: User) -> None:
    part = EquipmentFactory.create(parent=EquipmentFactory.create())

    with pytest.raises(HasChildren):
        part.parent.soft_delete(by=mona, at=NOW)


def test_a_retired_machine_is_out_of_service_from_that_day(mona: User) -> None:
    machine = EquipmentFactory.create(installed_date=date(2020, 1, 1))

    machine.retire(by=mona, on=date(2026, 1, 1))

    assert machine in Equipment.objects.in_service(date(2025, 12, 31))
    assert machine not in Equipment.objects.in_service(date(2026, 1, 1))


def test_nothing_retires_before_it_was_installed(mona: User) -> None:
    machine = EquipmentFactory.create(installed_date=date(2020, 1, 1))

    with pytest.raises(ValidationFailed):
        machine.retire(by=mona, on=date(2019, 1, 1))


def test_a_deleted_machine_comes_back_if_its_code_and_place_are_there(mona: User) -> None:
    machine = EquipmentFactory.create(equipment_code="CH-1")
    machine.soft_delete(by=mona, at=NOW)
    other = EquipmentFactory.create(equipment_code="CH-1")

    with pytest.raises(IntegrityError), transaction.atomic():
        machine.restore(by=mona, at=NOW)
    other.soft_delete(by=mona, at=NOW)
    machine.restore(by=mona, at=NOW)

    assert list(Equipment.objects.living()) == [machine]


def test_a_rotated_label_is_told_from_one_that_never_was(mona: User) -> None:
    machine = EquipmentFactory.create()
    old = machine.qr_token

    machine.rotate_qr_code(by=mona, at=NOW)

    assert Equipment.objects.by_qr_token(machine.qr_token) == machine
    with pytest.raises(QrRevoked):
        Equipment.objects.by_qr_token(old)
    with pytest.raises(NotFound):
        Equipment.objects.by_qr_token("never")


def test_a_serial_number_on_two_machines_names_both() -> None:
    machines = EquipmentFactory.create_batch(2, serial_number="4711")

    with pytest.raises(Duplicate) as refused:
        Equipment.objects.single(by_field="serial_number", value="4711")

    assert refused.value.meta["equipment_codes"] == sorted(m.equipment_code for m in machines)


def test_machines_of_a_place_are_those_anywhere_below_it() -> None:
    machine, elsewhere = EquipmentFactory.create(), EquipmentFactory.create()

    found = Equipment.objects.in_location(machine.location.root_id)

    assert machine in found
    assert elsewhere not in found


def test_a_machine_shows_on_the_nearest_plan_above_it() -> None:
    machine = EquipmentFactory.create(plan_x=0.25, plan_y=0.75)
    floor = machine.location.parent
    floor.set_floor_plan(by=None, attachment=DrawingFactory.create())

    place = machine.place()

    assert [step.kind for step in place.line] == ["SITE", "BUILDING", "FLOOR", "ROOM"]
    assert (place.plan, place.x, place.y) == (floor, 0.25, 0.75)


def test_a_machine_without_a_pin_borrows_its_rooms() -> None:
    machine = EquipmentFactory.create()
    room = machine.location
    room.parent.set_floor_plan(
        by=None, attachment=DrawingFactory.create(), pins=[{"location_id": room.pk, "x": 0.1, "y": 0.2}]
    )

    place = machine.place()

    assert (place.plan, place.x, place.y) == (room.parent, 0.1, 0.2)


def test_coordinates_come_from_the_nearest_place_that_has_some() -> None:
    machine = EquipmentFactory.create()
    machine.location.ancestors()[1].change(by=None, latitude=48.1, longitude=11.5)
    machine.refresh_from_db()

    assert machine.place().geo == "geo:48.100000,11.500000"
    assert EquipmentFactory.create(placeless=True).place().geo is None


def test_an_assignment_counts_from_its_start_to_its_end(tess: User, rita: User) -> None:
    machine, hour = EquipmentFactory.create(), timedelta(hours=1)
    AssignmentFactory.create(user=tess, equipment=machine, starts_at=NOW - hour)
    AssignmentFactory.create(user=rita, equipment=machine, starts_at=NOW - hour, ends_at=NOW)

    assert machine.concerns(tess)
    assert not machine.concerns(rita)
    assert machine in Equipment.objects.assigned_to(tess, NOW)
    assert machine not in Equipment.objects.assigned_to(tess, NOW - 2 * hour)


def test_taking_somebody_off_keeps_the_record(tess: User, mona: User) -> None:
    assignment = AssignmentFactory.create(user=tess, starts_at=NOW - timedelta(days=1))

    assignment.soft_delete(by=mona, at=NOW)

    assert assignment.ends_at == NOW
    assert not assignment.equipment.concerns(tess)
    assert UserEquipmentAssignment.objects.count() == 1


def test_assigning_many_leaves_those_that_are_assigned(tess: User, mona: User) -> None:
    old, new = AssignmentFactory.create(user=tess).equipment, EquipmentFactory.create()

    created = UserEquipmentAssignment.assign_many(user=tess, equipment=[old, new], by=mona)

    assert [assignment.equipment for assignment in created] == [new]


def test_nobody_inactive_is_put_in_charge(tess: User, mona: User) -> None:
    User.objects.filter(pk=tess.pk).update(is_active=False)
    tess.refresh_from_db()

    with pytest.raises(ValidationFailed):
        UserEquipmentAssignment.assign(by=mona, user=tess, equipment=EquipmentFactory.create())


def test_a_revision_keeps_the_old_drawing_and_its_regions(mona: User) -> None:
    regions = [{"x": 0.1, "y": 0.1, "w": 0.5, "h": 0.5, "label": "Pump", "equipment_id": None}]
    first = DiagramFactory.create(hotspots=regions)

    second = first.revise(by=mona, attachment=DrawingFactory.create())

    assert (second.version, second.supersedes, second.hotspots) == (2, first, regions)
    assert second.history() == first.history() == [second, first]
    assert list(type(first).objects.current()) == [second]
    with pytest.raises(InvalidTransition):
        first.revise(by=mona, attachment=DrawingFactory.create())


def test_the_old_drawing_is_current_again_once_its_revision_is_deleted(mona: User) -> None:
    first = DiagramFactory.create()
    first.revise(by=mona, attachment=DrawingFactory.create()).soft_delete(by=mona, at=NOW)

    assert list(type(first).objects.living().current()) == [first]
    assert first.revise(by=mona, attachment=DrawingFactory.create()).supersedes == first


@pytest.mark.parametrize(
    ("region", "field"),
    [
        ({"x": 1.2}, ".x"),
        ({"y": "0.1"}, ".y"),
        ({"x": 0.6}, ".w"),
        ({"h": 0}, ".h"),
        ({"label": " "}, ".label"),
        ({"equipment_id": "CH-1"}, ".equipment_id"),
        ({"colour": "red"}, ""),
    ],
)
def test_a_region_outside_the_picture_or_without_sense_is_refused(
    mona: User, region: dict[str, Any], field: str
) -> None:
    diagram = DiagramFactory.create()
    whole = {"x": 0.1, "y": 0.1, "w": 0.5, "h": 0.5, "label": "Pump", **region}

    with pytest.raises(ValidationFailed) as refused:
        diagram.change(by=mona, hotspots=[whole])

    assert refused.value.details[0].field == f"hotspots[0]{field}"


def test_a_category_in_use_is_not_deleted(mona: User) -> None:
    used, free = FailureModeFactory.create().category, CategoryFactory.create()

    with pytest.raises(HasChildren):
        used.soft_delete(by=mona, at=NOW)
    free.soft_delete(by=mona, at=NOW)

    assert free.deleted_at


def test_general_failure_modes_apply_to_every_category() -> None:
    general, (own, foreign) = FailureModeFactory.create(category=None), FailureModeFactory.create_batch(2)
    modes = type(own).objects

    assert set(modes.applicable_to(own.category_id)) == {own, general}
    assert set(modes.applicable_to(None)) == {general}
    assert foreign not in modes.applicable_to(own.category_id)
