from decimal import Decimal
from typing import Any

import pytest

from analytics.models import AssetReliability
from analytics.rollup import roll_up
from analytics.tests.answers import ROOT, data
from analytics.tests.factories import (
    AFTER_Q1,
    IntervalFactory,
    at,
    completed_order,
    golden_machine,
    machine,
    rolled_up,
    site_of,
)
from equipment.models import StatusInterval
from equipment.tests.factories import CategoryFactory
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


class TestReliabilityList:
    def test_it_works(self, api: Any, tess: User, django_assert_max_num_queries: Any) -> None:
        equipment = golden_machine()
        rolled_up(equipment)

        with django_assert_max_num_queries(4):
            (row,) = data(api(tess).get(LIST))

        assert (row["equipment_id"], row["equipment_code"]) == (str(equipment.pk), equipment.equipment_code)
        assert (row["year"], row["quarter"], row["revision"], row["is_frozen"]) == (2026, 1, 1, True)
        assert (row["mtbf_hours"], row["mttr_hours"], row["failure_count"]) == (1035, 45, 2)
        assert row["as_of"].endswith("Z")
        assert "inputs" not in row

    def test_costs_are_for_managers(self, api: Any, tess: User, mona: User) -> None:
        equipment = golden_machine()
        completed_order(equipment, by=tess, done=at(2, 1), labour_cost=Decimal("99.50"))
        rolled_up(equipment)

        (theirs,), (hers,) = data(api(tess).get(LIST)), data(api(mona).get(LIST))

        assert (theirs["cost_total"], theirs["currency"], theirs["work_order_count"]) == (None, None, 1)
        assert (hers["cost_total"], hers["currency"]) == ("99.50", "EUR")

    def test_it_filters(self, api: Any, tess: User) -> None:
        chiller = golden_machine(category=CategoryFactory.create(code="CHILLER"))
        site = site_of(chiller)
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
    def test_it_refuses_what_it_does_not_know(self, api: Any, tess: User, query: str) -> None:
        assert_error(api(tess).get(f"{LIST}?{query}"), 400, "INVALID_PARAMETER", field=query.split("=", maxsplit=1)[0])

    def test_only_revisions_in_force_unless_asked(self, api: Any, tess: User) -> None:
        equipment = golden_machine()
        old = rolled_up(equipment)
        StatusInterval.objects.get(started_at=at(2, 10)).exclude(reason="DUPLICATE", by=None)
        rolled_up(equipment)

        assert [row["revision"] for row in data(api(tess).get(LIST))] == [2]
        assert [row["revision"] for row in data(api(tess).get(f"{LIST}?all_revisions=true"))] == [2, 1]
        assert data(api(tess).get(f"{LIST}/{old.pk}"))["revision"] == 1

    def test_hidden_sites_stay_hidden(self, api: Any, olga: User, adam: User, restricted: Location) -> None:
        row = rolled_up(golden_machine(location=restricted))

        assert data(api(olga).get(LIST)) == []
        assert_error(api(olga).get(f"{LIST}/{row.pk}"), 404, "NOT_FOUND")
        assert_error(api(olga).get(f"{LIST}/{row.pk}/evidence"), 404, "NOT_FOUND")
        assert len(data(api(adam).get(LIST))) == 1

    def test_it_cannot_be_written(self, api: Any, adam: User) -> None:
        row = rolled_up(golden_machine())

        assert api(adam).post(LIST, {}).status_code == 405
        assert api(adam).delete(f"{LIST}/{row.pk}").status_code == 405


