"""Alarms that something holds back: rules judge on, and what still fires when that ends is told then."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.db import CALENDAR
from faultreporter.errors import ValidationFailed
from faultreporter.outbox.testing import deliver
from locations.tests.factories import LocationFactory
from telemetry import tasks
from telemetry.intake.ingest import ingest
from telemetry.models import MaintenanceWindow, RuleState, Series
from telemetry.tests.factories import MetricFactory, RuleFactory, SeriesFactory, issue_key
from telemetry.tests.hearing import News, heard

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SILENT: dict[str, Any] = {"kind": "STALE", "stale_after_s": 600, "trigger_value": None, "clear_value": None}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> News:
    return heard(monkeypatch)


@pytest.fixture
def series(clock: time_machine.Traveller) -> Series:
    line = SeriesFactory.create()
    RuleFactory(equipment=line.equipment, at=NOW)
    return line


def minute(n: float) -> datetime:
    return NOW + timedelta(minutes=n)


def send(clock: time_machine.Traveller, n: float, value: float, *lines: Series, gateway: Any = None) -> None:
    clock.move_to(minute(n))
    codes = [line.equipment.equipment_code for line in lines]
    readings = [{"equipment_code": code, "metric": "temperature", "value": value} for code in codes]
    assert ingest(readings, at=minute(n), gateway=gateway).accepted == len(lines)
    deliver()


def sweep(clock: time_machine.Traveller, n: float) -> None:
    clock.move_to(minute(n))
    tasks.sweep_rules()


def told(news: News) -> list[tuple[str, float]]:
    return [(what, (at - NOW).total_seconds() / 60) for what, at in news.told]


def window(start: float, end: float, **scope: Any) -> MaintenanceWindow:
    return MaintenanceWindow.add(by=None, starts_at=minute(start), ends_at=minute(end), reason="Filters", **scope)


def test_what_still_fires_when_a_window_ends_is_told_then(news: News, clock: Any, series: Series) -> None:
    window(0, 30, equipment=series.equipment)

    send(clock, 10, 90, series)
    sweep(clock, 20)
    state = RuleState.objects.get()
    assert (state.state, state.suppressed_by, state.suppressed_until) == ("FIRING", "MAINTENANCE_WINDOW", minute(30))
    assert (told(news), RuleState.objects.firing().count()) == ([], 0)
    sweep(clock, 31)
    send(clock, 40, 70, series)

    assert told(news) == [("fired", 30), ("RECOVERED", 40)]


def test_alarms_held_back_in_numbers_keep_no_other_from_being_due(
    news: News, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SWEEP_LIMIT", 2)
    *held, silent = SeriesFactory.create_batch(3)
    for line in held:
        RuleFactory(equipment=line.equipment, at=NOW)
        window(0, 600, equipment=line.equipment)
    RuleFactory(
        equipment=silent.equipment, at=NOW, kind="STALE", stale_after_s=300, trigger_value=None, clear_value=None
    )

    send(clock, 10, 90, *held, silent)
    sweep(clock, 20)
    sweep(clock, 20.5)

    assert told(news) == [("fired", 15)]


def test_what_is_over_by_then_is_never_told(news: News, clock: Any, series: Series) -> None:
    window(0, 30, equipment=series.equipment)

    send(clock, 10, 90, series)
    send(clock, 20, 70, series)
    sweep(clock, 31)

    assert told(news) == []


def test_an_alarm_that_was_told_stays_in_a_window_and_clears(news: News, clock: Any, series: Series) -> None:
    window(10, 30, equipment=series.equipment)

    send(clock, 5, 90, series)
    sweep(clock, 15)
    send(clock, 20, 70, series)

    assert told(news) == [("fired", 5), ("RECOVERED", 20)]


@pytest.mark.parametrize("at_once", [True, False])
def test_readings_that_come_late_give_the_same_alarms(news: News, clock: Any, series: Series, at_once: bool) -> None:
    window(0, 30, equipment=series.equipment)
    moments = [(10, 90), (40, 90), (50, 70)]

    if at_once:
        clock.move_to(minute(60))
        code = series.equipment.equipment_code
        ingest(
            [
                {"equipment_code": code, "metric": "temperature", "value": value, "recorded_at": minute(n).isoformat()}
                for n, value in moments
            ],
            at=minute(60),
        )
        deliver()
    else:
        for n, value in moments:
            send(clock, n, value, series)

    assert told(news) == [("fired", 30), ("RECOVERED", 50)]


def test_a_window_of_a_place_covers_what_stands_in_it(news: News, clock: Any, series: Series) -> None:
    window(0, 30, location=series.equipment.location.site)
    window(0, 30, location=LocationFactory(name="Elsewhere"))

    send(clock, 10, 90, series)

    assert told(news) == []


def test_a_window_of_a_machine_covers_its_parts_and_no_others(news: News, clock: Any, series: Series) -> None:
    part = SeriesFactory.create(equipment=EquipmentFactory(parent=series.equipment))
    RuleFactory(equipment=part.equipment, at=NOW)
    window(0, 30, equipment=part.equipment)

    send(clock, 10, 90, series, part)

    assert [facts["series"] for facts in news.facts] == [series]


def test_a_machine_in_maintenance_raises_nothing(news: News, clock: Any, series: Series) -> None:
    series.equipment.set_status(status="MAINTENANCE", by=None, at=minute(1), reason="Filters")

    send(clock, 10, 90, series)
    sweep(clock, 20)
    assert (told(news), RuleState.objects.get().suppressed_by) == ([], "STATUS")
    series.equipment.refresh_from_db()
    series.equipment.set_status(status="ONLINE", by=None, at=minute(25), reason="")
    sweep(clock, 26)

    assert told(news) == [("fired", 25)]


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (datetime(2026, 3, 28, 6, tzinfo=UTC), datetime(2026, 3, 28, 7, tzinfo=UTC)),  # Saturday, winter time
        (datetime(2026, 3, 29, 5, tzinfo=UTC), datetime(2026, 3, 29, 6, tzinfo=UTC)),  # the clocks went forward
        (datetime(2026, 10, 25, 5, 30, tzinfo=UTC), datetime(2026, 10, 25, 7, tzinfo=UTC)),  # and back
    ],
)
def test_the_hours_of_a_rule_are_on_the_clock_of_the_site(
    news: News, clock: Any, day: datetime, opens: datetime
) -> None:
    clock.move_to(day)
    line = SeriesFactory.create()
    line.equipment.location.site.change(by=None, time_zone="Europe/Berlin")
    RuleFactory(
        equipment=line.equipment, at=day, weekly_hours={"SAT": [["08:00", "18:00"]], "SUN": [["08:00", "18:00"]]}
    )
    code = line.equipment.equipment_code

    ingest([{"equipment_code": code, "metric": "temperature", "value": 90}], at=day)
    deliver()
    clock.move_to(opens - timedelta(minutes=1))
    tasks.sweep_rules()
    assert (news.told, RuleState.objects.get().suppressed_by) == ([], "SCHEDULE")
    clock.move_to(opens + timedelta(minutes=1))
    tasks.sweep_rules()

    assert news.told == [("fired", opens)]


def test_a_window_until_further_notice_holds_back_a_rule_with_hours(news: News, clock: Any, series: Series) -> None:
    RuleFactory(equipment=series.equipment, at=NOW, weekly_hours={"SUN": [["08:00", "18:00"]]})
    ages = CALENDAR[1] - timedelta(seconds=1)
    MaintenanceWindow.add(by=None, equipment=series.equipment, starts_at=NOW, ends_at=ages, reason="Out of use")

    send(clock, 10, 90, series)

    assert told(news) == []
    held = dict(RuleState.objects.values_list("suppressed_by", "suppressed_until"))
    assert held == {"MAINTENANCE_WINDOW": ages, "SCHEDULE": datetime(2200, 1, 5, 8, tzinfo=UTC)}


def test_a_parent_with_one_dead_sensor_is_not_silent(news: News, clock: Any) -> None:
    dead = SeriesFactory.create()
    alive = SeriesFactory.create(equipment=dead.equipment, metric=MetricFactory(pressure=True))
    part = SeriesFactory.create(equipment=EquipmentFactory(parent=dead.equipment))
    for line in (dead, part):
        RuleFactory(equipment=line.equipment, at=NOW, **SILENT)
    send(clock, 1, 20, dead, part)
    clock.move_to(minute(9))
    code = alive.equipment.equipment_code
    ingest([{"equipment_code": code, "metric": alive.metric.code, "value": 2}], at=minute(9))

    sweep(clock, 12)

    assert {facts["series"] for facts in news.facts} == {dead, part}


def test_a_silent_parent_speaks_for_its_parts(news: News, clock: Any) -> None:
    parent = SeriesFactory.create()
    part = SeriesFactory.create(equipment=EquipmentFactory(parent=parent.equipment))
    for line in (parent, part):
        RuleFactory(equipment=line.equipment, at=NOW, **SILENT)

    send(clock, 1, 20, part)
    send(clock, 2, 20, parent)
    for n in (11.5, 12.5, 13):
        sweep(clock, n)
    assert [(what, facts["series"]) for (what, _), facts in zip(news.told, news.facts, strict=True)] == [
        ("fired", parent)
    ]
    assert RuleState.objects.get(series=part).suppressed_by == "PARENT"

    send(clock, 20, 20, parent)
    sweep(clock, 21)
    assert told(news) == [("fired", 12), ("RECOVERED", 20)]
    send(clock, 30, 20, parent)
    sweep(clock, 32)

    assert news.facts[-1]["series"] == part
    assert [what for what, _ in told(news)] == ["fired", "RECOVERED", "fired"]


def test_a_gateway_that_is_silent_is_one_alarm(news: News, clock: Any) -> None:
    category, (key, _) = CategoryFactory.create(), issue_key()
    lines = [SeriesFactory.create(equipment=one) for one in EquipmentFactory.create_batch(12, category=category)]
    RuleFactory(equipment=None, category=category, at=NOW, **SILENT)
    for n, line in enumerate(lines):
        send(clock, n / 10, 20, line, gateway=key.pk)

    for n in (10.5, 11, 11.5, 20, 30):
        sweep(clock, n)
    assert len(news.told) == 1
    assert "with 11 other series" in news.facts[0]["because"]
    assert RuleState.objects.filter(suppressed_by="GATEWAY").count() == 11

    for n, line in enumerate(lines[:11]):
        send(clock, 40 + n / 2, 20, line, gateway=key.pk)
        sweep(clock, 40.2 + n / 2)
    send(clock, 47, 20, *lines[:11], gateway=key.pk)
    sweep(clock, 50)
    assert [what for what, _ in news.told] == ["fired", "RECOVERED"]
    sweep(clock, 51)

    assert (news.told[-1][0], news.facts[-1]["series"]) == ("fired", lines[11])


def test_one_silent_series_of_a_gateway_that_speaks_is_told(news: News, clock: Any) -> None:
    (key, _), lines = issue_key(), [SeriesFactory.create() for _ in range(2)]
    RuleFactory(equipment=lines[0].equipment, at=NOW, **SILENT)
    send(clock, 1, 20, *lines, gateway=key.pk)
    send(clock, 9, 20, lines[1], gateway=key.pk)

    sweep(clock, 12)

    assert told(news) == [("fired", 11)]
    assert "gateway" not in news.facts[0]["because"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"ends_at": NOW}, "ends_at"), ({"location": True}, "equipment_id"), ({"equipment": None}, "equipment_id")],
)
def test_a_window_that_makes_no_sense(fields: dict[str, Any], wrong: str) -> None:
    given = {"equipment": EquipmentFactory(), "starts_at": NOW, "ends_at": minute(5), "reason": "Filters"} | fields
    if given.get("location"):
        given["location"] = LocationFactory()

    with pytest.raises(ValidationFailed) as refused:
        MaintenanceWindow.add(by=None, **given)

    assert refused.value.details[0].field == wrong
