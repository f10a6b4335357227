"""The round of the demo: what it found, and what it led to."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from equipment.models import Category
from equipment.tests.factories import EquipmentFactory
from faultreporter.demo import people, rounds
from workorders.models import ChecklistTemplate, WorkOrder, WorkOrderRelation
from workorders.report import report_of

pytestmark = pytest.mark.django_db


def test_a_round_that_found_something_is_signed_and_another_is_under_way() -> None:
    call_command("load_catalogue", verbosity=0)
    now = timezone.now()
    machines = [EquipmentFactory.create(category=Category.objects.get(code=code)) for code in ("PUMP", "ELEVATOR")]

    rounds.walk(machines, people.hire(now - timedelta(days=30)), now=now)

    done = WorkOrder.objects.get(title="Quarterly round")
    assert (done.status, done.progress) == ("COMPLETED", {"total": 5, "done": 5, "failed": 1})
    assert [one.still_matches for one in done.signatures.all()] == [True, True]
    assert {file.phase for file in done.files} == {"BEFORE", "AFTER"}
    assert WorkOrder.objects.get(title="Bearing temperature").raised_by_task.work_order == done
    assert WorkOrder.objects.get(title="Monthly visit").progress == {"total": 5, "done": 2, "failed": 0}
    assert WorkOrderRelation.objects.filter(kind="BLOCKED_BY").exists()
    assert ChecklistTemplate.objects.count() == 4
    assert report_of(done, with_costs=True).startswith(b"%PDF-")
