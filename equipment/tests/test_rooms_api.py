"""Assignments, the catalogue, drawings."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from equipment.models import TechnicalDiagram, UserEquipmentAssignment
from equipment.tests.factories import (
    AssignmentFactory,
    CategoryFactory,
    DiagramFactory,
    DrawingFactory,
    EquipmentFactory,
    FailureModeFactory,
)
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error

pytestmark = pytest.mark.django_db

API = "/api/v1"


def test_a_manager_puts_tess_in_charge_and_takes_her_off(api: Any, mona: User, tess: User) -> None:
    machine = EquipmentFactory.create()
    body = {"user_id": str(tess.pk), "equipment_id": str(machine.pk), "role": "backup"}

    made = api(mona).post(f"{API}/assignments", body)
    assert made.status_code == 201, made.json()
    assert made.json()["data"]["user"] == {"id": str(tess.pk), "display_name": "Tess"}
    assert machine.concerns(tess)
    assert_error(api(mona).post(f"{API}/assignments", body), 409, "DUPLICATE")

    assert api(mona).delete(f"{API}/assignments/{made.json()['data']['id']}").status_code == 204
    assert not machine.concerns(tess)
    assert api(mona).post(f"{API}/assignments", body).status_code == 201


def test_an_assignment_changes_its_dates_but_not_its_people(api: Any, mona: User, tess: User, rita: User) -> None:
    assignment = AssignmentFactory.create(user=tess)
    url = f"{API}/assignments/{assignment.pk}"

    assert api(mona).put(url, {"ends_at": timezone.now().isoformat()}).status_code == 200
    early = (assignment.starts_at - timedelta(days=1)).isoformat()
    assert_error(api(mona).put(url, {"ends_at": early}), 400, "VALIDATION_ERROR", "ends_at")
    assert_error(api(mona).put(url, {"user_id": str(rita.pk)}), 400, "VALIDATION_ERROR", "user_id")


def test_only_managers_see_and_write_assignments(api: Any, tess: User) -> None:
    assignment = AssignmentFactory.create(user=tess)

    assert_error(api(tess).get(f"{API}/assignments"), 403, "PERMISSION_DENIED")
    assert_error(api(tess).post(f"{API}/assignments", {}), 403, "PERMISSION_DENIED")
    assert_error(api(tess).post(f"{API}/assignments/bulk", {}), 403, "PERMISSION_DENIED")
    assert_error(api(tess).delete(f"{API}/assignments/{assignment.pk}"), 403, "PERMISSION_DENIED")


def test_many_machines_at_once(api: Any, mona: User, tess: User) -> None:
    machines = [AssignmentFactory.create(user=tess).equipment, *EquipmentFactory.create_batch(2)]
    ids = [str(machine.pk) for machine in machines]

    answer = api(mona).post(f"{API}/assignments/bulk", {"user_id": str(tess.pk), "equipment_ids": ids})
    assert (answer.status_code, answer.json()["data"]) == (201, {"created": 2, "unchanged": 1})

    unknown = {"user_id": str(tess.pk), "equipment_ids": [*ids, "00000000-0000-7000-8000-000000000000"]}
    assert_error(api(mona).post(f"{API}/assignments/bulk", unknown), 400, "VALIDATION_ERROR", "equipment_ids")


def test_assignment_lists_stay_within_four_queries(
    api: Any, mona: User, tess: User, django_assert_max_num_queries: Any
) -> None:
    machine = AssignmentFactory.create(user=tess).equipment
    AssignmentFactory.create(user=mona, equipment=machine, ends_at=timezone.now() + timedelta(days=1))

    for client, url in (
        (api(mona), f"{API}/assignments"),
        (api(tess), f"{API}/me/assignments"),
        (api(tess), f"{API}/equipment/{machine.pk}/assignments"),
    ):
        with django_assert_max_num_queries(4):
            assert client.get(url, {"active": "true"}).json()["data"][0]["equipment"]["id"] == str(machine.pk)


def test_my_assignments_are_mine_and_current(api: Any, tess: User, rita: User) -> None:
    mine = AssignmentFactory.create(user=tess)
    AssignmentFactory.create(user=rita)
    AssignmentFactory.create(user=tess, starts_at=timezone.now() + timedelta(days=1))
    deleted = AssignmentFactory.create(user=tess).equipment
    deleted.soft_delete(by=None, at=timezone.now())

    found = api(tess).get(f"{API}/me/assignments").json()["data"]

    assert [assignment["id"] for assignment in found] == [str(mine.pk)]


def test_assignments_filter_by_person_machine_and_role(api: Any, mona: User, tess: User, rita: User) -> None:
    first = AssignmentFactory.create(user=tess, role=UserEquipmentAssignment.Role.BACKUP)
    AssignmentFactory.create(user=rita)

    for query in ({"user_id": tess.pk}, {"equipment_id": first.equipment_id}, {"role": "backup"}):
        found = api(mona).get(f"{API}/assignments", query).json()["data"]
        assert [assignment["id"] for assignment in found] == [str(first.pk)]


def test_everybody_reads_the_catalogue_and_managers_write_it(api: Any, mona: User, tess: User) -> None:
    made = api(mona).post(f"{API}/equipment-categories", {"code": "CHILLER", "name": "Chiller"})
    mode = {
        "category_id": made.json()["data"]["id"],
        "code": "CHILLER-LEAK",
        "name": "Leaks refrigerant",
        "keywords": ["leak", "hiss"],
        "typical_causes": ["cracked pipe"],
    }

    assert made.status_code == 201
    assert api(mona).post(f"{API}/failure-modes", mode).status_code == 201
    assert api(tess).get(f"{API}/failure-modes", {"search": "leak"}).json()["data"][0]["keywords"] == ["leak", "hiss"]
    assert_error(api(tess).post(f"{API}/failure-modes", mode), 403, "PERMISSION_DENIED")
    assert_error(api(tess).post(f"{API}/equipment-categories", {}), 403, "PERMISSION_DENIED")
    assert_error(api(mona).post(f"{API}/equipment-categories", {"code": "CHILLER", "name": "x"}), 409, "DUPLICATE")
    assert_error(api(mona).delete(f"{API}/equipment-categories/{mode['category_id']}"), 409, "HAS_CHILDREN")


def test_failure_modes_of_a_category_with_the_general_ones(api: Any, tess: User) -> None:
    own, general = FailureModeFactory.create(), FailureModeFactory.create(category=None)
    FailureModeFactory.create(category=CategoryFactory.create())

    def found(**query: Any) -> set[str]:
        return {mode["id"] for mode in api(tess).get(f"{API}/failure-modes", query).json()["data"]}

    assert found(applies_to=own.category_id) == {str(own.pk), str(general.pk)}
    assert found(category_id=own.category_id) == {str(own.pk)}


def test_a_drawing_its_revision_and_its_history(api: Any, mona: User, tess: User) -> None:
    machine, file, newer = EquipmentFactory.create(), DrawingFactory.create(), DrawingFactory.create()
    region = {"x": 0, "y": 0, "w": 0.5, "h": 0.5, "label": "Pump", "equipment_id": str(machine.pk)}
    body = {"equipment_id": str(machine.pk), "title": "Piping", "attachment_id": str(file.pk), "hotspots": [region]}

    first = api(mona).post(f"{API}/technical-diagrams", body)
    assert first.status_code == 201, first.json()
    url = f"{API}/technical-diagrams/{first.json()['data']['id']}"
    second = api(mona).post(f"{url}/versions", {"attachment_id": str(newer.pk)})

    assert second.status_code == 201, second.json()
    assert second["Location"] == f"{API}/technical-diagrams/{second.json()['data']['id']}"
    assert second.json()["data"]["hotspots"] == [region]
    assert [revision["version"] for revision in api(tess).get(f"{url}/versions").json()["data"]] == [2, 1]
    current = api(tess).get(f"{API}/equipment/{machine.pk}/diagrams", {"current": "true"}).json()["data"]
    assert [diagram["version"] for diagram in current] == [2]
    assert_error(api(mona).post(f"{url}/versions", {"attachment_id": str(newer.pk)}), 409, "INVALID_TRANSITION")


def test_regions_are_checked_and_lead_only_to_machines_in_sight(api: Any, mona: User, adam: User) -> None:
    diagram, hidden = DiagramFactory.create(), EquipmentFactory.create()
    hidden.location.site.change(by=adam, open_to_all=False)
    url = f"{API}/technical-diagrams/{diagram.pk}/hotspots"
    region = {"x": 0.1, "y": 0.1, "w": 0.5, "h": 0.5, "label": "Pump"}

    assert api(mona).put(url, {"hotspots": [region]}).status_code == 200
    assert api(mona).get(url).json()["data"]["hotspots"] == [{**region, "equipment_id": None}]
    for wrong in ({"x": 1.5}, {"x": 0.9}, {"label": ""}, {"equipment_id": str(hidden.pk)}):
        assert_error(api(mona).put(url, {"hotspots": [{**region, **wrong}]}), 400, "VALIDATION_ERROR")


def test_a_new_file_is_a_revision_and_not_an_edit(api: Any, mona: User, tess: User) -> None:
    diagram = DiagramFactory.create()
    url = f"{API}/technical-diagrams/{diagram.pk}"

    assert api(mona).put(url, {"title": "Better"}).json()["data"]["title"] == "Better"
    refused = api(mona).put(url, {"attachment_id": str(DrawingFactory.create().pk)})
    assert_error(refused, 400, "VALIDATION_ERROR", "attachment_id")
    assert_error(api(tess).put(url, {"title": "x"}), 403, "PERMISSION_DENIED")
    assert_error(api(tess).get(f"{url}/file"), 404, "NOT_FOUND")


def test_a_drawing_of_a_machine_out_of_sight_is_404(api: Any, olga: User, adam: User) -> None:
    diagram = DiagramFactory.create()
    diagram.equipment.location.site.change(by=adam, open_to_all=False)

    for path in ("", "/file", "/versions", "/hotspots"):
        assert_error(api(olga).get(f"{API}/technical-diagrams/{diagram.pk}{path}"), 404, "NOT_FOUND")
    assert TechnicalDiagram.objects.for_user(adam).exists()


def test_drawing_lists_stay_within_four_queries(api: Any, rita: User, django_assert_max_num_queries: Any) -> None:
    diagram = DiagramFactory.create()

    with django_assert_max_num_queries(4):
        answer = api(rita).get(
            f"{API}/technical-diagrams", {"kind": "other", "equipment_id": str(diagram.equipment_id)}
        )

    assert [found["id"] for found in answer.json()["data"]] == [str(diagram.pk)]
