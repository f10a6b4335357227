from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.errors import ValidationFailed
from faultreporter.outbox.models import OutboxMessage
from faultreporter.outbox.testing import deliver
from telemetry import tasks
from telemetry.intake.ingest import ingest
from telemetry.models import Rule, RuleState, Series
from telemetry.rules import evaluation, standings
from telemetry.rules.judging import Standing, StoredReading, judge
from telemetry.signals import rule_fired
from telemetry.tests.factories import MetricFactory, RuleFactory, SeriesFactory
from telemetry.tests.hearing import News, heard

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def minute(n: float) -> datetime:
    return NOW - timedelta(minutes=60) + timedelta(minutes=n)


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> News:
    return heard(monkeypatch)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def series() -> Series:
    return SeriesFactory.create()


@pytest.fixture
def too_warm(series: Series) -> Rule:
    """In force since before the first reading."""
    rule = RuleFactory.create(equipment=series.equipment, at=minute(0))
    OutboxMessage.objects.all().delete()
    return rule


def send(series: Series, *values: tuple[float, float]) -> None:
    """Readings as (minute, value)."""
    code, metric = series.equipment.equipment_code, series.metric.code
    result = ingest(
        [
            {"equipment_code": code, "metric": metric, "value": value, "recorded_at": minute(n).isoformat()}
            for n, value in values
        ],
        at=NOW,
    )
    assert result.rejected == 0, result.errors


def test_it_works(news: News, series: Series, too_warm: Rule) -> None:
    send(series, (1, 70), (2, 81), (3, 78), (4, 85), (5, 74))

    assert deliver() == ["telemetry.tasks.readings_arrived"]

    assert news.told == [("fired", minute(2)), ("RECOVERED", minute(5))]
    fired, cleared = news.facts
    assert (fired["rule"], fired["series"], fired["reading"]) == (too_warm, series, StoredReading(minute(2), 81.0))
    assert (cleared["sender"], cleared["reading"]) == (Rule, StoredReading(minute(5), 74.0))
    state = RuleState.objects.get()
    assert (state.state, state.since, state.judged_up_to) == ("NORMAL", minute(5), minute(5))


def test_evaluating_again_says_nothing_new(news: News, series: Series, too_warm: Rule) -> None:
    send(series, (1, 81))
    evaluation.evaluate([series.pk])

    assert evaluation.evaluate([series.pk]) == 0
    assert news.told == [("fired", minute(1))]


def test_an_episode_goes_on_from_batch_to_batch(news: News, series: Series, too_warm: Rule) -> None:
    for n, value in enumerate([81, 79, 82, 76, 75, 79, 81]):
        send(series, (n, value))
        evaluation.evaluate([series.pk])

    assert news.told == [("fired", minute(0)), ("RECOVERED", minute(4)), ("fired", minute(6))]


def test_late_readings_neither_open_nor_clear(news: News, series: Series, too_warm: Rule) -> None:
    send(series, (10, 70))
    evaluation.evaluate([series.pk])
    send(series, (5, 99))
    evaluation.evaluate([series.pk])
    send(series, (20, 99))
    evaluation.evaluate([series.pk])
    send(series, (15, 10))
    evaluation.evaluate([series.pk])

    assert news.told == [("fired", minute(20))]


def test_below(news: News, series: Series) -> None:
    RuleFactory(equipment=series.equipment, comparison="BELOW", trigger_value=10.0, clear_value=12.0, at=minute(0))

    send(series, (1, 11), (2, 9), (3, 11), (4, 12))
    evaluation.evaluate([series.pk])

    assert news.told == [("fired", minute(2)), ("RECOVERED", minute(4))]


def test_a_crash_in_a_receiver_undoes_the_evaluation_and_the_sweep_repeats_it(
    news: News, series: Series, too_warm: Rule
) -> None:
    def crash(**_: Any) -> None:
        raise RuntimeError

    send(series, (1, 81))
    rule_fired.connect(crash)
    try:
        with pytest.raises(RuntimeError), transaction.atomic():
            evaluation.evaluate([series.pk])
    finally:
        rule_fired.disconnect(crash)
    assert not RuleState.objects.exists()
    news.told.clear()

    assert tasks.sweep_rules() == 1
    assert news.told == [("fired", minute(1))]


def test_a_category_rule_watches_all_its_machines(news: News, django_assert_max_num_queries: Any) -> None:
    category = CategoryFactory()
    lines = [SeriesFactory(equipment=machine) for machine in EquipmentFactory.create_batch(5, category=category)]
    stranger = SeriesFactory()
    RuleFactory(equipment=None, category=category, at=minute(0))
    for line in [*lines, stranger]:
        send(line, (1, 81), (2, 82))

    # savepoint, new states, rules, series, what is planned, savepoint; four more on cursors of their own
    with django_assert_max_num_queries(6):
        assert evaluation.evaluate([line.pk for line in [*lines, stranger]]) == 5
    assert {facts["series"].pk for facts in news.facts} == {line.pk for line in lines}


