"""Each kind of rule with stored readings, the clock and the sweep, and what each kind refuses."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.errors import ValidationFailed
from faultreporter.outbox.testing import deliver
from telemetry import tasks
from telemetry.intake.ingest import ingest
from telemetry.models import Rule, RuleState, Series
from telemetry.rules import evaluation
from telemetry.tests.factories import RuleFactory, SeriesFactory
from telemetry.tests.hearing import News, heard

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOTHING: dict[str, Any] = {"trigger_value": None, "clear_value": None}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> News:
    return heard(monkeypatch)


@pytest.fixture
def series(clock: time_machine.Traveller) -> Series:
    return SeriesFactory.create(expected_interval_s=60)


def minute(n: float) -> datetime:
    return NOW + timedelta(minutes=n)


def make_rule(series: Series, **fields: Any) -> Rule:
    rule = RuleFactory.create(equipment=series.equipment, at=NOW, **fields)
    deliver()
    return rule


class Plant:
    """A gateway that sends as time goes by: each reading arrives when it was taken."""

    def __init__(self, series: Series, clock: time_machine.Traveller) -> None:
        self.series, self.clock = series, clock

    def send(self, n: float, value: float, *, taken: float | None = None) -> None:
        self.clock.move_to(minute(n))
        machine, metric = self.series.equipment.equipment_code, self.series.metric.code
        recorded_at = minute(n if taken is None else taken).isoformat()
        ingest(
            [{"equipment_code": machine, "metric": metric, "value": value, "recorded_at": recorded_at}], at=minute(n)
        )
        deliver()

    def sweep(self, n: float) -> None:
        self.clock.move_to(minute(n))
        tasks.sweep_rules()


@pytest.fixture
def plant(series: Series, clock: time_machine.Traveller) -> Plant:
    return Plant(series, clock)


def told(news: News) -> list[tuple[str, float]]:
    return [(what, (at - NOW).total_seconds() / 60) for what, at in news.told]


def test_it_fires_when_the_condition_has_lasted_though_no_reading_comes(news: News, plant: Plant) -> None:
    make_rule(plant.series, for_s=120)

    plant.send(1, 90)
    plant.sweep(2)
    assert told(news) == []
    plant.sweep(3.5)

    assert told(news) == [("fired", 3)]
    assert news.facts[0]["because"] == "Temperature was 90 °C; the limit is > 80 °C. It has lasted 2 min."


def test_an_alarm_recovers_when_it_has_stayed_over(news: News, plant: Plant) -> None:
    make_rule(plant.series, keep_firing_s=120)

    plant.send(1, 90)
    plant.send(2, 70)
    plant.send(3, 90)
    plant.send(4, 70)
    assert RuleState.objects.get().state == "RECOVERING"
    plant.sweep(6.5)

    assert told(news) == [("fired", 1), ("RECOVERED", 6)]


def test_a_gap_ends_what_is_pending(news: News, plant: Plant) -> None:
    make_rule(plant.series, for_s=600)

    plant.send(1, 90)
    plant.sweep(5)
    assert RuleState.objects.get().state == "NO_DATA"
    plant.send(10, 90)
    plant.sweep(12)

    assert told(news) == []
    state = RuleState.objects.get()
    assert (state.state, state.pending_since) == ("PENDING", minute(10))


def test_silence_is_measured_by_arrival(news: News, plant: Plant) -> None:
    make_rule(plant.series, kind="STALE", stale_after_s=600, **NOTHING)

    plant.send(1, 20, taken=-300)  # its clock is five hours slow
    plant.send(9, 20, taken=-292)
    plant.sweep(18)
    assert told(news) == []
    plant.sweep(19.5)
    plant.send(25, 20, taken=-276)

    assert told(news) == [("fired", 19), ("RECOVERED", 25)]
    assert news.facts[0]["because"].startswith("Temperature has not reported for 10 min")


def test_a_worker_that_stood_still_sees_no_silence_where_readings_came(news: News, plant: Plant) -> None:
    make_rule(plant.series, kind="STALE", stale_after_s=600, **NOTHING)
    plant.send(1, 20)

    for n in range(5, 60, 5):
        plant.send(n, 20)
    plant.sweep(60)

    assert told(news) == []


def test_a_clock_that_runs_wrong_raises_nothing_in_time(news: News, plant: Plant) -> None:
    make_rule(plant.series, for_s=600)

    plant.send(1, 90, taken=-300)
    plant.sweep(3)

    assert told(news) == []


def test_a_change_that_is_too_quick(news: News, plant: Plant) -> None:
    make_rule(
        plant.series, kind="RATE_OF_CHANGE", trigger_value=2.0, clear_value=1.0, window_s=300, comparison="EITHER"
    )

    for n in range(8):
        plant.send(n, 50 - 3 * n)
    for n in range(8, 14):
        plant.send(n, 29)

    assert [what for what, _ in told(news)] == ["fired", "RECOVERED"]
    assert told(news)[0] == ("fired", 5)
    assert "changed by 3 °C per minute over 5 min" in news.facts[0]["because"]


def test_a_value_that_does_not_move(news: News, plant: Plant) -> None:
    make_rule(plant.series, kind="STUCK", stuck_for_s=300, tolerance=0.1, **NOTHING)

    for n in range(7):
        plant.send(n, 20)
    plant.send(7, 21)

    assert told(news) == [("fired", 5), ("RECOVERED", 7)]


def test_a_range_fires_on_both_sides(news: News, plant: Plant) -> None:
    make_rule(plant.series, kind="RANGE", low_value=10.0, high_value=30.0, clear_margin=1.0, **NOTHING)

    for n, value in enumerate([20, 31, 29.5, 29, 9, 20]):
        plant.send(n, value)

    assert told(news) == [("fired", 1), ("RECOVERED", 3), ("fired", 4), ("RECOVERED", 5)]


def test_a_quiet_reading_never_leaves_the_database(
    news: News, plant: Plant, django_assert_max_num_queries: Any
) -> None:
    make_rule(plant.series)
    plant.send(1, 20)
    plant.send(2, 21)
    state = RuleState.objects.get()
    ingest(
        [{"equipment_code": plant.series.equipment.equipment_code, "metric": "temperature", "value": 22}], at=minute(3)
    )

    # two savepoints; rules, and states with their readings, are two statements more, on cursors of their own
    with django_assert_max_num_queries(2):
        assert evaluation.evaluate([plant.series.pk]) == 0

    moved = RuleState.objects.get()
    assert (moved.judged_up_to, moved.last_value, moved.state, moved.since) == (minute(3), 22, "NORMAL", state.since)


def test_as_many_statements_for_forty_series_as_for_four(
    news: News, clock: time_machine.Traveller, django_assert_max_num_queries: Any
) -> None:
    category = CategoryFactory.create()
    lines = [SeriesFactory.create(equipment=one) for one in EquipmentFactory.create_batch(40, category=category)]
    RuleFactory(equipment=None, category=category, at=NOW)
    codes = [line.equipment.equipment_code for line in lines]
    ingest([{"equipment_code": code, "metric": "temperature", "value": 90} for code in codes], at=NOW)

    for some in (lines[:4], lines[4:]):
        with django_assert_max_num_queries(9):
            assert evaluation.evaluate([line.pk for line in some]) == len(some)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"kind": "THRESHOLD", "trigger_value": None}, "trigger_value"),
        ({"kind": "THRESHOLD", "comparison": "EITHER"}, "comparison"),
        ({"kind": "THRESHOLD", "stale_after_s": 60}, "stale_after_s"),
        ({"kind": "RANGE", **NOTHING}, "low_value"),
        ({"kind": "RANGE", "low_value": 2.0, "high_value": 1.0, **NOTHING}, "high_value"),
        ({"kind": "RANGE", "low_value": 1.0, "high_value": 2.0, "clear_margin": 0.6, **NOTHING}, "clear_margin"),
        (
            {"kind": "RANGE", "low_value": -1e308, "high_value": 1e308, "clear_margin": 1.7e308, **NOTHING},
            "clear_margin",
        ),
        ({"kind": "RANGE", "low_value": 1.0, "high_value": 2.0}, "trigger_value"),
        ({"kind": "RATE_OF_CHANGE"}, "window_s"),
        ({"kind": "RATE_OF_CHANGE", "window_s": 0}, "window_s"),
        ({"kind": "RATE_OF_CHANGE", "window_s": 60, "comparison": "EITHER", "clear_value": -1.0}, "trigger_value"),
        ({"kind": "STALE", **NOTHING}, "stale_after_s"),
        ({"kind": "STALE", "stale_after_s": 60, "for_s": 60, **NOTHING}, "for_s"),
        ({"kind": "STALE", "stale_after_s": 60, "comparison": "BELOW", **NOTHING}, "comparison"),
        ({"kind": "STUCK", **NOTHING}, "stuck_for_s"),
        ({"kind": "STUCK", "stuck_for_s": 60, "tolerance": -1.0, **NOTHING}, "tolerance"),
        ({"weekly_hours": {"MON": [["9", "17"]]}}, "weekly_hours"),
        ({"weekly_hours": {}}, "weekly_hours"),
    ],
)
def test_what_a_kind_refuses(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        RuleFactory(**fields)

    assert refused.value.details[0].field == wrong


def test_what_a_new_kind_does_not_take_is_dropped() -> None:
    rule = RuleFactory.create(for_s=60)

    rule.change(by=None, at=NOW, kind="STALE", stale_after_s=600)

    rule.refresh_from_db()
    assert (rule.trigger_value, rule.comparison, rule.for_s, rule.stale_after_s) == (None, "", 0, 600)


def test_every_edit_is_a_version_and_states_name_theirs(news: News, plant: Plant) -> None:
    rule = make_rule(plant.series)
    rule.change(by=None, at=minute(1), trigger_value=50.0, clear_value=50.0)
    rule.change(by=None, at=minute(1), trigger_value=50.0)

    plant.send(2, 60)

    assert list(rule.versions.values_list("version", "config__trigger_value")) == [(2, 50.0), (1, 80.0)]
    assert (RuleState.objects.get().version, news.facts[0]["version"]) == (2, 2)


def test_a_margin_that_just_fits_leaves_a_value_at_which_the_alarm_is_over() -> None:
    """1.7 + 15.6 is rounded to more than 32.9 - 15.6, though 2 * 15.6 is the whole width."""
    rule = RuleFactory.build(kind="RANGE", low_value=1.7, high_value=32.9, clear_margin=15.6, comparison="")

    assert rule.limits().over_at(17.3)
