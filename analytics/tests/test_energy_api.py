from decimal import Decimal
from typing import Any

import pytest

from analytics.models import EnergyConsumption
from analytics.tests.answers import ROOT, data
from analytics.tests.factories import (
    EnergyConsumptionFactory,
    at,
    machine,
    site_of,
)
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.models import Location
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
LIST = f"{ROOT}/asset-reliability"
ENERGY = f"{ROOT}/energy-consumption"


@pytest.fixture
def restricted(db: None) -> Any:
    return LocationFactory.create(restricted=True)


class TestEnergy:
    def body(self, **fields: Any) -> dict[str, Any]:
        return {"equipment_id": str(machine().pk), "year": 2026, "quarter": 1, "kwh": 1250.5, **fields}

    def test_it_works(self, api: Any, mona: User, django_assert_max_num_queries: Any) -> None:
        body = self.body(cost="300.10", co2_kg=450)

        with django_assert_max_num_queries(16):
            response = api(mona).post(ENERGY, body)

        created = data(response, 201)
        assert response["Location"] == f"{ENERGY}/{created['id']}"
        assert (created["kwh"], created["co2_kg"], created["coverage_percent"]) == (1250.5, 450, 100)
        assert (created["cost"], created["currency"], created["source"]) == ("300.10", "EUR", "MANUAL")
        assert data(api(mona).get(f"{ENERGY}/{created['id']}")) == created

    def test_a_second_figure_for_the_quarter_is_a_duplicate(self, api: Any, mona: User) -> None:
        body = self.body()
        data(api(mona).post(ENERGY, body), 201)

        assert_error(api(mona).post(ENERGY, body), 409, "DUPLICATE")

    def test_a_deleted_one_makes_room(self, api: Any, mona: User) -> None:
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
    def test_nonsense_is_refused(self, api: Any, mona: User, fields: dict[str, Any], field: str) -> None:
        assert_error(api(mona).post(ENERGY, self.body(**fields)), 400, "VALIDATION_ERROR", field=field)

    def test_it_is_about_a_machine_or_a_place_not_both(self, api: Any, mona: User) -> None:
        place = LocationFactory.create()

        both = self.body(location_id=str(place.pk))

        assert_error(api(mona).post(ENERGY, both), 400, "VALIDATION_ERROR", field="equipment_id")
        data(api(mona).post(ENERGY, {**both, "equipment_id": None}), 201)

    def test_a_correction_takes_only_what_it_names(self, api: Any, mona: User) -> None:
        energy = EnergyConsumptionFactory.create(cost=Decimal(10), currency="CHF")

        changed = data(api(mona).put(f"{ENERGY}/{energy.pk}", {"kwh": 7}))

        assert (changed["kwh"], changed["cost"], changed["currency"]) == (7, "10.00", "CHF")
        assert data(api(mona).put(f"{ENERGY}/{energy.pk}", {"cost": None}))["currency"] == ""

    def test_writing_is_for_managers_and_costs_too(self, api: Any, tess: User) -> None:
        energy = EnergyConsumptionFactory.create(cost=Decimal(10), currency="EUR")

        assert_error(api(tess).post(ENERGY, self.body()), 403, "PERMISSION_DENIED")
        assert_error(api(tess).put(f"{ENERGY}/{energy.pk}", {"kwh": 1}), 403, "PERMISSION_DENIED")
        assert_error(api(tess).delete(f"{ENERGY}/{energy.pk}"), 403, "PERMISSION_DENIED")
        row = data(api(tess).get(f"{ENERGY}/{energy.pk}"))
        assert (row["kwh"], row["cost"], row["currency"]) == (1000, None, None)

    def test_it_filters(self, api: Any, tess: User, django_assert_max_num_queries: Any) -> None:
        here = EnergyConsumptionFactory.create()
        site = site_of(here.equipment)
        EnergyConsumptionFactory.create(location=site, year=2025)
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

    def test_hidden_sites_stay_hidden(self, api: Any, mona: User, olga: User, restricted: Location) -> None:
        of_place = EnergyConsumptionFactory.create(location=restricted)
        of_machine = EnergyConsumptionFactory.create(equipment=machine(location=restricted))

        assert data(api(olga).get(ENERGY)) == []
        for energy in (of_place, of_machine):
            assert_error(api(olga).get(f"{ENERGY}/{energy.pk}"), 404, "NOT_FOUND")
        hidden = self.body(equipment_id=str(of_machine.equipment_id))
        assert_error(api(mona).post(ENERGY, hidden), 400, "VALIDATION_ERROR", field="equipment_id")

    def test_the_summary_keeps_levels_and_currencies_apart(self, api: Any, mona: User, tess: User) -> None:
        one = EnergyConsumptionFactory.create(cost=Decimal(10), currency="EUR")
        EnergyConsumptionFactory.create(cost=Decimal(20), currency="CHF", coverage_percent=80, co2_kg=None)
        EnergyConsumptionFactory.create(location=site_of(one.equipment), kwh=5000)
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
