"""The page of a machine's readings as they come."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from telemetry.admin.live_page import live_path
from telemetry.intake.ingest import ingest
from telemetry.tests.factories import MetricFactory, RuleFactory

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def measured(*metrics: str) -> Any:
    machine = EquipmentFactory(equipment_code="PUMP-1")
    for code in metrics:
        MetricFactory(code=code, name=code.title())
    sent = [
        {"equipment_id": str(machine.pk), "metric": code, "value": 6.5, "recorded_at": "2026-03-01T12:00:00Z"}
        for code in metrics
    ]
    ingest(sent, at=AT)
    return machine


def test_each_series_has_a_card_with_its_latest_value_and_the_limits_in_force(backoffice: Any, mona: User) -> None:
    machine = measured("temperature", "speed")
    RuleFactory(equipment=machine, metric__code="temperature", trigger_value=80, clear_value=75)
    RuleFactory(equipment=machine, metric__code="temperature", trigger_value=90, clear_value=90, is_enabled=False)

    page = backoffice(mona).get(live_path(machine))

    shown = {card["name"]: card for card in page.context["config"]["series"]}
    assert [limit["label"] for limit in shown["Temperature"]["limits"]] == ["> 80 °C", "over at ≤ 75 °C"]
    assert (shown["Temperature"]["value"], shown["Temperature"]["at"]) == (6.5, AT)
    assert shown["Speed"]["limits"] == []


def test_a_machine_without_readings_says_how_to_send_some(backoffice: Any, mona: User) -> None:
    machine = EquipmentFactory(equipment_code="PUMP-2")

    page = backoffice(mona).get(live_path(machine)).content.decode()

    assert "Nothing is measured on this machine yet" in page
    assert "PUMP-2" in page
    assert reverse("admin:telemetry_devicekey_add") in page


def test_the_clock_is_the_sites(backoffice: Any, mona: User) -> None:
    machine = measured("temperature")
    machine.location.site.time_zone = "Asia/Tokyo"
    machine.location.site.save()

    page = backoffice(mona).get(live_path(machine))

    assert page.context["config"]["zone"] == "Asia/Tokyo"


def test_the_page_costs_the_same_for_many_series(
    backoffice: Any, mona: User, django_assert_max_num_queries: Any
) -> None:
    machine = measured(*(f"metric_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"))
    browser = backoffice(mona)

    with django_assert_max_num_queries(20):
        browser.get(live_path(machine))


def test_the_machines_page_leads_to_it(backoffice: Any, mona: User) -> None:
    machine = measured("temperature")

    page = backoffice(mona).get(reverse("admin:equipment_equipment_change", args=[machine.pk])).content.decode()

    assert live_path(machine) in page
