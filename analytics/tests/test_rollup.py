"""From the status log to asset_reliability: the golden vector, frozen quarters, revisions, queries."""

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from analytics.models import AssetReliability
from analytics.rollup import RollUp, roll_up, roll_up_late_changes, roll_up_recent, roll_up_since
from analytics.tests.factories import (
    AFTER_Q1,
    IntervalFactory,
    at,
    completed_order,
    golden_machine,
    machine,
    rolled_up,
)
from equipment.models import StatusInterval
from faultreporter.accounts.models import User
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db


class TestGoldenVector:
    def test_every_number_of_the_row(self) -> None:
        row = rolled_up(golden_machine())

        assert row.unplanned_down_hours == 90
        assert row.operating_hours == 2070
        assert row.required_hours == 2160
        assert (row.planned_down_hours, row.standby_hours) == (0, 0)
        assert row.failure_count == 2
        assert row.mtbf_hours == 1035
        assert row.mtbf_lower_90_hours is None
        assert row.availability is not None
        assert round(100 * row.availability, 2) == 95.83
        assert (row.restoration_count, row.mttr_hours) == (2, 45)
        assert (row.open_count, row.open_hours_so_far) == (1, 48)
        assert (row.revision, row.frozen_at) == (1, AFTER_Q1)

    def test_a_machine_without_a_failure(self) -> None:
        row = rolled_up(machine())

        assert (row.failure_count, row.mtbf_hours, row.operating_hours) == (0, None, 2160)
        assert row.mtbf_lower_90_hours == pytest.approx(938.08, abs=0.01)

    def test_quarters_are_those_of_the_site(self) -> None:
        berlin = LocationFactory.create(time_zone="Europe/Berlin")

        row = rolled_up(machine(location=berlin))

        assert row.period_start == at(12, 31, 23, year=2025)
        assert row.required_hours == 2159


class TestRevisions:
    def test_the_running_quarter_is_brought_up_to_date_in_place(self) -> None:
        equipment = golden_machine()
        first = rolled_up(equipment, at(3, 1))

        second = rolled_up(equipment, at(3, 31))

        assert (second.pk, second.revision, second.frozen_at) == (first.pk, 1, None)
        assert (first.failure_count, second.failure_count) == (1, 2)

    def test_the_same_inputs_write_nothing(self) -> None:
        equipment = golden_machine()
        before = rolled_up(equipment)

        done = roll_up(year=2026, quarter=1, as_of=AFTER_Q1 + timedelta(days=30))

        after = AssetReliability.objects.get(equipment=equipment)
        assert done == RollUp(unchanged=1)
        assert (after.updated_at, after.as_of) == (before.updated_at, before.as_of)

    def test_late_data_to_a_frozen_quarter_makes_a_new_revision(self) -> None:
        equipment = golden_machine()
        frozen = rolled_up(equipment)
        StatusInterval.objects.get(started_at=at(2, 10)).exclude(reason="FALSE_ALARM", by=None)

        revised = rolled_up(equipment, at(4, 20))

        frozen.refresh_from_db()
        assert (frozen.failure_count, frozen.superseded_at) == (2, at(4, 20))
        assert (revised.revision, revised.failure_count, revised.mtbf_hours) == (2, 1, 2076)
        assert revised.frozen_at == at(4, 20)

    def test_what_happens_after_the_quarter_makes_no_revision(self) -> None:
        equipment = golden_machine()
        rolled_up(equipment)
        StatusInterval.objects.filter(ended_at=None).update(ended_at=at(4, 5), holders=0)

        assert roll_up(year=2026, quarter=1, as_of=at(4, 20)) == RollUp(unchanged=1)

    def test_a_machine_that_moves_keeps_its_frozen_quarters(self) -> None:
        equipment = golden_machine()
        rolled_up(equipment)
        equipment.move_to(LocationFactory.create(time_zone="Asia/Tokyo"), by=None, at=at(4, 10), reason="")

        assert roll_up(year=2026, quarter=1, as_of=at(4, 20)) == RollUp(unchanged=1)

    def test_a_roll_up_that_was_held_up_does_not_overwrite_a_later_one(self) -> None:
        equipment = golden_machine()
        later = rolled_up(equipment, at(3, 31))

        done = roll_up(year=2026, quarter=1, as_of=at(3, 1))

        assert done == RollUp(unchanged=1)
        assert AssetReliability.objects.get(equipment=equipment).updated_at == later.updated_at

    def test_the_database_keeps_one_revision_in_force(self) -> None:
        row = rolled_up(golden_machine())
        row.pk, row.revision = None, 2

        with pytest.raises(IntegrityError, match="uniq_asset_reliability_latest"), transaction.atomic():
            row.save(force_insert=True)


