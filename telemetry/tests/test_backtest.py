"""What a rule would have done, by hand-drawn curves and against the rule itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog
from faultreporter.testing import assert_error
from telemetry.intake.ingest import ingest
from telemetry.models import MaintenanceWindow, Rule
from telemetry.rules.backtest import try_out
from telemetry.rules.judging import ALARM, Kind, Limits, Standing, StoredReading, judge
from telemetry.tests.factories import RuleFactory, SeriesFactory

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOT = Limits(Kind.THRESHOLD, high=80.0, clear_high=75.0)


def after(minutes: float) -> datetime:
    return AT + timedelta(minutes=minutes)


def curve(*values: float) -> list[StoredReading]:
    """One reading a minute."""
    return [StoredReading(after(minute), value) for minute, value in enumerate(values)]


def test_an_episode_lasts_from_trigger_to_clear_and_naive_alerting_counts_readings() -> None:
    trial = try_out(HOT, curve(70, 81, 79, 82, 76, 75, 70), until=after(7))

    assert [(one.fired_at, one.cleared_at, one.begun.value) for one in trial.episodes] == [(after(1), after(5), 81)]
    assert (trial.firing_s, trial.naive_alerts, trial.readings) == (240, 2, 7)


def test_what_was_too_short_for_an_alarm_is_told_as_pending_only() -> None:
    patient = HOT._replace(for_s=120)

    trial = try_out(patient, curve(81, 70, 70, 81, 81, 81, 81, 70), until=after(8))

    assert [(one.fired_at, one.cleared_at) for one in trial.episodes] == [(after(5), after(7))]
    assert [(span.began_at, span.ended_at, span.fired) for span in trial.pending] == [
        (after(0), after(1), False),
        (after(3), after(5), True),
    ]
    assert (trial.pending_s, trial.firing_s, trial.naive_alerts) == (60, 120, 5)


def test_an_alarm_that_nothing_ended_lasts_to_the_end_of_the_time_asked() -> None:
    trial = try_out(HOT, curve(70, 90), until=after(10))

    assert trial.episodes[0].cleared_at is None
    assert trial.firing_s == 9 * 60


def test_a_silence_is_one_alarm_for_the_stale_kind_naive_or_not() -> None:
    stale = Limits(Kind.STALE, span_s=300)

    trial = try_out(stale, [*curve(1, 1), StoredReading(after(20), 1)], until=after(40))

    assert [(one.fired_at, one.cleared_at) for one in trial.episodes] == [(after(6), after(20)), (after(25), None)]
    assert trial.naive_alerts == 2


def test_a_stuck_value_is_one_alarm_where_naive_alerting_has_one_a_reading() -> None:
    stuck = Limits(Kind.STUCK, span_s=180, min_samples=3)

    trial = try_out(stuck, curve(5, 5, 5, 5, 5, 5, 6), until=after(7))

    assert [(one.fired_at, one.cleared_at) for one in trial.episodes] == [(after(3), after(6))]
    assert trial.naive_alerts == 3


def test_nothing_measured_is_nothing_done() -> None:
    trial = try_out(HOT, [], until=after(9))

    assert trial == (0, [], [], 0, 0, 0)


@given(st.lists(st.floats(60, 100), max_size=60), st.sampled_from([0, 60, 180]), st.sampled_from([0, 60, 300]))
def test_times_add_up(values: list[float], for_s: int, keep_firing_s: int) -> None:
    """Episodes are parted, each a second or more of firing; never more of them than naive alerts."""
    limits, until = HOT._replace(for_s=for_s, keep_firing_s=keep_firing_s), after(len(values))

    trial = try_out(limits, curve(*values), until=until)

    ends = [AT] + [one.cleared_at or until for one in trial.episodes]
    assert all(one.fired_at >= end for one, end in zip(trial.episodes, ends, strict=False))
    assert len(trial.episodes) <= trial.naive_alerts
    assert trial.firing_s + trial.pending_s <= len(values) * 60
    open_at_end = judge(limits, Standing(), curve(*values)).standing.state in ALARM
    if trial.episodes and trial.episodes[-1].cleared_at is None:
        assert open_at_end or for_s


@pytest.fixture
def hot_pump(db: None) -> Rule:
    """Four readings, one minute apart: fine, too hot, still hot, fine. The rule came later."""
    rule = RuleFactory.create(at=AT + timedelta(days=1))
    sent = [
        {"equipment_id": str(rule.equipment_id), "metric": "temperature", "value": value, "recorded_at": stamp(minute)}
        for minute, value in enumerate((70, 90, 85, 70))
    ]
    ingest(sent, at=after(5))
    return rule


def stamp(minute: int) -> str:
    return after(minute).isoformat().replace("+00:00", "Z")


def ask(client: Any, rule: Rule, **body: Any) -> Any:
    span = {"from": stamp(0), "to": stamp(60)}
    return client.post(f"/api/v1/iot-rules/{rule.pk}/backtest", {**span, **body}, format="json")


def test_the_rule_is_tried_on_what_is_stored(api: Any, mona: User, hot_pump: Rule) -> None:
    data = ask(api(mona), hot_pump).json()["data"]

    assert {name: data[name] for name in ("readings", "alerts", "firing_s", "pending_s", "naive_alerts")} == {
        "readings": 4, "alerts": 1, "firing_s": 120, "pending_s": 0, "naive_alerts": 2,
    }  # fmt: skip
    assert data["held_back"] == 0
    (series,) = data["series"]
    assert (series["equipment_id"], series["unit"]) == (str(hot_pump.equipment_id), "Cel")
    assert series["episodes"] == [
        {
            "fired_at": stamp(1),
            "told_at": stamp(1),
            "suppressed_by": "",
            "cleared_at": stamp(3),
            "value": 90.0,
            "measure": 90.0,
            "reason": "Temperature was 90 °C; the limit is > 80 °C.",
        }
    ]


def window(rule: Rule, start: float, end: float) -> None:
    times = {"starts_at": after(start), "ends_at": after(end)}
    MaintenanceWindow.add(by=None, equipment=rule.equipment, reason="Filters", **times)


def told(data: Any) -> tuple[int, int, list[tuple[str | None, str]]]:
    episodes = [(one["told_at"], one["suppressed_by"]) for one in data["series"][0]["episodes"]]
    return data["alerts"], data["held_back"], episodes


def test_a_window_holds_back_what_is_over_before_it_ends(api: Any, mona: User, hot_pump: Rule) -> None:
    window(hot_pump, 0, 30)

    assert told(ask(api(mona), hot_pump).json()["data"]) == (0, 1, [(None, "MAINTENANCE_WINDOW")])


def test_what_outlasts_a_window_is_told_at_its_end(api: Any, mona: User, hot_pump: Rule) -> None:
    window(hot_pump, 0, 2)

    assert told(ask(api(mona), hot_pump).json()["data"]) == (1, 0, [(stamp(2), "MAINTENANCE_WINDOW")])


def test_the_status_log_holds_back_what_it_covered(api: Any, mona: User, hot_pump: Rule) -> None:
    machine = hot_pump.equipment
    machine.set_status(status="MAINTENANCE", by=None, at=AT, reason="Filters")
    machine.set_status(status="ONLINE", by=None, at=after(20), reason="")

    assert told(ask(api(mona), hot_pump).json()["data"]) == (0, 1, [(None, "STATUS")])


@pytest.mark.parametrize(
    ("day", "opens"),
    [("2026-03-28T06:30:00Z", "2026-03-28T07:00:00Z"), ("2026-03-29T05:30:00Z", "2026-03-29T06:00:00Z")],
)
def test_hours_are_tried_on_the_clock_of_the_site(api: Any, mona: User, day: str, opens: str) -> None:
    """Eight o'clock in Berlin, the day before the clocks went forward and that day."""
    begins = datetime.fromisoformat(day)
    rule = RuleFactory.create(at=begins)
    rule.equipment.location.site.change(by=None, time_zone="Europe/Berlin")
    reading = {"equipment_id": str(rule.equipment_id), "metric": "temperature", "value": 90, "recorded_at": day}
    ingest([reading], at=begins)
    hours = {"SAT": [["08:00", "18:00"]], "SUN": [["08:00", "18:00"]]}
    span = {"from": day, "to": (begins + timedelta(hours=6)).isoformat()}

    data = ask(api(mona), rule, changes={"weekly_hours": hours}, **span).json()["data"]

    assert told(data) == (1, 0, [(opens, "SCHEDULE")])


