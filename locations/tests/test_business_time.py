"""Business time against a slow model that asks the wall clock once a minute."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from locations.business_time import BusinessHours, NeverOpen, total, without

MINUTE = timedelta(minutes=1)
WORKDAYS = (((480, 1020),),) * 5 + ((),) * 2
# Both ways, in both hemispheres, by half an hour (Lord Howe), at 02:45 (Chatham), at midnight, and by a whole day.
CHANGES = (
    ("Europe/Berlin", (2026, 3, 29)),
    ("Europe/Berlin", (2026, 10, 25)),
    ("America/New_York", (2026, 3, 8)),
    ("America/New_York", (2026, 11, 1)),
    ("America/St_Johns", (2026, 3, 8)),
    ("America/St_Johns", (2006, 10, 29)),
    ("Australia/Lord_Howe", (2026, 4, 5)),
    ("Australia/Lord_Howe", (2026, 10, 4)),
    ("Pacific/Chatham", (2026, 4, 5)),
    ("Pacific/Chatham", (2026, 9, 27)),
    ("America/Sao_Paulo", (2018, 11, 4)),
    ("Asia/Kathmandu", (2026, 6, 1)),
    ("Pacific/Apia", (2011, 12, 30)),
    ("Africa/Casablanca", (2026, 2, 15)),
)


def berlin(**holidays: frozenset[date]) -> BusinessHours:
    return BusinessHours(ZoneInfo("Europe/Berlin"), WORKDAYS, **holidays)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year to minute


def counted_by_the_minute(hours: BusinessHours, start: datetime, end: datetime) -> timedelta:
    """The definition: ask the wall clock at each minute whether it shows business hours."""
    open_minutes = 0
    while start < end:
        wall = start.astimezone(hours.zone)
        of_day = hours.weekly[wall.weekday()]
        rests = wall.date() in hours.holidays or (wall.month, wall.day) in hours.yearly
        open_minutes += not rests and any(a <= wall.hour * 60 + wall.minute < b for a, b in of_day)
        start += MINUTE
    return open_minutes * MINUTE


@st.composite
def openings(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Up to three openings of a day, in quarters of an hour, some of them meeting."""
    edges = sorted(draw(st.lists(st.integers(0, 96), max_size=6, unique=True)))
    return tuple((a * 15, b * 15) for a, b in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def situations(draw: st.DrawFn) -> tuple[BusinessHours, datetime]:
    """A calendar, and a moment within days of a change of its clock."""
    zone, day = draw(st.sampled_from(CHANGES))
    weekly = tuple(draw(st.lists(openings(), min_size=7, max_size=7)))
    near = date(*day)
    holidays = draw(st.sets(st.integers(-3, 3).map(lambda n: near + timedelta(days=n)), max_size=2))
    yearly = draw(st.sets(st.sampled_from([(near.month, near.day), (12, 25)]), max_size=1))
    moment = datetime(*day, 12, tzinfo=UTC) + draw(st.integers(-2 * 1440, 2 * 1440)) * MINUTE
    return BusinessHours(ZoneInfo(zone), weekly, frozenset(holidays), frozenset(yearly)), moment


lengths = st.integers(0, 3 * 1440).map(lambda n: n * MINUTE)
amounts = st.integers(0, 2000).map(lambda n: n * MINUTE)


@settings(max_examples=150)
@given(situations(), lengths)
def test_it_counts_what_the_wall_clock_shows(situation: tuple[BusinessHours, datetime], length: timedelta) -> None:
    hours, start = situation

    assert hours.between(start, start + length) == counted_by_the_minute(hours, start, start + length)


@given(situations(), lengths, lengths)
def test_two_stretches_add_up(situation: tuple[BusinessHours, datetime], one: timedelta, other: timedelta) -> None:
    hours, start = situation
    middle, end = start + one, start + one + other

    assert hours.between(start, end) == hours.between(start, middle) + hours.between(middle, end)


@given(situations(), amounts, st.integers(1, 300))
def test_adding_is_the_inverse_of_counting(
    situation: tuple[BusinessHours, datetime], amount: timedelta, more: int
) -> None:
    hours, start = situation
    assume(any(hours.weekly))

    due = hours.add(start, amount)

    assert due >= start
    assert hours.between(start, due) == amount
    assert amount == timedelta(0) or hours.between(start, due - MINUTE) < amount  # the first such instant
    assert hours.add(start, amount + more * MINUTE) > due


@given(situations(), amounts, amounts)
def test_adding_in_two_steps_is_adding_at_once(
    situation: tuple[BusinessHours, datetime], one: timedelta, other: timedelta
) -> None:
    hours, start = situation
    assume(any(hours.weekly) and other)

    assert hours.add(hours.add(start, one), other) == hours.add(start, one + other)


@given(situations(), lengths)
def test_spans_are_half_open_and_apart(situation: tuple[BusinessHours, datetime], length: timedelta) -> None:
    hours, start = situation

    spans = list(hours.spans(start, start + length))

    assert all(a < b for a, b in spans)
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    assert all(hours.is_open(a) and hours.is_open(b - timedelta(seconds=1)) for a, b in spans)
    assert all(not hours.is_open(b) for _a, b in spans if b < start + length)


@given(situations(), lengths, st.lists(st.tuples(lengths, lengths), max_size=4))
@example((berlin(), utc(2026, 3, 27, 8, 0)), 3 * 1440 * MINUTE, [(60 * MINUTE, 0 * MINUTE)])
def test_holes_take_out_what_is_in_them(
    situation: tuple[BusinessHours, datetime], length: timedelta, drawn: list[tuple[timedelta, timedelta]]
) -> None:
    hours, start = situation
    holes = sorted((start + after, start + after + lasting) for after, lasting in drawn)

    left = total(without(hours.spans(start, start + length), holes))

    covered = {start + n * MINUTE for a, b in holes for n in range((a - start) // MINUTE, (b - start) // MINUTE)}
    stretch = [start + n * MINUTE for n in range(length // MINUTE)]
    assert left == sum(hours.is_open(at) for at in stretch if at not in covered) * MINUTE


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 3, 30), 24), ((2026, 10, 25), 25)])
def test_a_day_around_the_clock_is_as_long_as_the_day(day: tuple[int, int, int], hours: int) -> None:
    clock = BusinessHours.around_the_clock(ZoneInfo("Europe/Berlin"))
    midnight = datetime(*day, tzinfo=clock.zone)

    assert clock.between(midnight, midnight + timedelta(days=1)) == timedelta(hours=hours)


def test_an_hour_that_is_skipped_is_no_business_time_and_one_that_comes_twice_counts_twice() -> None:
    nights = BusinessHours(ZoneInfo("Europe/Berlin"), (((120, 180),),) * 7)  # 02:00 to 03:00

    assert nights.between(utc(2026, 3, 28, 12), utc(2026, 3, 29, 12)) == timedelta(0)
    assert nights.between(utc(2026, 10, 24, 12), utc(2026, 10, 25, 12)) == timedelta(hours=2)


def test_seconds_count_too() -> None:
    friday_evening = utc(2026, 3, 27, 15, 59, 30)  # 16:59:30 in Berlin

    assert berlin().add(friday_evening, timedelta(seconds=40)) == utc(2026, 3, 30, 6, 0, 10)


def test_what_is_due_at_closing_time_is_due_then_and_not_on_monday() -> None:
    assert berlin().add(utc(2026, 3, 27, 15, 0), timedelta(hours=1)) == utc(2026, 3, 27, 16, 0)


def test_a_calendar_that_never_opens_says_so() -> None:
    closed = BusinessHours(ZoneInfo("Europe/Berlin"), ((),) * 7)

    with pytest.raises(NeverOpen):
        closed.add(utc(2026, 1, 1), MINUTE)


def test_a_kept_copy_counts_alike() -> None:
    hours = BusinessHours(ZoneInfo("Pacific/Chatham"), WORKDAYS, frozenset({date(2026, 4, 6)}), frozenset({(12, 25)}))

    assert BusinessHours.from_json(hours.as_json()) == hours
