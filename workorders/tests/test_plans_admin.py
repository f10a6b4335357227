"""Maintenance plans in the back office."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from workorders.generation import generate_due
from workorders.models import MaintenancePlan, WorkOrder
from workorders.tests.factories import PlanFactory

pytestmark = pytest.mark.django_db
ADD = "/admin/workorders/maintenanceplan/add/"


def filled(**fields: Any) -> dict[str, Any]:
    usual = {
        "title": "Clean filters", "type": "PREVENTIVE", "priority": "LOW", "trigger": "CALENDAR", "schedule": "FIXED",
        "rule": "freq=monthly;byday=1mo", "start_date": f"{timezone.now().date()}", "due_time": "08:00", "lead_days": 3,
        "tolerance_days": 2,
    }  # fmt: skip
    return {**usual, **fields}


def test_it_works(backoffice: Any, mona: User) -> None:
    machine = EquipmentFactory.create()
    browser = backoffice(mona)

    browser.post(ADD, filled(equipment=machine.pk))

    plan = MaintenancePlan.objects.get()
    assert (plan.rule, plan.created_by) == ("FREQ=MONTHLY;BYDAY=1MO", mona)
    page = browser.get(reverse("admin:workorders_maintenanceplan_change", args=[plan.pk])).content.decode()
    assert "every month on the first Monday; next:" in page
    browser.post(reverse("admin:workorders_maintenanceplan_generate", args=[plan.pk]))
    assert WorkOrder.objects.get().plan == plan


def test_a_rule_that_nobody_can_plan_by_is_refused_at_its_field(backoffice: Any, mona: User) -> None:
    answer = backoffice(mona).post(ADD, filled(equipment=EquipmentFactory.create().pk, rule="FREQ=HOURLY"))

    assert answer.context["adminform"].form.errors == {"rule": ["FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY."]}
    assert not MaintenancePlan.objects.exists()


def test_editing_a_plan_moves_it(backoffice: Any, mona: User) -> None:
    plan = PlanFactory.create()

    backoffice(mona).post(
        reverse("admin:workorders_maintenanceplan_change", args=[plan.pk]),
        filled(rule="FREQ=WEEKLY", start_date="2026-01-05"),
    )

    plan.refresh_from_db()
    assert (plan.rule, plan.lead_days, plan.events.first().kind) == ("FREQ=WEEKLY", 3, "EDITED")


def test_the_weeks_ahead_show_what_is_due_and_what_is_late(backoffice: Any, mona: User) -> None:
    PlanFactory.create(title="Grease the bearings", rule="FREQ=WEEKLY")
    late = PlanFactory.create(title="Change the oil", floating=True, start_date=timezone.now().date() - timedelta(20))
    generate_due(at=timezone.now())

    page = backoffice(mona).get(reverse("admin:workorders_maintenanceplan_horizon")).content.decode()

    assert page.count("Grease the bearings") >= 11
    assert "Late" in page
    assert late.work_orders.get().number in page


def test_a_technician_has_no_business_here(backoffice: Any, tess: User) -> None:
    answer = backoffice(tess).get(reverse("admin:workorders_maintenanceplan_horizon"))

    assert answer.status_code in {302, 403}
