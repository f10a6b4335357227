from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.energy import feed
from analytics.models import EnergyConsumption
from analytics.tests.factories import machine
from equipment.models import Equipment
from locations.tests.factories import LocationFactory
from telemetry.metering.counters import Dial
from telemetry.models import Meter, Reading, Tariff
from telemetry.tests.factories import CounterFactory, MeterFactory
from telemetry.tests.test_meters import store

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 1, tzinfo=UTC)
# In Berlin the second quarter begins at 22:00 UTC, and April has 720 hours.
APRIL, MAY = datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 4, 30, 22, tzinfo=UTC)


@pytest.fixture
def chiller() -> Equipment:
    return machine(location=LocationFactory(time_zone="Europe/Berlin"))


def metered(one: Equipment, *, start: datetime = APRIL, end: datetime = MAY, **fields: object) -> Meter:
    """One kWh an hour."""
    meter: Meter = MeterFactory(
        series=CounterFactory(equipment=one, expected_interval_s=3600), **{"equipment": one, **fields}
    )
    hours = (end - start) // timedelta(hours=1)
    store(meter.series, [Dial(start + hour * timedelta(hours=1), 100 + hour) for hour in range(hours + 1)])
    return meter


def rows() -> list[tuple[int, Decimal, Decimal | None, Decimal | None]]:
    found = EnergyConsumption.objects.living().order_by("year", "quarter")
    return [(row.quarter, row.kwh, row.cost, row.co2_kg) for row in found]


def test_a_quarter_is_written_with_cost_and_co2_of_the_tariffs_in_force(chiller: Equipment) -> None:
    metered(chiller)
    Tariff(utility="ELECTRICITY", valid_from=date(2026, 1, 1), price=Decimal("0.20"), co2_kg=Decimal("0.4")).store()
    Tariff(utility="ELECTRICITY", valid_from=date(2026, 4, 16), price=Decimal("0.30"), co2_kg=Decimal("0.4")).store()

    assert feed(at=NOW) == 1

    row = EnergyConsumption.objects.get()
    assert (row.equipment, row.year, row.quarter, row.kwh) == (chiller, 2026, 2, Decimal(720))
    assert (row.cost, row.currency, row.co2_kg) == (Decimal("180.00"), "EUR", Decimal("288.000"))
    assert (row.source, row.computed_at, row.coverage_percent) == ("METER", NOW, Decimal("32.97"))  # 30 of 91 days


def test_the_quarters_end_at_the_sites_midnight(chiller: Equipment) -> None:
    metered(chiller, start=APRIL - timedelta(hours=10))

    feed(at=NOW)

    assert [(quarter, kwh) for quarter, kwh, _cost, _co2 in rows()] == [(1, Decimal(10)), (2, Decimal(720))]


def test_a_second_run_writes_nothing_and_late_readings_are_counted(chiller: Equipment) -> None:
    meter = metered(chiller)
    feed(at=NOW)
    assert feed(at=NOW + timedelta(hours=1)) == 0

    Reading.objects.create(series=meter.series, recorded_at=MAY + timedelta(hours=1), value=825)

    assert feed(at=NOW + timedelta(days=1)) == 1
    assert rows() == [(2, Decimal(825 - 100), None, None)]


def test_what_a_person_entered_or_edited_stays(chiller: Equipment) -> None:
    metered(chiller, start=APRIL - timedelta(hours=10))
    EnergyConsumption(equipment=chiller, year=2026, quarter=1, kwh=Decimal(7)).store()
    feed(at=NOW)
    computed = EnergyConsumption.objects.get(quarter=2)
    computed.kwh = Decimal(5)
    computed.store()

    assert feed(at=NOW) == 0
    assert [(quarter, kwh) for quarter, kwh, _cost, _co2 in rows()] == [(1, Decimal(7)), (2, Decimal(5))]


def test_a_price_for_a_part_is_no_cost(chiller: Equipment) -> None:
    metered(chiller)
    Tariff(utility="ELECTRICITY", valid_from=date(2026, 4, 16), price=Decimal("0.30")).store()

    feed(at=NOW)

    assert rows() == [(2, Decimal(720), None, None)]


def test_a_sites_own_tariffs_come_first(chiller: Equipment) -> None:
    metered(chiller)
    site = chiller.location
    Tariff(utility="ELECTRICITY", valid_from=date(2026, 4, 2), price=Decimal(9)).store()
    Tariff(utility="ELECTRICITY", site=site, valid_from=date(2026, 1, 1), price=Decimal("0.5")).store()

    feed(at=NOW)

    assert rows() == [(2, Decimal(720), Decimal("360.00"), None)]


def test_meters_of_one_machine_add_up_and_a_submeter_isnt_counted_twice(chiller: Equipment) -> None:
    main = metered(chiller)
    metered(machine(location=chiller.location), equipment=chiller)
    metered(machine(location=chiller.location), equipment=chiller, parent=main)
    other = machine(location=chiller.location)
    metered(other, parent=main)
    metered(machine(location=chiller.location), utility="HEAT")

    feed(at=NOW)

    assert EnergyConsumption.objects.get(equipment=chiller).kwh == 1440
    assert EnergyConsumption.objects.get(equipment=other).kwh == 720
    assert EnergyConsumption.objects.count() == 2


def test_a_place_in_megawatt_hours(chiller: Equipment) -> None:
    metered(chiller, equipment=None, location=chiller.location, unit="MW.h", factor=40)

    feed(at=NOW)

    row = EnergyConsumption.objects.get()
    assert (row.location, row.equipment, row.kwh) == (chiller.location, None, Decimal(28_800))
