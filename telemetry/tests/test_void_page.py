"""Wrong readings in the back office: looked at first, declared void, taken back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from locations.tests.factories import LocationFactory
from telemetry.models import ReadingVoid, Series
from telemetry.tests.factories import MetricFactory, SeriesFactory
from telemetry.tests.summing import keep

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def series(db: None) -> Series:
    """In Berlin, where it is 13:00; a reading a minute in the last hour."""
    site = LocationFactory.create(time_zone="Europe/Berlin")
    series = SeriesFactory.create(equipment=EquipmentFactory.create(location=site))
    keep([(series.pk, NOW - timedelta(minutes=n), float(n)) for n in range(60, 0, -1)], at=NOW)
    return series


def page_path(series: Series) -> str:
    return reverse("admin:telemetry_series_void_readings", args=[series.pk])


def said(line: Series, **fields: Any) -> dict[str, Any]:
    times = {"since": "2026-03-01T12:10", "until": "2026-03-01T12:30"}
    return {"series": [line.pk], **times, "reason": "Electricians tested.", **fields}


def test_the_page_offers_the_machines_series_on_the_sites_clock(
    backoffice: Any, mona: User, series: Series, django_assert_max_num_queries: Any
) -> None:
    SeriesFactory.create(equipment=series.equipment, metric=MetricFactory.create(vibration=True))
    browser = backoffice(mona)

    with django_assert_max_num_queries(20):
        page = browser.get(page_path(series)).content.decode()

    assert ("Temperature" in page, "Vibration" in page) == (True, True)
    assert ('value="2026-03-01T13:00"' in page, "Europe/Berlin" in page) == (True, True)
    assert page_path(series) in browser.get(f"/admin/telemetry/series/{series.pk}/change/").content.decode()


def test_looking_stores_nothing_and_confirming_does_what_was_looked_at(
    backoffice: Any, mona: User, series: Series
) -> None:
    browser = backoffice(mona)

    looked = browser.post(page_path(series), said(series))

    assert not ReadingVoid.objects.exists()
    preview = looked.context_data["preview"]
    assert (preview["readings"], preview["lines"][0]["lowest"]) == (20, "31 °C")
    assert "Declare these readings void" in looked.content.decode()
    confirmed: dict[str, Any] = {"confirmed": "1"}
    for name, value in preview["fields"]:
        confirmed.setdefault(name, []).append(value)

    browser.post(page_path(series), confirmed)

    void = ReadingVoid.objects.get()
    assert (void.since, void.until) == (NOW - timedelta(minutes=50), NOW - timedelta(minutes=30))
    assert (void.reason, void.created_by, void.lines.get().readings) == ("Electricians tested.", mona, 20)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"until": "2026-03-01T12:00"}, "The end must come after the beginning."),
        ({"until": "2026-03-02T12:00"}, "This time lies ahead"),
        ({"reason": ""}, "This field is required."),
        ({"series": []}, "This field is required."),
    ],
)
def test_what_is_refused_is_said_on_the_page(
    backoffice: Any, mona: User, series: Series, fields: dict[str, Any], words: str
) -> None:
    page = backoffice(mona).post(page_path(series), said(series, confirmed="1", **fields))

    assert words in page.content.decode()
    assert not ReadingVoid.objects.exists()


def test_taking_back(backoffice: Any, mona: User, series: Series) -> None:
    browser = backoffice(mona)
    browser.post(page_path(series), said(series, confirmed="1"))
    void = ReadingVoid.objects.get()
    record = reverse("admin:telemetry_readingvoid_change", args=[void.pk])
    assert "Electricians tested." in browser.get(reverse("admin:telemetry_readingvoid_changelist")).content.decode()
    assert "Take back" in browser.get(record).content.decode()

    chosen = {"action": "take_back", "_selected_action": [str(void.pk)], "confirmed": "1"}
    browser.post(reverse("admin:telemetry_readingvoid_changelist"), chosen)

    assert ReadingVoid.objects.get().taken_back_by == mona
    assert "Taken back" in browser.get(record).content.decode()


def test_the_live_page_leads_there(backoffice: Any, mona: User, tess: User, series: Series) -> None:
    live = reverse("admin:equipment_equipment_live", args=[series.equipment_id])

    assert page_path(series) in backoffice(mona).get(live).content.decode()
    assert f'href="{page_path(series)}"' not in backoffice(tess).get(live).content.decode()


def test_who_only_looks_finds_no_button(backoffice: Any, tess: User, series: Series) -> None:
    assert backoffice(tess).get(page_path(series)).status_code in (302, 403)
