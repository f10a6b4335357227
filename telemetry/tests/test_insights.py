import random
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.accounts.models import User
from locations.tests.factories import LocationFactory
from telemetry import tasks
from telemetry.detection import insights
from telemetry.detection.detectors import RunningZ
from telemetry.intake.ingest import ingest
from telemetry.models import Detector, DetectorState, Insight, InsightFeedback, Series, Verdicts
from telemetry.models.insights import figure
from telemetry.tests.factories import DetectorFactory, InsightFactory, MetricFactory, SeriesFactory

pytestmark = pytest.mark.django_db

BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
USUAL = 400
"""Minutes of ordinary readings, from the beginning on."""


def minute(number: float) -> datetime:
    return BEGINNING + timedelta(minutes=number)


def send(series: Series, first: int, values: Iterable[float]) -> None:
    """A reading a minute, from that minute on."""
    code, metric = series.equipment.equipment_code, series.metric.code
    readings = [
        {"equipment_code": code, "metric": metric, "value": value, "recorded_at": minute(first + number).isoformat()}
        for number, value in enumerate(values)
    ]
    assert ingest(readings, at=NOW).accepted == len(readings)


def ordinary(count: int) -> Iterator[float]:
    drawn = random.Random(3)
    return (round(drawn.gauss(20, 1), 2) for _ in range(count))


def run() -> int:
    insights.prepare(at=NOW)
    return insights.judge(at=NOW)


@pytest.fixture
def series() -> Series:
    """Known for some hours: its detector has learnt what is usual."""
    series = SeriesFactory.create()
    settle(series)
    return series


def settle(*lines: Series) -> None:
    for line in lines:
        send(line, 0, ordinary(USUAL))
    run()


def show(series: Series) -> None:
    Detector.objects.get(metric=series.metric).change(by=None, visibility=Detector.Visibility.SHOWN)


def test_it_works(series: Series) -> None:
    send(series, USUAL, [60, 70, 65])

    assert run() == 1

    insight = Insight.objects.get()
    assert (insight.equipment, insight.state, insight.ended_at) == (series.equipment, "SHADOW", None)
    assert (insight.started_at, insight.last_unusual_at) == (minute(USUAL), minute(USUAL + 2))
    assert (insight.value, insight.peak_value) == (60, 60)
    assert insight.summary.startswith("Temperature reached 60 °C; 1")
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    ("value", "words"), [(60.0, "60"), (3.19149, "3.191"), (0.00012345, "0.0001234"), (123456.0, "123500")]
)
def test_sentences_have_four_digits_that_mean_something(value: float, words: str) -> None:
    assert figure(value) == words


def test_an_episode_goes_on_and_ends_in_later_runs(series: Series) -> None:
    send(series, USUAL, [60])
    run()
    send(series, USUAL + 1, [300])
    run()
    send(series, USUAL + 2, ordinary(RunningZ.HOLD))
    run()

    insight = Insight.objects.get()
    assert (insight.started_at, insight.ended_at, insight.peak_value) == (minute(USUAL), minute(USUAL + 1), 300)


def test_a_run_without_news_does_nothing(series: Series) -> None:
    send(series, USUAL, [60])
    run()
    stamp = Insight.objects.get().updated_at

    assert run() == 0
    assert Insight.objects.get().updated_at == stamp


def test_a_run_that_is_undone_is_done_again(series: Series) -> None:
    send(series, USUAL, [60])
    with transaction.atomic():
        insights.judge(at=NOW)
        transaction.set_rollback(True)

    assert not Insight.objects.exists()
    assert run() == 1
    assert Insight.objects.count() == 1


def test_late_readings_change_nothing(series: Series) -> None:
    send(series, USUAL + 5, [20])
    run()
    send(series, USUAL, [60])

    assert run() == 0
    assert not Insight.objects.exists()


def test_a_backlog_is_judged_in_portions_with_the_same_result(series: Series) -> None:
    send(series, USUAL, [60, *ordinary(120), 90])

    insights.judge(at=NOW, readings=7)

    assert list(Insight.objects.order_by("started_at").values_list("started_at", flat=True)) == [
        minute(USUAL),
        minute(USUAL + 121),
    ]