def test_rules_watch_only_their_metric(news: News, series: Series, too_warm: Rule) -> None:
    pressure = SeriesFactory(equipment=series.equipment, metric=MetricFactory(pressure=True))

    send(pressure, (1, 99))
    evaluation.evaluate([pressure.pk])

    assert news.told == []


def test_a_new_rule_judges_the_present_value_and_no_history(news: News, series: Series) -> None:
    send(series, (1, 99), (2, 70), (3, 81))
    OutboxMessage.objects.all().delete()
    RuleFactory(equipment=series.equipment, at=minute(10))

    assert deliver() == ["telemetry.tasks.evaluate_rule"]
    assert news.told == [("fired", minute(3))]


def test_readings_from_before_the_rule_that_arrive_after_it_count_as_the_present_value(
    news: News, series: Series
) -> None:
    RuleFactory(equipment=series.equipment, at=minute(10))

    send(series, (1, 99), (2, 70))
    evaluation.evaluate([series.pk])
    send(series, (3, 99), (4, 70), (5, 99))
    evaluation.evaluate([series.pk])

    assert news.told == [("fired", minute(5))]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"trigger_value": 90.0}, "EDITED"), ({"severity": "CRITICAL"}, "EDITED"), ({"is_enabled": False}, "DISABLED")],
)
def test_editing_closes_what_was_open(
    news: News, series: Series, too_warm: Rule, changes: dict[str, Any], reason: str
) -> None:
    send(series, (1, 81))
    evaluation.evaluate([series.pk])

    too_warm.change(by=None, at=NOW, **changes)

    assert news.told == [("fired", minute(1)), (reason, NOW)]
    assert (news.facts[-1]["reading"], news.facts[-1]["series"]) == (None, series)
    assert not RuleState.objects.exists()


def test_an_edited_rule_starts_anew_with_the_present_value(news: News, series: Series, too_warm: Rule) -> None:
    send(series, (1, 85), (2, 82))
    deliver()

    too_warm.change(by=None, at=NOW, trigger_value=81.0)
    deliver()

    assert news.told == [("fired", minute(1)), ("EDITED", NOW), ("fired", minute(2))]


def test_a_change_that_changes_nothing_closes_nothing(news: News, series: Series, too_warm: Rule) -> None:
    send(series, (1, 81))
    deliver()

    too_warm.change(by=None, at=NOW, trigger_value=80.0, title="Too warm")

    assert news.told == [("fired", minute(1))]
    assert RuleState.objects.firing().count() == 1


def test_deleting_closes_what_was_open_and_restoring_starts_anew(news: News, series: Series, too_warm: Rule) -> None:
    send(series, (1, 81))
    deliver()

    too_warm.soft_delete(by=None, at=NOW)
    send(series, (2, 90))
    deliver()
    assert news.told == [("fired", minute(1)), ("DELETED", NOW)]

    too_warm.restore(by=None, at=NOW)
    deliver()
    assert news.told[2:] == [("fired", minute(2))]


def test_a_disabled_rule_is_silent(news: News, series: Series, too_warm: Rule) -> None:
    too_warm.change(by=None, at=NOW, is_enabled=False)

    send(series, (1, 81))
    deliver()

    assert news.told == []


@pytest.mark.parametrize("leave", ["delete", "recategorise"])
def test_a_machine_that_leaves_a_category_leaves_its_alarms(news: News, leave: str) -> None:
    line = SeriesFactory(equipment__category=CategoryFactory())
    RuleFactory(equipment=None, category=line.equipment.category, at=minute(0))
    send(line, (1, 81))
    deliver()

    if leave == "delete":
        line.equipment.soft_delete(by=None, at=NOW)
    else:
        line.equipment.change(by=None, at=NOW, category=None)
    tasks.sweep_rules()

    assert news.told == [("fired", minute(1)), ("OUT_OF_SCOPE", NOW)]
    assert tasks.sweep_rules() == 0


def test_the_sweep_finds_what_a_lost_message_forgot(news: News, series: Series, too_warm: Rule) -> None:
    send(series, (1, 81))
    OutboxMessage.objects.all().delete()

    tasks.sweep_rules()

    assert news.told == [("fired", minute(1))]
    assert standings.series_left_behind(limit=10) == []


