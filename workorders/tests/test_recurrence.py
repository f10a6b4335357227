"""When planned work comes round: fixed and floating, over clock changes, short months and leap days."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workorders.meters import Counter, forecast, next_threshold
from workorders.recurrence import FREQUENCIES, LONGEST, Recurrence, RuleRefused, parts_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]).map(
    ZoneInfo
)
DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
MOMENTS = DAYS.map(lambda day: datetime.combine(day, time(), tzinfo=UTC)).flatmap(
    lambda midnight: st.timedeltas(timedelta(0), timedelta(days=1)).map(lambda later: midnight + later)
)
TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))


def rule(text: str, *, start: date = date(2026, 1, 5), at: time = time(8), **kwargs: Any) -> Recurrence:
    return Recurrence.checked(
        text, start=start, at=at, zone=kwargs.pop("zone", BERLIN), floating=kwargs.pop("f", False)
    )


def days(recurrence: Recurrence, first: date, last: date) -> list[str]:
    start, end = (datetime.combine(day, time(), tzinfo=recurrence.zone) for day in (first, last))
    return [f"{m.astimezone(recurrence.zone):%m-%d %H:%M}" for m in recurrence.instants(after=start, until=end)]


def test_it_works() -> None:
    quarterly = rule("FREQ=MONTHLY;INTERVAL=3")

    assert days(quarterly, date(2026, 1, 1), date(2027, 1, 1)) == [
        "01-05 08:00", "04-05 08:00", "07-05 08:00", "10-05 08:00",
    ]  # fmt: skip
    assert quarterly.next_after(datetime(2026, 4, 5, 6, tzinfo=UTC)) == datetime(2026, 7, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FREQ=MONTHLY;BYDAY=1MO", "every month on the first Monday"),
        ("FREQ=MONTHLY;INTERVAL=3", "every 3 months on day 5"),
        ("FREQ=WEEKLY;BYDAY=MO,TH", "every week on Monday and Thursday"),
        ("FREQ=WEEKLY", "every week on Monday"),
        ("FREQ=DAILY;INTERVAL=10", "every 10 days"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day of the month"),
        ("FREQ=YEARLY", "every year on 5 January"),
        ("FREQ=YEARLY;BYMONTH=4,10", "every year on day 5 in April and October"),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1",
            "every month on the last of Monday and Tuesday",
        ),
    ],
)
def test_a_rule_in_words(text: str, words: str) -> None:
    assert rule(text).words() == words


def test_a_floating_rule_in_words() -> None:
    assert rule("FREQ=MONTHLY;INTERVAL=6", f=True).words(floating=True) == "every 6 months after the last time"


@pytest.mark.parametrize(
    "text",
    [
        "", "rubbish", "FREQ=HOURLY", "FREQ=MINUTELY;INTERVAL=1", "FREQ=DAILY;BYHOUR=1,2,3", "INTERVAL=1",
        "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=99999", "FREQ=MONTHLY;COUNT=3", "FREQ=MONTHLY;UNTIL=20270101",
        "FREQ=MONTHLY;FREQ=DAILY", "FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYDAY=5MO",
        "FREQ=MONTHLY;BYDAY=XX", "FREQ=YEARLY;BYMONTH=13", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=WEEKLY;BYMONTHDAY=3",
        "FREQ=MONTHLY;BYSETPOS=1", "DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "FREQ=MONTHLY;BYMONTHDAY=--1",
        "FREQ=MONTHLY;BYEASTER=1",
    ],
)  # fmt: skip
def test_what_nobody_can_plan_by_is_refused(text: str) -> None:
    with pytest.raises(RuleRefused):
        rule(text)


def test_a_rule_that_would_skip_short_months_is_refused() -> None:
    with pytest.raises(RuleRefused, match="BYMONTHDAY=-1"):
        rule("FREQ=MONTHLY", start=date(2026, 1, 31))
    with pytest.raises(RuleRefused, match="BYMONTHDAY=-1"):
        rule("FREQ=YEARLY", start=date(2028, 2, 29))
    assert days(rule("FREQ=MONTHLY;BYMONTHDAY=-1"), date(2028, 2, 1), date(2028, 4, 1)) == [
        "02-29 08:00",
        "03-31 08:00",
    ]


def test_a_floating_rule_has_no_days() -> None:
    with pytest.raises(RuleRefused, match="BYDAY"):
        rule("FREQ=MONTHLY;BYDAY=1MO", f=True)


def test_the_hour_stays_when_the_clocks_change() -> None:
    weekly = rule("FREQ=WEEKLY")

    assert weekly.instants(
        after=datetime(2026, 3, 22, tzinfo=UTC), until=datetime(2026, 4, 1, tzinfo=UTC)
    ) == [datetime(2026, 3, 23, 7, tzinfo=UTC), datetime(2026, 3, 30, 6, tzinfo=UTC)]  # fmt: skip


def test_an_hour_that_the_clocks_skip_means_the_hour_after() -> None:
    nightly = rule("FREQ=DAILY", at=time(2, 30))

    assert days(nightly, date(2026, 3, 28), date(2026, 3, 31)) == ["03-28 02:30", "03-29 03:30", "03-30 02:30"]


@pytest.mark.parametrize(
    ("text", "done", "due"),
    [
        ("FREQ=MONTHLY", "2026-01-31", "2026-02-28"),
        ("FREQ=MONTHLY", "2028-01-31", "2028-02-29"),
        ("FREQ=YEARLY", "2028-02-29", "2029-02-28"),
        ("FREQ=DAILY;INTERVAL=90", "2026-01-01", "2026-04-01"),
        ("FREQ=WEEKLY;INTERVAL=2", "2026-03-20", "2026-04-03"),
    ],
)
def test_an_interval_from_when_it_was_done(text: str, done: str, due: str) -> None:
    late_in_the_evening = datetime.fromisoformat(f"{done}T23:30").replace(tzinfo=BERLIN)

    following = rule(text, f=True).interval_after(late_in_the_evening)

    assert f"{following.astimezone(BERLIN):%Y-%m-%d %H:%M}" == f"{due} 08:00"


frequencies = st.sampled_from(sorted(FREQUENCIES)).flatmap(
    lambda f: st.integers(1, min(LONGEST[f], 24)).map(lambda n: f"FREQ={f};INTERVAL={n}")
)
choices = st.sampled_from(
    ["FREQ=MONTHLY;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "FREQ=MONTHLY;BYMONTHDAY=-1",
     "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=1,15"]
)  # fmt: skip


@given(text=frequencies | choices, start=DAYS, at=TIMES, zone=ZONES, after=MOMENTS)
def test_a_fixed_rule_has_one_next_time_which_the_window_knows_too(
    text: str, start: date, at: time, zone: ZoneInfo, after: datetime
) -> None:
    start = start.replace(day=min(start.day, 28))
    recurrence = rule(text, start=start, at=at, zone=zone)

    following = recurrence.next_after(after)

    assert following is not None
    assert following > after
    assert following.astimezone(zone).date() >= start
    assert recurrence.instants(after=after, until=following) == [following]
    wall = following.astimezone(zone)
    shift = timedelta(hours=wall.hour - at.hour, minutes=wall.minute - at.minute)
    assert timedelta(0) <= shift <= timedelta(hours=1) or wall.date() != following.date()


@given(text=frequencies, done=MOMENTS, at=TIMES, zone=ZONES)
def test_a_floating_rule_is_due_an_interval_after_the_day_it_was_done(
    text: str, done: datetime, at: time, zone: ZoneInfo
) -> None:
    recurrence = rule(text, at=at, zone=zone, f=True)

    due = recurrence.interval_after(done).astimezone(zone)

    day = done.astimezone(zone).date()
    parts = parts_of(text)
    n = int(parts["INTERVAL"])
    if parts["FREQ"] == "DAILY":
        assert due.date() - day == timedelta(days=n)
    elif parts["FREQ"] == "WEEKLY":
        assert due.date() - day == timedelta(weeks=n)
    else:
        months = n * (12 if parts["FREQ"] == "YEARLY" else 1)
        assert (due.year * 12 + due.month) - (day.year * 12 + day.month) == months
        assert due.day <= day.day


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_a_counter_never_runs_backwards(values: list[float]) -> None:
    counter = Counter(values[0], values[0])
    for value in values:
        before = counter.total
        counter = counter.read(value)
        assert counter.total >= before


@given(
    first=st.lists(st.floats(0, 1e4), min_size=1).map(sorted),
    second=st.lists(st.floats(0, 1e4), min_size=2).map(sorted),
)
def test_a_replaced_counter_goes_on(first: list[float], second: list[float]) -> None:
    counter = Counter(first[0], first[0])
    for value in first:
        counter = counter.read(value)
    if second[1] >= first[-1]:
        return
    for value in second:
        counter = counter.read(value)

    assert counter.total == pytest.approx(first[-1] + second[-1])


def test_one_broken_reading_is_no_reset() -> None:
    counter = Counter(12_000, 12_000).read(0).read(12_005)

    assert (counter.total, counter.suspect) == (12_005, None)


@given(due=st.floats(0, 1e5), interval=st.floats(1, 1e4), total=st.floats(0, 2e5))
def test_the_next_threshold_lies_ahead_and_on_the_grid(due: float, interval: float, total: float) -> None:
    following = next_threshold(due, interval=interval, total=total)

    assert following > due
    assert following >= total - 1e-6
    steps = (following - due) / interval
    assert steps == pytest.approx(round(steps), abs=1e-6)


def test_a_forecast_goes_on_at_the_pace_so_far() -> None:
    since, now = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC)

    ahead = forecast(due=500, total=300, since_total=200, since=since, now=now)

    assert ahead == datetime(2026, 1, 31, tzinfo=UTC)
    assert forecast(due=500, total=200, since_total=200, since=since, now=now) is None
    assert forecast(due=500, total=501, since_total=200, since=since, now=now) == now