def test_a_run_judges_what_waited_when_it_began(series: Series) -> None:
    send(series, USUAL, ordinary(2))

    def meanwhile(execute: Any, sql: str, *statement: Any) -> Any:
        if sql == insights.SAVE_SQL:
            send(series, USUAL + 2, [20])
        return execute(sql, *statement)

    with connection.execute_wrapper(meanwhile):
        assert insights.judge(at=NOW) == 1
    assert insights.judge(at=NOW) == 1
    assert insights.judge(at=NOW) == 0


def test_a_run_that_has_no_more_time_leaves_the_rest_to_the_next(series: Series) -> None:
    send(series, USUAL, [60])

    assert insights.judge(at=NOW, seconds=0) == 0
    assert insights.judge(at=NOW) == 1


def test_what_there_was_to_learn_from_is_no_insight() -> None:
    series = SeriesFactory.create()
    send(series, 0, [*ordinary(USUAL), 90, *ordinary(100)])
    run()

    assert not Insight.objects.exists()
    assert DetectorState.objects.get().judged_up_to == minute(USUAL + 100)


def test_an_older_form_of_the_state_begins_anew(series: Series) -> None:
    DetectorState.objects.update(version=0, state=b"something else")
    send(series, USUAL, [60])
    run()

    state = DetectorState.objects.get()
    assert (state.version, RunningZ.load(bytes(state.state)).count) == (RunningZ.version, 1)


def test_gauges_have_a_detector_in_shadow_and_counters_none_at_work() -> None:
    gauge, counter = MetricFactory.create(), MetricFactory.create(code="energy", kind="COUNTER")
    insights.prepare(at=NOW)

    of_gauge, of_counter = (Detector.objects.get(metric=metric) for metric in (gauge, counter))
    assert (of_gauge.is_enabled, of_gauge.visibility) == (True, "SHADOW")
    assert not of_counter.is_enabled


def test_a_deleted_detector_doesnt_come_back(series: Series) -> None:
    Detector.objects.get().soft_delete(by=None, at=NOW)
    run()

    assert not Detector.objects.living().exists()
    assert not DetectorState.objects.exists()


def test_the_detector_of_a_category_stands_in_for_the_metrics_own(series: Series) -> None:
    category = series.equipment.category = CategoryFactory.create()
    series.equipment.save()
    send(series, USUAL, [60])
    DetectorFactory.create(metric=series.metric, category=category, is_enabled=False)

    assert run() == 0
    assert not Insight.objects.exists()


def test_what_nobody_watches_any_more_is_over(series: Series) -> None:
    send(series, USUAL, [60])
    run()
    Detector.objects.get().change(by=None, is_enabled=False)
    run()

    assert Insight.objects.get().ended_at == minute(USUAL)


def test_a_shown_detector_shows_what_it_finds_from_then_on(series: Series) -> None:
    send(series, USUAL, [60, *ordinary(RunningZ.HOLD)])
    run()
    show(series)
    send(series, USUAL + 100, [300])
    run()

    assert [insight.state for insight in Insight.objects.order_by("started_at")] == ["SHADOW", "SHOWN"]


def test_insights_of_a_machine_at_about_the_same_time_are_one_group() -> None:
    machine = EquipmentFactory.create()
    lines = [
        SeriesFactory.create(equipment=machine, metric=metric)
        for metric in (MetricFactory.create(), MetricFactory.create(vibration=True))
    ]
    settle(*lines)
    send(lines[0], USUAL, [60])
    send(lines[1], USUAL + 20, [90])
    run()

    leader, member = Insight.objects.order_by("started_at")
    assert (leader.leader, member.leader, member.group_id) == (None, leader, leader.pk)
    assert list(Insight.objects.of_group(leader.pk).order_by("started_at")) == [leader, member]