class TestSummaryAndRanking:
    def test_the_summary_pools_hours_and_failures(self, api: Any, tess: User, mona: User) -> None:
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

    def test_a_quarter_without_numbers(self, api: Any, tess: User) -> None:
        summary = data(api(tess).get(f"{LIST}/summary"))

        assert (summary["equipment_count"], summary["availability"], summary["as_of"]) == (0, None, None)

    def test_half_a_quarter_is_refused(self, api: Any, tess: User) -> None:
        assert_error(api(tess).get(f"{LIST}/summary?year=2026"), 400, "INVALID_PARAMETER", field="year")

    def test_the_worst_come_first_and_the_blameless_not_at_all(self, api: Any, mona: User, tess: User) -> None:
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

    def test_ranking_by_cost_would_tell_costs(self, api: Any, tess: User) -> None:
        assert_error(api(tess).get(f"{LIST}/ranking?by=COST"), 403, "PERMISSION_DENIED")

    def test_another_ranking_is_refused(self, api: Any, tess: User) -> None:
        assert_error(api(tess).get(f"{LIST}/ranking?by=colour"), 400, "INVALID_PARAMETER", field="by")


class TestEvidence:
    def test_it_shows_the_intervals_behind_each_number(
        self, api: Any, tess: User, django_assert_max_num_queries: Any
    ) -> None:
        row = rolled_up(golden_machine())

        with django_assert_max_num_queries(5):
            evidence = data(api(tess).get(f"{LIST}/{row.pk}/evidence"))

        assert evidence["hash_matches"] is True
        assert [one["hours"] for one in evidence["unplanned_down"]] == [36, 6, 48]
        assert [one["started_at"] for one in evidence["failures"]] == [
            "2026-02-10T00:00:00Z",
            "2026-03-30T00:00:00Z",
        ]
        assert [one["hours"] for one in evidence["restorations"]] == [84, 6]
        assert [one["ended_at"] for one in evidence["open_repairs"]] == [None]
        known = {str(pk) for pk in StatusInterval.objects.values_list("pk", flat=True)}
        assert {one["id"] for one in evidence["intervals"]} == known
        assert {pk for one in evidence["failures"] for pk in one["interval_ids"]} < known

    def test_a_superseded_revision_still_shows_its_own(self, api: Any, tess: User) -> None:
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

    def test_a_row_somebody_tampered_with_is_found_out(self, api: Any, tess: User) -> None:
        row = rolled_up(golden_machine())
        AssetReliability.objects.filter(pk=row.pk).update(inputs={**row.inputs, "intervals": []})

        assert data(api(tess).get(f"{LIST}/{row.pk}/evidence"))["hash_matches"] is False

    def test_costs_of_orders_are_for_managers(self, api: Any, tess: User, mona: User) -> None:
        equipment = golden_machine()
        completed_order(equipment, by=tess, done=at(2, 1), labour_cost=Decimal(7))
        row = rolled_up(equipment)

        (theirs,), (hers,) = (
            data(api(person).get(f"{LIST}/{row.pk}/evidence"))["work_orders"] for person in (tess, mona)
        )

        assert (theirs["cost"], hers["cost"], hers["currency"]) == (None, "7.00", "EUR")


class TestReliabilityOfOneMachine:
    def test_the_newest_quarter_comes_first(self, api: Any, tess: User, django_assert_max_num_queries: Any) -> None:
        equipment = golden_machine()
        golden_machine()
        for year, quarter in ((2026, 1), (2025, 4)):
            roll_up(year=year, quarter=quarter, as_of=AFTER_Q1)

        with django_assert_max_num_queries(4):
            rows = data(api(tess).get(f"{ROOT}/equipment/{equipment.pk}/asset-reliability"))

        assert [(row["year"], row["quarter"]) for row in rows] == [(2026, 1), (2025, 4)]

    def test_before_the_first_roll_up_it_says_when_numbers_come(self, api: Any, tess: User) -> None:
        response = api(tess).get(f"{ROOT}/equipment/{machine().pk}/asset-reliability")

        assert data(response) == []
        assert "tonight" in response.message

    def test_a_machine_out_of_sight_is_not_found(self, api: Any, olga: User, restricted: Location) -> None:
        equipment = golden_machine(location=restricted)

        assert_error(api(olga).get(f"{ROOT}/equipment/{equipment.pk}/asset-reliability"), 404, "NOT_FOUND")
        assert_error(api(olga).get(f"{ROOT}/equipment/{equipment.pk}/energy-consumption"), 404, "NOT_FOUND")
