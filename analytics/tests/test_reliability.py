"""The interval engine: the golden vector, its definitions one by one, and its laws."""

import math
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.reliability import (
    HOUR,
    DownInterval,
    Loss,
    Measurement,
    Span,
    clip,
    episodes,
    in_service,
    loss_of,
    measure,
    quarter_before,
    quarter_of,
    quarter_span,
    subtract,
    total,
    union,
)
from analytics.tests.minute_reference import MinuteReference

Q1 = quarter_span(2026, 1, ZoneInfo("UTC"))


def at(month: int, day: int, hour: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


TWO_DAYS_LATER = at(4, 2)


def error(start: datetime, end: datetime | None, *, counts: bool = True) -> DownInterval:
    return DownInterval(start, end, Loss.UNPLANNED, counts_as_failure=counts)


Log = list[DownInterval]

GOLDEN = [
    error(at(12, 30, year=2025), at(1, 2, 12)),
    error(at(2, 10), at(2, 10, 6)),
    error(at(3, 30), None),
]


def measured(*intervals: DownInterval, as_of: datetime = TWO_DAYS_LATER, service: Span = Q1) -> Measurement:
    return measure(intervals, service=service, as_of=as_of)


class TestGoldenVector:
    def test_every_number(self) -> None:
        numbers = measured(*GOLDEN)

        assert numbers.window.length == 2160 * HOUR
        assert numbers.required_hours == 2160
        assert numbers.unplanned_down_hours == 90
        assert numbers.planned_down_hours == 0
        assert numbers.standby_hours == 0
        assert numbers.operating_hours == 2070
        assert len(numbers.failures) == 2
        assert numbers.mtbf_hours == 1035
        assert numbers.mtbf_lower_90_hours is None
        assert numbers.availability is not None
        assert round(100 * numbers.availability, 2) == 95.83
        assert len(numbers.restorations) == 2
        assert numbers.mttr_hours == 45
        assert len(numbers.open_repairs) == 1
        assert numbers.open_hours_so_far == 48

    def test_it_stays_when_the_open_repair_ends_after_the_quarter(self) -> None:
        ended_since = [*GOLDEN[:2], error(at(3, 30), at(4, 5))]

        assert figures(measured(*ended_since, as_of=at(4, 20))) == figures(measured(*GOLDEN))


class TestDefinitions:
    def test_without_a_failure_mtbf_is_null_with_a_lower_bound(self) -> None:
        numbers = measured()

        assert numbers.mtbf_hours is None
        assert numbers.mtbf_lower_90_hours == pytest.approx(2160 / 2.302585092994046)
        assert numbers.mttr_hours is None
        assert numbers.availability == 1

    @pytest.mark.parametrize("reason", ["PLANNED", "FALSE_ALARM", "CANCELLED", "EXTERNAL_SUPPLY", "DUPLICATE"])
    def test_an_excluded_failure_counts_nothing(self, reason: str) -> None:
        excluded = DownInterval(at(2, 1), at(2, 2), loss_of("ERROR", reason))

        numbers = measured(excluded)

        assert (len(numbers.failures), len(numbers.restorations), numbers.unplanned_down_hours) == (0, 0, 0)
        assert numbers.availability == 1

    def test_standby_is_not_required_time(self) -> None:
        standby = DownInterval(at(1, 1), at(1, 31), loss_of("OFFLINE", ""))

        numbers = measured(standby, error(at(2, 1), at(2, 2)))

        assert numbers.standby_hours == 720
        assert numbers.required_hours == 1440
        assert numbers.availability == pytest.approx(1 - 24 / 1440)

    def test_planned_work_is_required_but_not_operating_time(self) -> None:
        numbers = measured(DownInterval(at(2, 1), at(2, 2), loss_of("MAINTENANCE", "")))

        assert (numbers.planned_down_hours, numbers.required_hours, numbers.operating_hours) == (24, 2160, 2136)
        assert numbers.availability == 1

    def test_the_worst_of_what_overlaps_takes_the_hour(self) -> None:
        numbers = measured(
            DownInterval(at(2, 1), at(2, 4), Loss.STANDBY),
            DownInterval(at(2, 2), at(2, 4), Loss.PLANNED),
            error(at(2, 3), at(2, 4)),
        )

        assert (numbers.standby_hours, numbers.planned_down_hours, numbers.unplanned_down_hours) == (24, 24, 24)

    def test_merged_duplicates_are_one_failure(self) -> None:
        numbers = measured(error(at(2, 1), at(2, 3)), error(at(2, 2), at(2, 4)), error(at(2, 4), at(2, 5)))

        assert len(numbers.failures) == 1
        assert numbers.mttr_hours == 96

    def test_a_failure_that_began_before_the_quarter_is_not_counted_again(self) -> None:
        numbers = measured(error(at(12, 30, year=2025), at(1, 1)), error(at(1, 1), at(1, 2)))

        assert numbers.failures == []
        assert numbers.mttr_hours == 72

    def test_down_time_that_does_not_count_is_still_down(self) -> None:
        numbers = measured(error(at(2, 1), at(2, 2), counts=False))

        assert (len(numbers.failures), numbers.unplanned_down_hours, numbers.mttr_hours) == (0, 24, 24)

    def test_before_it_was_installed_and_after_it_was_retired_nothing_is_required(self) -> None:
        service = in_service(Q1, since=at(1, 11), retired=at(3, 2))

        numbers = measured(error(at(1, 1), at(1, 12)), error(at(3, 1), None), service=service)

        assert numbers.required_hours == 50 * 24
        assert numbers.unplanned_down_hours == 48
        assert len(numbers.failures) == 1
        assert numbers.open_hours_so_far == 24

    def test_out_of_service_all_quarter_nothing_is_known(self) -> None:
        numbers = measured(error(at(2, 1), None), service=in_service(Q1, retired=at(1, 1)))

        assert (numbers.required_hours, numbers.availability, numbers.mtbf_lower_90_hours) == (0, None, None)
        assert numbers.open_repairs == []

    def test_what_comes_after_the_cut_off_is_not_known_yet(self) -> None:
        numbers = measured(error(at(2, 1), at(2, 3)), error(at(2, 10), at(2, 11)), as_of=at(2, 2))

        assert (len(numbers.failures), len(numbers.restorations), numbers.open_hours_so_far) == (1, 0, 24)
        assert numbers.required_hours == 32 * 24

    def test_a_repair_finished_this_moment_is_finished(self) -> None:
        numbers = measured(error(at(2, 1), at(2, 2)), as_of=at(2, 2))

        assert (len(numbers.restorations), len(numbers.open_repairs)) == (1, 0)

    def test_a_repair_finished_as_the_quarter_ends_belongs_to_the_next(self) -> None:
        q2 = quarter_span(2026, 2, ZoneInfo("UTC"))
        repair = error(at(3, 31), at(4, 1))

        assert [len(measured(repair, service=span).restorations) for span in (Q1, q2)] == [0, 1]
        assert [len(measured(repair, service=span).open_repairs) for span in (Q1, q2)] == [1, 0]

    def test_a_failure_over_in_the_same_moment_still_happened(self) -> None:
        numbers = measured(error(at(2, 1), at(2, 1)))

        assert (len(numbers.failures), numbers.mttr_hours, numbers.unplanned_down_hours) == (1, 0, 0)


class TestQuarters:
    @pytest.mark.parametrize(
        ("zone", "lengths"),
        [
            ("UTC", [2160, 2184, 2208, 2208]),
            ("Europe/Berlin", [2159, 2184, 2208, 2209]),
            ("America/New_York", [2159, 2184, 2208, 2209]),
            ("Australia/Lord_Howe", [2160, 2184.5, 2208, 2207.5]),
            ("Asia/Kathmandu", [2160, 2184, 2208, 2208]),
        ],
    )
    def test_hours_where_the_clocks_change(self, zone: str, lengths: list[float]) -> None:
        spans = [quarter_span(2026, quarter, ZoneInfo(zone)) for quarter in (1, 2, 3, 4)]

        assert [span.length / HOUR for span in spans] == lengths
        assert [span.end for span in spans[:3]] == [span.start for span in spans[1:]]

    def test_it_begins_at_midnight_of_the_site(self) -> None:
        assert quarter_span(2026, 1, ZoneInfo("Europe/Berlin")).start == at(12, 31, 23, year=2025)
        assert quarter_span(2026, 4, ZoneInfo("America/New_York")).start == at(10, 1, 4)

    @given(st.integers(min_value=0, max_value=100 * 366 * 24), st.timezone_keys())
    def test_every_moment_is_in_its_own_quarter(self, hour: int, zone_key: str) -> None:
        moment, zone = at(1, 1, year=2000) + hour * HOUR, ZoneInfo(zone_key)

        year, quarter = quarter_of(moment, zone)

        assert quarter_span(year, quarter, zone).contains(moment)
        assert not quarter_span(*quarter_before(year, quarter), zone).contains(moment)


minutes = st.integers(min_value=-600, max_value=2400)
START = at(1, 1)


def span_of(bounds: tuple[int, int]) -> Span:
    first, last = sorted(bounds)
    return Span(START + timedelta(minutes=first), START + timedelta(minutes=last))


spans = st.tuples(minutes, minutes).map(span_of)


@st.composite
def intervals(draw: st.DrawFn) -> DownInterval:
    span = draw(spans)
    end = draw(st.sampled_from([span.end, span.end, span.end, None]))
    return DownInterval(span.start, end, draw(st.sampled_from(Loss)), draw(st.booleans()))


logs = st.lists(intervals(), max_size=8)
SERVICE = Span(START, START + timedelta(minutes=1800))
AS_OF = st.integers(min_value=0, max_value=2400).map(lambda n: START + timedelta(minutes=n))


def figures(numbers: Measurement) -> tuple[float | None, ...]:
    return (
        numbers.required_hours,
        numbers.operating_hours,
        numbers.unplanned_down_hours,
        numbers.planned_down_hours,
        numbers.standby_hours,
        len(numbers.failures),
        len(numbers.restorations),
        len(numbers.open_repairs),
        numbers.mttr_hours,
        numbers.open_hours_so_far,
    )


class TestLaws:
    @given(st.data(), logs, AS_OF)
    def test_the_order_of_the_log_does_not_matter(self, data: st.DataObject, log: Log, as_of: datetime) -> None:
        shuffled = data.draw(st.permutations(log))

        assert figures(measure(shuffled, service=SERVICE, as_of=as_of)) == figures(
            measure(log, service=SERVICE, as_of=as_of)
        )

    @given(st.lists(spans))
    def test_union_twice_is_union_once(self, some: list[Span]) -> None:
        once = union(some)

        assert union(once) == once
        assert union([*some, *once]) == once
        assert all(first.end < second.start for first, second in pairwise(once))

    @given(st.lists(spans), st.lists(spans))
    def test_what_is_left_and_what_was_cut_make_the_whole(self, some: list[Span], holes: list[Span]) -> None:
        whole, cut = union(some), union(holes)

        left = subtract(whole, cut)
        covered = [piece for hole in cut for piece in clip(whole, hole)]

        assert union([*left, *covered]) == whole
        assert total(left) + total(covered) == total(whole)

    @given(logs, st.integers(min_value=1, max_value=1799))
    def test_hours_and_failures_add_up_over_adjacent_periods(self, log: Log, cut: int) -> None:
        middle, as_of = START + timedelta(minutes=cut), SERVICE.end + timedelta(days=9)

        whole = measure(log, service=SERVICE, as_of=as_of)
        halves = [
            measure(log, service=half, as_of=as_of) for half in (Span(SERVICE.start, middle), Span(middle, SERVICE.end))
        ]

        for stretch in ("unplanned", "planned", "standby"):
            assert sum((total(getattr(half, stretch)) for half in halves), timedelta()) == total(
                getattr(whole, stretch)
            )
        assert sum(len(half.failures) for half in halves) == len(whole.failures)
        assert sum(len(half.restorations) for half in halves) == len(whole.restorations)

    @given(logs, AS_OF)
    def test_numbers_stay_within_their_bounds(self, log: Log, as_of: datetime) -> None:
        numbers = measure(log, service=SERVICE, as_of=as_of)

        assert numbers.availability is None or 0 <= numbers.availability <= 1
        assert 0 <= numbers.operating_hours <= numbers.required_hours <= numbers.window.length / HOUR
        assert numbers.mtbf_hours is None or (numbers.failures and math.isfinite(numbers.mtbf_hours))
        assert numbers.mtbf_lower_90_hours != 0
        assert numbers.open_hours_so_far >= 0

    @given(logs, AS_OF, st.data())
    def test_splitting_an_interval_changes_nothing(self, log: Log, as_of: datetime, data: st.DataObject) -> None:
        halves: list[DownInterval] = []
        for one in log:
            until = one.end or START + timedelta(days=3)
            middle = data.draw(st.datetimes(one.start.replace(tzinfo=None), until.replace(tzinfo=None)))
            cut = middle.replace(tzinfo=UTC)
            halves += [
                DownInterval(one.start, cut, one.loss, one.counts_as_failure),
                DownInterval(cut, one.end, one.loss, one.counts_as_failure),
            ]

        assert figures(measure(halves, service=SERVICE, as_of=as_of)) == figures(
            measure(log, service=SERVICE, as_of=as_of)
        )

    @given(logs, AS_OF)
    def test_it_agrees_with_counting_minute_by_minute(self, log: Log, as_of: datetime) -> None:
        numbers, slow = measure(log, service=SERVICE, as_of=as_of), MinuteReference(log, SERVICE, as_of)

        assert numbers.window.length / timedelta(minutes=1) == slow.minutes
        for stretch, loss in (("unplanned", Loss.UNPLANNED), ("planned", Loss.PLANNED), ("standby", Loss.STANDBY)):
            assert total(getattr(numbers, stretch)) / timedelta(minutes=1) == slow.lost[loss]
        assert len(numbers.open_repairs) == slow.open_repairs
        if all(one.counts_as_failure and one.start != one.end for one in log):
            assert len(numbers.failures) == slow.failures
            assert len(numbers.restorations) == slow.restorations

    @given(logs)
    def test_episodes_cover_what_the_union_covers(self, log: Log) -> None:
        far = SERVICE.end + timedelta(days=9)
        unplanned = [Span(one.start, one.end or far) for one in log if one.loss is Loss.UNPLANNED]

        covered = [Span(one.start, min(one.end, far)) for one in episodes(log)]

        assert [span for span in covered if span.length] == union(unplanned)


def test_local_dates_become_local_midnights() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    assert quarter_of(at(3, 31, 22), berlin) == (2026, 2)
    assert quarter_span(2026, 2, berlin).start.astimezone(berlin).date() == date(2026, 4, 1)