class TestService:
    def test_a_quarter_that_has_not_begun_has_no_rows(self) -> None:
        machine()

        assert roll_up(year=2026, quarter=2, as_of=at(3, 1)) == RollUp()

    def test_hours_count_from_the_day_it_was_installed(self) -> None:
        equipment = machine()
        equipment.change(by=None, at=at(1, 1), installed_date=date(2026, 3, 22))

        assert rolled_up(equipment).required_hours == 240

    def test_a_machine_retired_before_has_no_row(self) -> None:
        equipment = machine()
        equipment.change(by=None, at=at(1, 1), retired_date=date(2025, 12, 1))

        assert roll_up(year=2026, quarter=1, as_of=AFTER_Q1) == RollUp()

    def test_one_registered_later_without_a_date_has_no_row_unless_its_log_reaches_back(self) -> None:
        without = machine()
        without.change(by=None, at=at(1, 1), installed_date=None)
        without.created_at = at(6, 1)
        without.save()
        assert roll_up(year=2026, quarter=1, as_of=at(7, 1)) == RollUp()
        IntervalFactory.create(equipment=without, started_at=at(2, 1), ended_at=at(2, 2))

        assert roll_up(year=2026, quarter=1, as_of=at(7, 1)) == RollUp(created=1)


class TestCosts:
    def test_orders_completed_in_the_quarter_are_summed(self, tess: User) -> None:
        equipment = machine()
        completed_order(equipment, by=tess, done=at(2, 1), labour_cost=Decimal(100), parts_cost=Decimal("20.50"))
        completed_order(equipment, by=tess, done=at(3, 1))
        completed_order(equipment, by=tess, done=at(4, 1), other_cost=Decimal(1000))

        row = rolled_up(equipment)

        assert (row.work_order_count, row.cost_total, row.currency) == (2, Decimal("120.50"), "EUR")

    def test_several_currencies_have_no_sum(self, tess: User) -> None:
        equipment = machine()
        completed_order(equipment, by=tess, done=at(2, 1), labour_cost=Decimal(100))
        completed_order(equipment, by=tess, done=at(2, 1), labour_cost=Decimal(100), currency="CHF")

        row = rolled_up(equipment)

        assert (row.cost_total, row.currency) == (None, "")


class TestReach:
    def test_it_takes_the_same_queries_for_many_machines(self, django_assert_num_queries: Any) -> None:
        for _ in range(3):
            golden_machine()

        with django_assert_num_queries(8):  # savepoint, lock, four reads, one insert, release
            roll_up(year=2026, quarter=1, as_of=AFTER_Q1)

    def test_some_machines_leave_the_others_alone(self) -> None:
        wanted, other = golden_machine(), golden_machine()

        roll_up(year=2026, quarter=1, as_of=AFTER_Q1, equipment_ids=[wanted.pk])

        assert list(AssetReliability.objects.values_list("equipment_id", flat=True)) == [wanted.pk]
        assert other.reliability.count() == 0

    def test_recent_is_the_running_quarter_and_the_one_before(self) -> None:
        golden_machine()

        done = roll_up_recent(as_of=at(1, 10))

        assert list(done) == [(2025, 4), (2026, 1)]
        assert all(one.created == 1 for one in done.values())

    def test_since_is_every_quarter_until_now(self) -> None:
        golden_machine()

        quarters = [(year, quarter) for year, quarter, _done in roll_up_since(2025, 3, as_of=at(4, 2))]

        assert quarters == [(2025, 3), (2025, 4), (2026, 1), (2026, 2)]

    def test_a_correction_far_back_is_found(self) -> None:
        equipment = golden_machine()
        rolled_up(equipment)
        StatusInterval.objects.get(started_at=at(2, 10)).exclude(reason="FALSE_ALARM", by=None)
        StatusInterval.objects.update(updated_at=at(11, 20))

        roll_up_late_changes(as_of=at(11, 21))

        assert AssetReliability.objects.latest_revisions().get(year=2026, quarter=1).revision == 2

    def test_an_old_log_that_nobody_touched_is_left_alone(self) -> None:
        rolled_up(golden_machine())
        StatusInterval.objects.update(updated_at=at(4, 1))

        roll_up_late_changes(as_of=at(11, 21))

        assert AssetReliability.objects.count() == 1


class TestCommand:
    def test_it_tells_what_it_did(self) -> None:
        golden_machine()
        out = StringIO()

        call_command("roll_up", since=(2026, 1), stdout=out)

        assert "2026-Q1: 1 new, 0 updated, 0 revised, 0 unchanged" in out.getvalue()

    def test_without_a_quarter_it_makes_the_recent_ones(self) -> None:
        machine()
        out = StringIO()

        call_command("roll_up", stdout=out)

        assert out.getvalue().count("1 new") == 2

    def test_a_quarter_is_written_as_people_write_it(self) -> None:
        out = StringIO()

        call_command("roll_up", "--since", "2026-Q3", stdout=out)

        assert out.getvalue().startswith("2026-Q3: 0 new")

    def test_a_quarter_nobody_can_read_is_refused(self) -> None:
        with pytest.raises(CommandError, match="2026-Q1"):
            call_command("roll_up", "--since", "spring")
