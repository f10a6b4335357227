from typing import Any

import pytest
from django.core import mail

from analytics.models import OperationsReport
from analytics.tests.answers import ROOT, data
from analytics.tests.factories import (
    at,
    golden_machine,
)
from analytics.weekly import send_reports_of_last_week
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
LIST = f"{ROOT}/asset-reliability"
ENERGY = f"{ROOT}/energy-consumption"


@pytest.fixture
def restricted(db: None) -> Any:
    return LocationFactory.create(restricted=True)


class TestReports:
    @pytest.fixture
    def report(self, mona: Any) -> OperationsReport:
        send_reports_of_last_week(at=at(3, 9, 6))
        assert len(mail.outbox) == 1
        return OperationsReport.objects.get()

    def test_it_works(self, api: Any, mona: User, report: OperationsReport, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(4):
            (row,) = data(api(mona).get(f"{ROOT}/reports"))

        assert (row["id"], row["iso_year"], row["iso_week"]) == (str(report.pk), 2026, 10)
        assert row["figures"]["machines"] == 0
        assert data(api(mona).get(f"{ROOT}/reports/{report.pk}")) == row

    def test_the_document_is_a_download(self, api: Any, mona: User, report: OperationsReport) -> None:
        response = api(mona).get(f"{ROOT}/reports/{report.pk}/download", HTTP_ACCEPT="text/html")

        assert response["Content-Disposition"] == 'attachment; filename="operations-2026-W10.html"'
        assert response["Content-Type"].startswith("text/html")
        assert "Operations, week 10 of 2026" in response.content.decode()

    def test_reports_are_for_managers(self, api: Any, tess: User, report: OperationsReport) -> None:
        for path in ("", f"/{report.pk}", f"/{report.pk}/download"):
            assert_error(api(tess).get(f"{ROOT}/reports{path}"), 403, "PERMISSION_DENIED")


class TestDashboard:
    def test_it_works(self, api: Any, mona: User, django_assert_max_num_queries: Any) -> None:
        equipment = golden_machine()
        equipment.refresh_status()

        with django_assert_max_num_queries(8):
            now = data(api(mona).get(f"{ROOT}/dashboard/summary"))

        assert (now["equipment_total"], now["equipment_by_status"]["ERROR"]) == (1, 1)
        assert now["longest_down"][0]["equipment_code"] == equipment.equipment_code

    def test_it_is_for_managers(self, api: Any, tess: User) -> None:
        assert_error(api(tess).get(f"{ROOT}/dashboard/summary"), 403, "PERMISSION_DENIED")