def test_a_long_backlog_is_judged_in_parts(
    news: News, series: Series, too_warm: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standings, "MAX_READINGS", 3)
    send(series, *[(n, 81 if n % 4 < 2 else 70) for n in range(10)])

    deliver()

    assert [what for what, _ in news.told] == ["fired", "RECOVERED", "fired", "RECOVERED", "fired"]


def test_unknown_ids_change_nothing(news: News) -> None:
    tasks.readings_arrived(series=[1, 2, 3])
    tasks.evaluate_rule(rule="019c0000-0000-7000-8000-000000000000")

    assert news.told == []


@pytest.mark.parametrize(
    "fields",
    [
        {"equipment": None},
        {"trigger_value": 80.0, "clear_value": 81.0},
        {"comparison": "BELOW", "trigger_value": 10.0, "clear_value": 9.0},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        RuleFactory(**fields)


def test_one_machine_or_one_category() -> None:
    with pytest.raises(ValidationFailed):
        RuleFactory(category=CategoryFactory())


def test_the_clear_value_is_the_trigger_value_if_left_out() -> None:
    assert RuleFactory(clear_value=None).clear_value == 80.0


# --- any cutting of a series into batches, with repeats, gives what one pass over it gives ----------------------------

STEPS = st.lists(st.sampled_from([70.0, 75.0, 78.0, 80.0, 85.0]), min_size=1, max_size=12)


def naive(values: list[float]) -> list[tuple[str, datetime]]:
    firing, told = False, []
    for n, value in enumerate(values):
        if not firing and value > 80:
            firing = True
            told.append(("fired", minute(n)))
        elif firing and value <= 75:
            firing = False
            told.append(("RECOVERED", minute(n)))
    return told


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.data())
def test_any_batches_and_repeats_give_the_references_episodes(
    news: News, values: list[float], data: st.DataObject
) -> None:
    line = SeriesFactory()
    RuleFactory(equipment=line.equipment, at=minute(0))
    start = 0
    while start < len(values):
        end = data.draw(st.integers(start + 1, len(values)))
        again = data.draw(st.integers(0, start))
        send(line, *enumerate(values[again:end], start=again))
        start = end
        for _ in range(data.draw(st.integers(0, 2))):
            evaluation.evaluate([line.pk])
    tasks.sweep_rules()

    told = zip(news.told, news.facts, strict=True)
    assert [said for said, facts in told if facts["series"] == line] == naive(values)


UNSAID: dict[str, Any] = {"trigger_value": None, "clear_value": None}
MEMORIES = st.sampled_from(
    [
        {"kind": "RATE_OF_CHANGE", "trigger_value": 1.5, "clear_value": 1.0, "window_s": 180},
        {"kind": "RATE_OF_CHANGE", "trigger_value": 1.5, "clear_value": 1.0, "window_s": 60, "comparison": "EITHER"},
        {"kind": "STUCK", "stuck_for_s": 240, "tolerance": 1.0, "keep_firing_s": 120, **UNSAID},
    ]
)
LEVELS = st.tuples(st.sampled_from([70.0, 70.5, 72.0, 76.0]), st.integers(1, 6), st.sampled_from([1, 1, 1, 4]))
"""A value, for so many readings, the first of them after so many minutes."""


def readings_of(levels: list[tuple[float, int, int]]) -> list[tuple[int, float]]:
    steps = [(1 if n else after, value) for value, times, after in levels for n in range(times)]
    return list(zip(accumulate(step for step, _ in steps), (value for _, value in steps), strict=True))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MEMORIES, st.lists(LEVELS, max_size=6), st.data())
def test_any_batches_give_what_one_pass_over_all_readings_gives(
    news: News,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    levels: list[tuple[float, int, int]],
    data: st.DataObject,
) -> None:
    monkeypatch.setattr(standings, "MAX_KEPT", data.draw(st.integers(0, 5)))
    line = SeriesFactory(expected_interval_s=60)
    rule = RuleFactory(equipment=line.equipment, at=minute(0), **fields)
    readings = readings_of(levels)
    start = 0
    while start < len(readings):
        batch = readings[start : start + data.draw(st.integers(1, 4))]
        start += len(batch)
        send(line, *batch)
        evaluation.evaluate([line.pk])
        send(line, (batch[-1][0] - 0.5, 99.0))  # late: nobody judges it
        evaluation.evaluate([line.pk])

    stored = [StoredReading(minute(n), value) for n, value in readings]
    changes = judge(rule.limits(expected_interval_s=60), Standing(), stored).changes
    told = zip(news.told, news.facts, strict=True)
    assert [said for said, facts in told if facts["series"] == line] == [
        ("fired" if change.begins else "RECOVERED", change.at) for change in changes if change.begins or change.ends
    ]