def test_a_draft_is_tried_and_nothing_is_stored(api: Any, mona: User, hot_pump: Rule) -> None:
    before = (hot_pump.updated_at, AuditLog.objects.count())

    answer = ask(api(mona), hot_pump, changes={"trigger_value": 95}).json()["data"]

    hot_pump.refresh_from_db()
    assert (answer["alerts"], answer["rule"]["trigger_value"], hot_pump.trigger_value) == (0, 95.0, 80.0)
    assert (hot_pump.updated_at, AuditLog.objects.count()) == before


def test_a_draft_that_makes_no_sense_is_refused_as_an_edit_would_be(api: Any, mona: User, hot_pump: Rule) -> None:
    assert_error(ask(api(mona), hot_pump, changes={"clear_value": 99}), 400, "VALIDATION_ERROR", "clear_value")
    assert_error(ask(api(mona), hot_pump, changes={"colour": "red"}), 400, "UNKNOWN_FIELD")


def test_times_must_make_sense(api: Any, mona: User, hot_pump: Rule) -> None:
    ahead = (timezone.now() + timedelta(days=1)).isoformat()

    assert_error(ask(api(mona), hot_pump, to=stamp(0)), 400, "VALIDATION_ERROR", "to")
    assert_error(ask(api(mona), hot_pump, **{"from": ahead, "to": "2100-01-01T00:00:00Z"}), 400, "VALIDATION_ERROR")


def test_only_series_the_rule_watches(api: Any, mona: User, hot_pump: Rule) -> None:
    stranger = SeriesFactory.create()

    assert_error(ask(api(mona), hot_pump, series_id=stranger.pk), 400, "VALIDATION_ERROR", "series_id")


def test_too_much_is_refused_in_words(api: Any, mona: User, hot_pump: Rule, monkeypatch: Any) -> None:
    monkeypatch.setattr("telemetry.rules.backtest.MAX_READINGS", 3)

    error = assert_error(ask(api(mona), hot_pump), 422, "RANGE_TOO_LARGE", "from")

    assert "choose a shorter one" in error["message"]
