from decimal import Decimal
from typing import Any

import pytest
from django.core import mail

from analytics.models import AssetReliability, EnergyConsumption, OperationsReport
from analytics.rollup import roll_up
from analytics.tests.factories import (
    AFTER_Q1,
    EnergyConsumptionFactory,
    IntervalFactory,
    at,
    completed_order,
    golden_machine,
    machine,
    rolled_up,
)
from analytics.weekly import send_reports_of_last_week
from equipment.models import StatusInterval
from equipment.tests.factories import CategoryFactory
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
ROOT = "/api/v1"
LIST = f"{ROOT}/asset-reliability"
ENERGY = f"{ROOT}/energy-consumption"


def data(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return response.json()["data"] if response.content else None


@pytest.fixture
def restricted(db: None) -> Any:
    return LocationFactory.create(restricted=True)


class TestReliabilityList:
    def test_it_works(self, api, tess, django_assert_max_num_queries):
        equipment = golden_machine()
        rolled_up(equipment)

        with django_assert_max_num_queries(4):
            (row,) = data(api(tess).get(LIST))

        assert (row["equipment_id"], row["equipment_code"]) == (str(equipment.pk), equipment.equipment_code)
        assert (row["year"], row["quarter"], row["revision"], row["is_frozen"]) == (2026, 1, 1, True)
        assert (row["mtbf_hours"], row["mttr_hours"], row["failure_count"]) == (1035, 45, 2)
        assert row["as_of"].endswith("Z")
        assert "inputs" not in row

    def test_costs_are_for_managers(self, api, tess, mona):
        equipment = golden_machine()
        completed_order(equipment, by=tess, done=at(2, 1), labour_cost=Decimal("99.50"))
        rolled_up(equipment)

        (theirs,), (hers,) = data(api(tess).get(LIST)), data(api(mona).get(LIST))

        assert (theirs["cost_total"], theirs["currency"], theirs["work_order_count"]) == (None, None, 1)
        assert (hers["cost_total"], hers["currency"]) == ("99.50", "EUR")

    def test_it_filters(self, api, tess):
        chiller = golden_machine(category=CategoryFactory.create(code="CHILLER"))
        site = chiller.location.site
        golden_machine()
        for year, quarter in ((2025, 4), (2026, 1)):
            roll_up(year=year, quarter=quarter, as_of=AFTER_Q1)

        def count(query: str) -> int:
            return len(data(api(tess).get(f"{LIST}?{query}")))

        assert count("") == 4
        assert count("year=2026&quarter=1") == 2
        assert count(f"equipment_id={chiller.pk}") == 2
        assert count(f"location_id={site.pk}") == 2
        assert count("category=chiller&year=2025") == 1
        assert count(f"category={chiller.category_id}") == 2

    @pytest.mark.parametrize(
        "query", ["year=soon", "quarter=5", "equipment_id=eq-1", "all_revisions=perhaps", "colour=red"]
    )
    def test_it_refuses_what_it_does_not_know(self, api, tess, query):
        assert_error(api(tess).get(f"{LIST}?{query}"), 400, "INVALID_PARAMETER", field=query.split("=")[0])

    def test_only_revisions_in_force_unless_asked(self, api, tess):
        equipment = golden_machine()
        old = rolled_up(equipment)
        StatusInterval.objects.get(started_at=at(2, 10)).exclude(reason="DUPLICATE", by=None)
        rolled_up(equipment)

        assert [row["revision"] for row in data(api(tess).get(LIST))] == [2]
        assert [row["revision"] for row in data(api(tess).get(f"{LIST}?all_revisions=true"))] == [2, 1]
        assert data(api(tess).get(f"{LIST}/{old.pk}"))["revision"] == 1

    def test_hidden_sites_stay_hidden(self, api, olga, adam, restricted):
        row = rolled_up(golden_machine(location=restricted))

        assert data(api(olga).get(LIST)) == []
        assert_error(api(olga).get(f"{LIST}/{row.pk}"), 404, "NOT_FOUND")
        assert_error(api(olga).get(f"{LIST}/{row.pk}/evidence"), 404, "NOT_FOUND")
        assert len(data(api(adam).get(LIST))) == 1

    def test_it_cannot_be_written(self, api, adam):
        row = rolled_up(golden_machine())

        assert api(adam).post(LIST, {}).status_code == 405
        assert api(adam).delete(f"{LIST}/{row.pk}").status_code == 405


class TestSummaryAndRanking:
    def test_the_summary_pools_hours_and_failures(self, api, tess, mona):
        equipment = golden_machine()
        completed_order(equipment, by=tess, done=at(2, 1), labour_cost=Decimal(50))
        machine()
        rolled_up(equipment)

        summary = data(api(mona).get(f"{LIST}/summary?year=2026&quarter=1"))

        assert (summary["equipment_count"], summary["failure_count"], summary["open_count"]) == (2, 2, 1)
        assert summary["mtbf_hours"] == (2070 + 2160) / 2
        assert summary["mttr_hours"] == 45
        assert summary["availability"] == pytest.approx(1 - 90 / 4320)
        assert summary["costs"] == [{"amount": "50.00", "currency": "EUR"}]
        assert summary["is_frozen"] is True
        assert data(api(tess).get(f"{LIST}/summary?year=2026&quarter=1"))["costs"] is None

    def test_a_quarter_without_numbers(self, api, tess):
        summary = data(api(tess).get(f"{LIST}/summary"))

        assert (summary["equipment_count"], summary["availability"], summary["as_of"]) == (0, None, None)

    def test_half_a_quarter_is_refused(self, api, tess):
        assert_error(api(tess).get(f"{LIST}/summary?year=2026"), 400, "INVALID_PARAMETER", field="year")

    def test_the_worst_come_first_and_the_blameless_not_at_all(self, api, mona, tess):
        bad, worse, fine = machine(), machine(), machine()
        IntervalFactory.create(equipment=bad, started_at=at(2, 1), ended_at=at(2, 2))
        IntervalFactory.create(equipment=bad, started_at=at(2, 3), ended_at=at(2, 4))
        IntervalFactory.create(equipment=worse, started_at=at(2, 1), ended_at=at(2, 9))
        completed_order(fine, by=tess, done=at(2, 1), parts_cost=Decimal(5))
        roll_up(year=2026, quarter=1, as_of=AFTER_Q1)

        def ranking(by: str) -> list[str]:
            rows = data(api(mona).get(f"{LIST}/ranking?year=2026&quarter=1&by={by}"))
            return [row["equipment_id"] for row in rows]

        assert ranking("downtime") == [str(worse.pk), str(bad.pk)]
        assert ranking("FAILURES") == [str(bad.pk), str(worse.pk)]
        assert ranking("MTBF") == [str(bad.pk), str(worse.pk)]
        assert ranking("COST") == [str(fine.pk)]

    def test_ranking_by_cost_would_tell_costs(self, api, tess):
        assert_error(api(tess).get(f"{LIST}/ranking?by=COST"), 403, "PERMISSION_DENIED")

    def test_another_ranking_is_refused(self, api, tess):
        assert_error(api(tess).get(f"{LIST}/ranking?by=colour"), 400, "INVALID_PARAMETER", field="by")


class TestEvidence:
    def test_it_shows_the_intervals_behind_each_number(self, api, tess, django_assert_max_num_queries):
        row = rolled_up(golden_machine())

        with django_assert_max_num_queries(5):
            evidence = data(api(tess).get(f"{LIST}/{row.pk}/evidence"))

        assert evidence["hash_matches"] is True
        assert [one["hours"] for one in evidence["unplanned_down"]] == [36, 6, 48]
        assert [one["started_at"] for one in evidence["failures"]] == [
            "2026-02-10T00:00:00.000000Z",
            "2026-03-30T00:00:00.000000Z",
        ]
        assert [one["hours"] for one in evidence["restorations"]] == [84, 6]
        assert [one["ended_at"] for one in evidence["open_repairs"]] == [None]
        known = {str(pk) for pk in StatusInterval.objects.values_list("pk", flat=True)}
        assert {one["id"] for one in evidence["intervals"]} == known
        assert {pk for one in evidence["failures"] for pk in one["interval_ids"]} < known

    def test_a_superseded_revision_still_shows_its_own(self, api, tess):
        equipment = golden_machine()
        old = rolled_up(equipment)
        StatusInterval.objects.get(started_at=at(2, 10)).exclude(reason="FALSE_ALARM", by=None)
        new = rolled_up(equipment)

        before, after = (data(api(tess).get(f"{LIST}/{row.pk}/evidence")) for row in (old, new))

        assert (len(before["failures"]), len(after["failures"])) == (2, 1)
        assert [(one["exclusion_reason"], one["loss"]) for one in after["intervals"]] == [
            ("", "UNPLANNED"),
            ("FALSE_ALARM", "NOTHING"),
            ("", "UNPLANNED"),
        ]

    def test_a_row_somebody_tampered_with_is_found_out(self, api, tess):
        row = rolled_up(golden_machine())
        AssetReliability.objects.filter(pk=row.pk).update(inputs={**row.inputs, "intervals": []})

        assert data(api(tess).get(f"{LIST}/{row.pk}/evidence"))["hash_matches"] is False

    def test_costs_of_orders_are_for_managers(self, api, tess, mona):
        equipment = golden_machine()
        completed_order(equipment, by=tess, done=at(2, 1), labour_cost=Decimal(7))
        row = rolled_up(equipment)

        (theirs,), (hers,) = (
            data(api(person).get(f"{LIST}/{row.pk}/evidence"))["work_orders"] for person in (tess, mona)
        )

        assert (theirs["cost"], hers["cost"], hers["currency"]) == (None, "7.00", "EUR")


class TestReliabilityOfOneMachine:
    def test_the_newest_quarter_comes_first(self, api, tess, django_assert_max_num_queries):
        equipment = golden_machine()
        golden_machine()
        for year, quarter in ((2026, 1), (2025, 4)):
            roll_up(year=year, quarter=quarter, as_of=AFTER_Q1)

        with django_assert_max_num_queries(4):
            rows = data(api(tess).get(f"{ROOT}/equipment/{equipment.pk}/asset-reliability"))

        assert [(row["year"], row["quarter"]) for row in rows] == [(2026, 1), (2025, 4)]

    def test_before_the_first_roll_up_it_says_when_numbers_come(self, api, tess):
        response = api(tess).get(f"{ROOT}/equipment/{machine().pk}/asset-reliability")

        assert data(response) == []
        assert "tonight" in response.message

    def test_a_machine_out_of_sight_is_not_found(self, api, olga, restricted):
        equipment = golden_machine(location=restricted)

        assert_error(api(olga).get(f"{ROOT}/equipment/{equipment.pk}/asset-reliability"), 404, "NOT_FOUND")
        assert_error(api(olga).get(f"{ROOT}/equipment/{equipment.pk}/energy-consumption"), 404, "NOT_FOUND")


class TestEnergy:
    def body(self, **fields: Any) -> dict[str, Any]:
        return {"equipment_id": str(machine().pk), "year": 2026, "quarter": 1, "kwh": 1250.5, **fields}

    def test_it_works(self, api, mona, django_assert_max_num_queries):
        body = self.body(cost="300.10", co2_kg=450)

        with django_assert_max_num_queries(16):
            response = api(mona).post(ENERGY, body)

        created = data(response, 201)
        assert response["Location"] == f"{ENERGY}/{created['id']}"
        assert (created["kwh"], created["co2_kg"], created["coverage_percent"]) == (1250.5, 450, 100)
        assert (created["cost"], created["currency"], created["source"]) == ("300.10", "EUR", "MANUAL")
        assert data(api(mona).get(f"{ENERGY}/{created['id']}")) == created

    def test_a_second_figure_for_the_quarter_is_a_duplicate(self, api, mona):
        body = self.body()
        data(api(mona).post(ENERGY, body), 201)

        assert_error(api(mona).post(ENERGY, body), 409, "DUPLICATE")

    def test_a_deleted_one_makes_room(self, api, mona):
        body = self.body()
        created = data(api(mona).post(ENERGY, body), 201)
        data(api(mona).delete(f"{ENERGY}/{created['id']}"), 204)

        data(api(mona).post(ENERGY, body), 201)

        assert_error(api(mona).get(f"{ENERGY}/{created['id']}"), 404, "NOT_FOUND")

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"kwh": -1}, "kwh"),
            ({"kwh": "NaN"}, "kwh"),
            ({"kwh": 10**15}, "kwh"),
            ({"quarter": 5}, "quarter"),
            ({"year": 1}, "year"),
            ({"coverage_percent": 101}, "coverage_percent"),
            ({"source": "GUESS"}, "source"),
            ({"equipment_id": None}, "equipment_id"),
            ({"cost": 1, "currency": "euros"}, "currency"),
            ({"cost": 1, "currency": "e1r"}, "currency"),
        ],
    )
    def test_nonsense_is_refused(self, api, mona, fields, field):
        assert_error(api(mona).post(ENERGY, self.body(**fields)), 400, "VALIDATION_ERROR", field=field)

    def test_it_is_about_a_machine_or_a_place_not_both(self, api, mona):
        place = LocationFactory.create()

        both = self.body(location_id=str(place.pk))

        assert_error(api(mona).post(ENERGY, both), 400, "VALIDATION_ERROR", field="equipment_id")
        data(api(mona).post(ENERGY, {**both, "equipment_id": None}), 201)

    def test_a_correction_takes_only_what_it_names(self, api, mona):
        energy = EnergyConsumptionFactory.create(cost=Decimal(10), currency="CHF")

        changed = data(api(mona).put(f"{ENERGY}/{energy.pk}", {"kwh": 7}))

        assert (changed["kwh"], changed["cost"], changed["currency"]) == (7, "10.00", "CHF")
        assert data(api(mona).put(f"{ENERGY}/{energy.pk}", {"cost": None}))["currency"] == ""

    def test_writing_is_for_managers_and_costs_too(self, api, tess):
        energy = EnergyConsumptionFactory.create(cost=Decimal(10), currency="EUR")

        assert_error(api(tess).post(ENERGY, self.body()), 403, "PERMISSION_DENIED")
        assert_error(api(tess).put(f"{ENERGY}/{energy.pk}", {"kwh": 1}), 403, "PERMISSION_DENIED")
        assert_error(api(tess).delete(f"{ENERGY}/{energy.pk}"), 403, "PERMISSION_DENIED")
        row = data(api(tess).get(f"{ENERGY}/{energy.pk}"))
        assert (row["kwh"], row["cost"], row["currency"]) == (1000, None, None)

    def test_it_filters(self, api, tess, django_assert_max_num_queries):
        here = EnergyConsumptionFactory.create()
        site = here.equipment.location.site
        EnergyConsumptionFactory.create(equipment=None, location=site, year=2025)
        EnergyConsumptionFactory.create(source="METER")

        def count(query: str) -> int:
            return len(data(api(tess).get(f"{ENERGY}?{query}")))

        with django_assert_max_num_queries(4):
            assert count("") == 3
        assert count(f"equipment_id={here.equipment_id}") == 1
        assert count(f"location_id={site.pk}") == 1
        assert count("source=meter") == 1
        assert count("year=2026&quarter=1") == 2
        assert len(data(api(tess).get(f"{ROOT}/equipment/{here.equipment_id}/energy-consumption"))) == 1

    def test_hidden_sites_stay_hidden(self, api, mona, olga, restricted):
        of_place = EnergyConsumptionFactory.create(equipment=None, location=restricted)
        of_machine = EnergyConsumptionFactory.create(equipment=machine(location=restricted))

        assert data(api(olga).get(ENERGY)) == []
        for energy in (of_place, of_machine):
            assert_error(api(olga).get(f"{ENERGY}/{energy.pk}"), 404, "NOT_FOUND")
        hidden = self.body(equipment_id=str(of_machine.equipment_id))
        assert_error(api(mona).post(ENERGY, hidden), 400, "VALIDATION_ERROR", field="equipment_id")

    def test_the_summary_keeps_levels_and_currencies_apart(self, api, mona, tess):
        one = EnergyConsumptionFactory.create(cost=Decimal(10), currency="EUR")
        EnergyConsumptionFactory.create(cost=Decimal(20), currency="CHF", coverage_percent=80, co2_kg=None)
        EnergyConsumptionFactory.create(equipment=None, location=one.equipment.location.site, kwh=5000)
        EnergyConsumption.objects.create(equipment=machine(), year=2025, quarter=4, kwh=1, deleted_at=at(1, 1))

        machines, site = data(api(mona).get(f"{ENERGY}/summary"))

        assert (machines["level"], machines["count"], machines["kwh"], machines["co2_kg"]) == (
            "EQUIPMENT",
            2,
            2000,
            363,
        )
        assert machines["costs"] == [
            {"amount": "20.00", "currency": "CHF"},
            {"amount": "10.00", "currency": "EUR"},
        ]
        assert machines["lowest_coverage_percent"] == 80
        assert (site["level"], site["kwh"], site["costs"]) == ("SITE", 5000, [])
        assert data(api(tess).get(f"{ENERGY}/summary?year=2026"))[0]["costs"] is None


