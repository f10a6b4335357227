"""Quiet hours as arithmetic, over midnight and over changes of the clock."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultreporter.notifications.quiet import quiet_until

BERLIN = "Europe/Berlin"
ZONES = ["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
moments = st.integers(0, 2 * 366 * 86_400).map(
    lambda second: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)
clocks = st.times().map(lambda moment: moment.replace(microsecond=0))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN))


def until(at: datetime, start: str = "22:00", end: str = "06:00") -> Any:
    return quiet_until(at, start=time.fromisoformat(start), end=time.fromisoformat(end), zone=BERLIN)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-06-10T21:59:59", None),
        ("2026-06-10T22:00", "2026-06-11T06:00"),
        ("2026-06-10T23:59", "2026-06-11T06:00"),
        ("2026-06-11T00:00", "2026-06-11T06:00"),
        ("2026-06-11T05:59:59", "2026-06-11T06:00"),
        ("2026-06-11T06:00", None),
    ],
)
def test_it_works_over_midnight(at: str, end: str | None) -> None:
    assert until(berlin(at)) == (end and berlin(end))


def test_within_one_day() -> None:
    assert until(berlin("2026-06-10T13:00"), "12:00", "14:00") == berlin("2026-06-10T14:00")
    assert until(berlin("2026-06-10T15:00"), "12:00", "14:00") is None


def test_the_night_that_is_an_hour_shorter() -> None:
    """29 March 2026: at 2:00 the clock goes to 3:00."""
    at = berlin("2026-03-28T22:00")

    assert until(at) == berlin("2026-03-29T06:00")
    assert until(at) - at.astimezone(UTC) == timedelta(hours=7)


def test_the_night_that_is_an_hour_longer() -> None:
    """25 October 2026: at 3:00 the clock goes back to 2:00."""
    at = berlin("2026-10-24T22:00")

    assert until(at) - at.astimezone(UTC) == timedelta(hours=9)


def test_an_end_that_the_clock_skips() -> None:
    assert until(berlin("2026-03-29T00:00"), end="02:30") == berlin("2026-03-29T03:30")


def test_equal_times_are_never_quiet() -> None:
    assert until(berlin("2026-06-10T22:00"), "22:00", "22:00") is None


@given(at=moments, start=clocks, end=clocks, zone=st.sampled_from(ZONES))
def test_the_end_lies_ahead_and_isnt_quiet_itself(at: datetime, start: time, end: time, zone: str) -> None:
    found = quiet_until(at, start=start, end=end, zone=zone)

    if found is not None:
        assert at < found <= at + timedelta(days=3)
        assert quiet_until(found, start=start, end=end, zone=zone) is None


@given(at=moments, start=clocks, end=clocks)
def test_in_utc_it_is_what_the_clock_says(at: datetime, start: time, end: time) -> None:
    clock = at.timetz().replace(tzinfo=None)
    inside = start <= clock < end if start < end else (clock >= start or clock < end) and start != end

    assert (quiet_until(at, start=start, end=end, zone="UTC") is not None) == inside


@given(at=moments, start=clocks, end=clocks, zone=st.sampled_from(ZONES))
def test_until_the_end_it_stays_quiet(at: datetime, start: time, end: time, zone: str) -> None:
    found = quiet_until(at, start=start, end=end, zone=zone)

    if found is not None:
        assert quiet_until(found - timedelta(seconds=1), start=start, end=end, zone=zone) == found
