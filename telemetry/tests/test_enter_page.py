"""Mona types a reading in the back office, and looks who typed others."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.backoffice import page_of
from locations.tests.factories import LocationFactory
from telemetry.hand_readings.by_hand import Typed, enter
from telemetry.intake.ingest import ingest
from telemetry.models import HandReading, Series
from telemetry.tests.factories import CounterFactory, MeterFactory, MetricFactory, SeriesFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def counter(db: None) -> Series:
    """It showed 1,000 kWh yesterday."""
    series: Series = CounterFactory.create()
    names = {"equipment_id": str(series.equipment_id), "metric": series.metric.code}
    yesterday = timezone.now() - timedelta(days=1)
    ingest([{**names, "value": 1000, "recorded_at": yesterday.isoformat()}], at=timezone.now())
    return series


def form_of(record: Any, name: str = "enter_a_reading") -> str:
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_{name}", args=[record.pk])


def typed(value: Any, **fields: Any) -> dict[str, Any]:
    now = timezone.localtime()
    return {"value": value, "read_at_0": f"{now:%Y-%m-%d}", "read_at_1": f"{now:%H:%M:%S}", "note": "", **fields}


def test_the_form_says_what_was_read_last_and_stores_what_is_read_now(
    backoffice: Any, mona: User, counter: Series
) -> None:
    browser = backoffice(mona)
    shown = browser.get(form_of(counter)).content.decode()
    assert "The last reading is 1,000 kWh" in shown
    assert "Value in kWh" in shown
    assert 'name="confirm"' not in shown

    answer = browser.post(form_of(counter), typed(1100, note="Cellar"), follow=True)

    assert "1,100 kWh is stored." in answer.content.decode()
    taken = HandReading.objects.get()
    assert (taken.series, taken.value, taken.note, taken.by) == (counter, 1100, "Cellar", mona)


def test_a_value_that_looks_like_a_typing_error_has_to_be_confirmed(
    backoffice: Any, mona: User, counter: Series
) -> None:
    browser = backoffice(mona)

    asked = browser.post(form_of(counter), typed(110))

    page = asked.content.decode()
    assert "110 kWh is not what was to be expected, which is at least 1,000 kWh." in page
    assert "confirm: true" not in page
    assert 'name="confirm"' in page
    assert not HandReading.objects.exists()
    browser.post(form_of(counter), typed(110, confirm="on"))
    assert HandReading.objects.get().is_confirmed is True


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        (typed(2e10), "value", "physically possible"),
        (typed("much"), "value", "Enter a number"),
        (typed(1100, read_at_0="2099-01-01"), "read_at", "in the future"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    backoffice: Any, mona: User, counter: Series, wrong: dict[str, Any], field: str, words: str
) -> None:
    answer = backoffice(mona).post(form_of(counter), wrong)

    assert words in answer.context["form"].errors[field][0]
    assert not HandReading.objects.exists()


def test_the_button_is_on_the_series_the_meter_and_the_machine(backoffice: Any, mona: User, counter: Series) -> None:
    meter = MeterFactory.create(series=counter)
    browser = backoffice(mona)

    buttons = (
        (counter, "enter_a_reading"), (meter, "enter_a_reading"), (counter.equipment, "enter_on_machine"),
    )  # fmt: skip
    for record, name in buttons:
        page = browser.get(page_of(record))
        assert form_of(record, name) in page.content.decode()
    assert form_of(counter) in page.content.decode()  # the machine's tab has it in the series' row
    assert browser.post(form_of(meter), typed(1100)).url.endswith(f"/meter/{meter.pk}/change/")


def test_on_a_machine_the_first_reading_begins_a_series(backoffice: Any, mona: User) -> None:
    machine: Equipment = EquipmentFactory.create()
    metric = MetricFactory.create()

    backoffice(mona).post(form_of(machine, "enter_on_machine"), typed(21, metric=metric.code))

    series = Series.objects.get(equipment=machine)
    assert (series.metric, series.read_by_hand, series.latest.value) == (metric, True, 21)


def test_what_is_out_of_sight_takes_no_reading(backoffice: Any, mona: User) -> None:
    hidden: Series = SeriesFactory.create(
        equipment=EquipmentFactory.create(location=LocationFactory.create(open_to_all=False))
    )

    assert backoffice(mona).post(form_of(hidden), typed(21)).status_code == 404
    assert backoffice(mona).post(form_of(hidden.equipment, "enter_on_machine"), typed(21)).status_code == 404


def test_the_list_says_who_took_it_and_filters(
    backoffice: Any, mona: User, tess: User, counter: Series, django_assert_max_num_queries: Any
) -> None:
    for value, by in ((1100, tess), (1200, mona)):
        names = {"equipment_id": counter.equipment_id, "metric": counter.metric.code}
        enter(Typed(**names, value=value), by=by, at=timezone.now())
    browser = backoffice(mona)
    path = reverse("admin:telemetry_handreading_changelist")

    with django_assert_max_num_queries(20):
        everything = browser.get(path).content.decode()
    hers = browser.get(path, {"by__id__exact": str(tess.pk)}).content.decode()

    assert [value in everything for value in ("1,100 kWh", "1,200 kWh")] == [True, True]
    assert [value in hers for value in ("1,100 kWh", "1,200 kWh")] == [True, False]
