"""Where buckets begin, in zones whose clocks are put forward and back."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.aggregation.buckets import BUCKETS, TooManyBuckets, edges

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Asia/Beirut")


def local(zone: str, *moment: int, fold: int = 0) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[arg-type, misc]  # numbers


def hours(found: list[datetime]) -> list[float]:
    return [(end - start) / timedelta(hours=1) for start, end in pairwise(found)]


def berlin(bucket: str, since: tuple[int, ...], until: tuple[int, ...]) -> list[datetime]:
    zone = "Europe/Berlin"
    return edges(bucket, since=local(zone, *since), until=local(zone, *until), zone=ZoneInfo(zone))


def test_days_are_the_calendars() -> None:
    assert hours(berlin("1d", (2026, 3, 28), (2026, 3, 31))) == [24, 23, 24]
    assert hours(berlin("1d", (2026, 10, 24), (2026, 10, 27))) == [24, 25, 24]


def test_quarters_of_the_day_when_clocks_change() -> None:
    assert hours(berlin("6h", (2026, 3, 29), (2026, 3, 30))) == [5, 6, 6, 6]
    assert hours(berlin("6h", (2026, 10, 25), (2026, 10, 26))) == [7, 6, 6, 6]


def test_the_hour_that_is_missing_and_the_one_that_comes_twice() -> None:
    assert len(berlin("1h", (2026, 3, 29), (2026, 3, 30))) == 24
    assert hours(berlin("1h", (2026, 10, 25), (2026, 10, 26))) == [1.0] * 25


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    found = berlin("1w", (2026, 3, 25, 8), (2026, 4, 7))
    assert found[1:-1] == [local("Europe/Berlin", 2026, 3, 30), local("Europe/Berlin", 2026, 4, 6)]
    assert hours(berlin("1mo", (2026, 2, 1), (2026, 5, 1))) == [28 * 24, 31 * 24 - 1, 30 * 24]


def test_a_day_that_has_no_midnight_begins_when_the_clock_is_put_forward() -> None:
    zone = ZoneInfo("Asia/Beirut")
    found = edges("1d", since=local("Asia/Beirut", 2026, 3, 28), until=local("Asia/Beirut", 2026, 3, 30), zone=zone)

    assert hours(found) == [24, 23]
    assert found[1].astimezone(zone).hour == 1


def test_a_day_that_a_place_has_skipped_is_no_bucket() -> None:
    """The 30th of December 2011 never came in Samoa."""
    zone = ZoneInfo("Pacific/Apia")
    found = edges("1d", since=local("Pacific/Apia", 2011, 12, 29), until=local("Pacific/Apia", 2012, 1, 1), zone=zone)

    assert [at.astimezone(zone).day for at in found] == [29, 31, 1]


def test_half_hours_of_a_zone_beside_the_hour() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    since = local("Asia/Kolkata", 2026, 3, 1)
    found = edges("1h", since=since, until=since + timedelta(hours=3), zone=zone)

    assert [edge.minute for edge in found] == [30, 30, 30, 30]


def test_the_ends_stay_where_they_are() -> None:
    since, until = datetime(2026, 3, 1, 10, 7, tzinfo=UTC), datetime(2026, 3, 1, 10, 31, 1, tzinfo=UTC)

    found = edges("15m", since=since, until=until, zone=ZoneInfo("UTC"))

    assert found == [since, since.replace(minute=15), since.replace(minute=30), until]


def test_too_many_are_refused_at_once() -> None:
    with pytest.raises(TooManyBuckets) as refused:
        edges(
            "1m", since=datetime(1971, 1, 1, tzinfo=UTC), until=datetime(2199, 1, 1, tzinfo=UTC), zone=ZoneInfo("UTC")
        )

    assert refused.value.meta == {"max_buckets": 10_000}


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds it


@given(
    st.sampled_from(BUCKETS), st.sampled_from(ZONES), MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=3))
)
def test_every_edge_is_a_multiple_on_the_wall_clock_and_none_is_missing(
    bucket: str, name: str, since: datetime, length: timedelta
) -> None:
    zone = ZoneInfo(name)

    found = edges(bucket, since=since, until=since + length, zone=zone)

    assert (found[0], found[-1]) == (since, since + length)
    assert all(start < end for start, end in pairwise(found))
    longest = {"1m": 1, "5m": 5, "15m": 15, "30m": 60, "1h": 120, "6h": 420, "1d": 25 * 60, "1w": 169 * 60}
    assert max(hours(found)) * 60 <= longest.get(bucket, 745 * 60)
    for edge in found[1:-1]:
        wall = edge.astimezone(zone)
        assert wall.second == wall.microsecond == 0
        changed = (edge - timedelta(seconds=1)).astimezone(zone).utcoffset() != wall.utcoffset()
        assert changed or bucket not in {"1d", "1w", "1mo"} or wall.hour == wall.minute == 0
        assert changed or bucket != "1h" or wall.minute == 0