def test_a_machine_has_so_many_groups_a_day_of_its_site(series: Series, settings: Any) -> None:
    """On Auckland's clock, thirteen hours ahead, the day changes at 11:00 UTC: minute 660."""
    settings.INSIGHT_DAILY_BUDGET = 1
    series.equipment.location = LocationFactory.create(time_zone="Pacific/Auckland")
    series.equipment.save()
    show(series)
    calm = [*ordinary(RunningZ.HOLD)]
    for first, value in ((USUAL, 60), (USUAL + 100, 600), (700, 900)):
        send(series, first, [value, *calm])
    run()

    assert list(Insight.objects.order_by("started_at").values_list("state", "site_date")) == [
        ("SHOWN", date(2026, 3, 1)),
        ("OVER_BUDGET", date(2026, 3, 1)),
        ("SHOWN", date(2026, 3, 2)),
    ]


def test_two_detectors_of_one_series_find_for_themselves(series: Series) -> None:
    DetectorFactory.create(metric=series.metric, kind="RELATIVE_ENTROPY")
    send(series, USUAL, ordinary(400))
    run()
    send(series, USUAL + 400, [60])
    run()

    assert set(Insight.objects.filter(started_at=minute(USUAL + 400)).values_list("detector__kind", flat=True)) == {
        "RUNNING_Z",
        "RELATIVE_ENTROPY",
    }


def test_the_number_of_statements_doesnt_grow_with_the_series(series: Series) -> None:
    others = [SeriesFactory.create(metric=series.metric) for _ in range(4)]
    settle(*others)

    def statements(lines: list[Series], first: int) -> int:
        for line in lines:
            send(line, first, [first])
        with CaptureQueriesContext(connection) as captured:
            insights.judge(at=NOW)
        return len(captured)

    assert statements([series], USUAL) == statements(others, USUAL + 200)


def test_the_tasks_run(series: Series) -> None:
    send(series, USUAL, [60])

    assert tasks.judge_insights() == 1
    assert tasks.judge_insights() == 0
    Insight.objects.update(ended_at=NOW - timedelta(days=500))
    assert tasks.prune_insights() == 1


def test_pruning_takes_feedback_along_and_keeps_a_group_together(mona: User) -> None:
    old, recent = NOW - timedelta(days=30), NOW
    alone = InsightFactory.create(started_at=old)
    alone.give_feedback(by=mona, verdict="USEFUL")
    leader = InsightFactory.create(started_at=old, detector=alone.detector)
    member = InsightFactory.create(started_at=recent, detector=alone.detector, leader=leader)

    assert insights.prune(before=NOW - timedelta(days=7)) == 1
    assert set(Insight.objects.all()) == {leader, member}
    assert not InsightFeedback.objects.exists()


def test_a_second_verdict_of_a_person_replaces_the_first(mona: User, tess: User) -> None:
    insight = InsightFactory.create()
    insight.give_feedback(by=mona, verdict="USEFUL")
    insight.give_feedback(by=tess, verdict="KNOWN")
    insight.give_feedback(by=mona, verdict="FALSE_ALARM", note="The door stood open")

    assert insight.verdicts == Verdicts(useful=0, false_alarms=1, known=1)
    assert insight.verdict_of(mona).note == "The door stood open"


def test_few_verdicts_say_nothing_and_ten_give_a_range() -> None:
    assert (Verdicts(9, 0, 50).precision, Verdicts(9, 0, 50).interval) == (None, None)
    assert str(Verdicts(3, 1)) == "4 verdicts, too few to say"

    ten = Verdicts(useful=8, false_alarms=2)
    assert (ten.precision, ten.interval) == (0.8, (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4)))
    assert str(ten) == "8 of 10 useful (49 to 94 %)"


def test_figures_of_a_detector_count_its_insights_and_verdicts(mona: User) -> None:
    insight = InsightFactory.create()
    InsightFactory.create(detector=insight.detector)
    insight.give_feedback(by=mona, verdict="USEFUL")

    detector = Detector.objects.with_figures().get()
    assert (detector.insight_count, detector.verdicts) == (2, Verdicts(useful=1))
