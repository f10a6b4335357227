"""The line of the last day in the rows of a list."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from telemetry.aggregation import rollups
from telemetry.charts.sparklines import sparkline, with_day
from telemetry.intake.ingest import ingest
from telemetry.models import Series
from telemetry.tests.factories import MetricFactory

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def hour(hours_ago: float, low: float, high: float) -> dict[str, float]:
    return {"at": (AT - timedelta(hours=hours_ago)).timestamp(), "low": low, "high": high}


def paths(*hours: dict[str, float]) -> list[str]:
    """Each unbroken line of the drawing."""
    drawn = sparkline(list(hours), "Cel", at=AT).split('d="')[1].split('"')[0]
    return [f"{line}Z" for line in drawn.split("Z")[:-1]]


def test_the_band_runs_along_the_highest_values_and_back_along_the_lowest() -> None:
    assert paths(hour(24, 10, 20), hour(22, 10, 15)) == ["M2.0 2.0L9.7 12.0L9.7 22.0L2.0 22.0Z"]


def test_the_present_is_at_the_right() -> None:
    assert paths(hour(0, 10, 20)) == ["M94.0 2.0L94.0 22.0Z"]


def test_what_never_moves_lies_in_the_middle() -> None:
    assert paths(hour(1, 10, 10)) == ["M90.2 12.0L90.2 12.0Z"]


def test_there_is_no_line_where_readings_stayed_away() -> None:
    assert len(paths(hour(9, 1, 2), hour(6, 1, 2), hour(2, 1, 2))) == 2


def test_its_words_are_the_days_extremes() -> None:
    drawn = sparkline([hour(2, 126_792.8, 126_800), hour(1, 5, 6)], "kW.h", at=AT)

    assert 'aria-label="24 hours: 5 kWh to 126,800 kWh"' in drawn


def test_nothing_is_drawn_where_nothing_came() -> None:
    assert sparkline([], "Cel", at=AT) == ""


def measured(*metrics: str) -> Equipment:
    now = timezone.now()
    machine: Equipment = EquipmentFactory.create()
    for code in metrics:
        MetricFactory.create(code=code, name=code.title())
    sent = [
        {"equipment_id": str(machine.pk), "metric": code, "value": hours, "recorded_at": now - timedelta(hours=hours)}
        for code in metrics
        for hours in (2, 5, 30)
    ]
    ingest([{**one, "recorded_at": one["recorded_at"].isoformat()} for one in sent], at=now)
    rollups.roll_up(at=now)
    return machine


@pytest.mark.django_db
def test_the_day_is_what_the_roll_ups_say() -> None:
    measured("temperature")

    [line] = with_day(Series.objects.all(), at=timezone.now())

    assert [(one["low"], one["high"]) for one in line.day] == [(5, 5), (2, 2)]


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["series", "latestreading", "machine"])
def test_many_rows_ask_no_more_often_than_one(backoffice: Any, mona: User, page: str) -> None:
    browser = backoffice(mona)

    def asked(*metrics: str) -> int:
        machine = measured(*metrics)
        lists = {"machine": reverse("admin:equipment_equipment_change", args=[machine.pk])}
        url = lists.get(page, f"/admin/telemetry/{page}/?q={machine.equipment_code}")
        with CaptureQueriesContext(connection) as queries:
            content = browser.get(url).content.decode()
        assert content.count('aria-label="24 hours') == len(metrics)
        return len(queries)

    few, many = asked("a"), asked("b", "c", "d", "e")
    assert many <= few
