from decimal import Decimal
from typing import Any

import pytest

from analytics.models import EnergyConsumption, OperationsReport
from analytics.tests.factories import EnergyConsumptionFactory, at, golden_machine, machine, rolled_up
from analytics.weekly import send_reports_of_last_week
from faultreporter.accounts.models import User
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
ADMIN = "/admin/analytics"


@pytest.mark.parametrize("page", ["assetreliability", "energyconsumption", "operationsreport"])
def test_lists_load(backoffice: Any, mona: User, page: str, django_assert_max_num_queries: Any) -> None:
    rolled_up(golden_machine())
    EnergyConsumptionFactory.create()
    send_reports_of_last_week(at=at(3, 9))
    browser = backoffice(mona)

    with django_assert_max_num_queries(30):
        response = browser.get(f"{ADMIN}/{page}/")

    assert response.status_code == 200


def test_reliability_shows_its_numbers_and_takes_no_changes(backoffice: Any, adam: User) -> None:
    row = rolled_up(golden_machine())
    browser = backoffice(adam)

    page = browser.get(f"{ADMIN}/assetreliability/{row.pk}/change/")

    assert "95.83 %" in page.content.decode()
    assert f"/api/v1/asset-reliability/{row.pk}/evidence" in page.content.decode()
    assert browser.get(f"{ADMIN}/assetreliability/add/").status_code == 403
    assert browser.post(f"{ADMIN}/assetreliability/{row.pk}/change/", {}).status_code == 403


def test_a_report_shows_its_text_and_its_readers(backoffice: Any, mona: User) -> None:
    send_reports_of_last_week(at=at(3, 9))
    report = OperationsReport.objects.get()

    page = backoffice(mona).get(f"{ADMIN}/operationsreport/{report.pk}/change/").content.decode()

    assert "Operations, week 10 of 2026" in page
    assert mona.display_name in page


def test_energy_is_entered_and_corrected(backoffice: Any, mona: User) -> None:
    browser, equipment = backoffice(mona), machine()
    form = {"equipment": equipment.pk, "location": "", "year": 2026, "quarter": 1, "kwh": "12.5", "source": "MANUAL"}
    form |= {"coverage_percent": 100, "cost": "3.20", "currency": "", "co2_kg": ""}

    assert browser.post(f"{ADMIN}/energyconsumption/add/", form).status_code == 302

    energy = EnergyConsumption.objects.get()
    assert (energy.currency, energy.kwh) == ("EUR", Decimal("12.5"))
    browser.post(f"{ADMIN}/energyconsumption/{energy.pk}/change/", {**form, "kwh": "13"})
    energy.refresh_from_db()
    assert energy.kwh == 13


def test_energy_of_nothing_is_refused_with_a_sentence(backoffice: Any, mona: User) -> None:
    form = {"year": 2026, "quarter": 1, "kwh": "12.5", "source": "MANUAL", "coverage_percent": 100}

    response = backoffice(mona).post(f"{ADMIN}/energyconsumption/add/", form, follow=True)

    assert "Name either a machine or a place." in response.content.decode()
    assert EnergyConsumption.objects.count() == 0


def test_managers_see_their_sites_only(backoffice: Any, mona: User) -> None:
    row = rolled_up(golden_machine(location=LocationFactory.create(restricted=True)))

    response = backoffice(mona).get(f"{ADMIN}/assetreliability/{row.pk}/change/")

    assert response.status_code == 302