class TestReports:
    @pytest.fixture
    def report(self, mona: Any) -> OperationsReport:
        send_reports_of_last_week(at=at(3, 9, 6))
        assert len(mail.outbox) == 1
        return OperationsReport.objects.get()

    def test_it_works(self, api, mona, report, django_assert_max_num_queries):
        with django_assert_max_num_queries(4):
            (row,) = data(api(mona).get(f"{ROOT}/reports"))

        assert (row["id"], row["iso_year"], row["iso_week"]) == (str(report.pk), 2026, 10)
        assert row["figures"]["machines"] == 0
        assert data(api(mona).get(f"{ROOT}/reports/{report.pk}")) == row

    def test_the_document_is_a_download(self, api, mona, report):
        response = api(mona).get(f"{ROOT}/reports/{report.pk}/download", HTTP_ACCEPT="text/html")

        assert response["Content-Disposition"] == 'attachment; filename="operations-2026-W10.html"'
        assert response["Content-Type"].startswith("text/html")
        assert "Operations, week 10 of 2026" in response.content.decode()

    def test_reports_are_for_managers(self, api, tess, report):
        for path in ("", f"/{report.pk}", f"/{report.pk}/download"):
            assert_error(api(tess).get(f"{ROOT}/reports{path}"), 403, "PERMISSION_DENIED")


class TestDashboard:
    def test_it_works(self, api, mona, django_assert_max_num_queries):
        equipment = golden_machine()
        equipment.refresh_status()

        with django_assert_max_num_queries(8):
            now = data(api(mona).get(f"{ROOT}/dashboard/summary"))

        assert (now["equipment_total"], now["equipment_by_status"]["ERROR"]) == (1, 1)
        assert now["longest_down"][0]["equipment_code"] == equipment.equipment_code

    def test_it_is_for_managers(self, api, tess):
        assert_error(api(tess).get(f"{ROOT}/dashboard/summary"), 403, "PERMISSION_DENIED")
