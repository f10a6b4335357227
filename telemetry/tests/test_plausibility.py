"""What may be typed without question: tables for people, properties for the arithmetic."""

from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from telemetry.hand_readings.plausibility import Limits, Neighbours, counter_limits, gauge_limits, on_one_dial
from telemetry.metering.counters import Dial, Exchange, Register

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
numbers = st.floats(min_value=-1e9, max_value=1e9)
paces = st.floats(min_value=0.001, max_value=1000)


def register(max_per_hour: float = inf, rolls_over_at: float | None = None) -> Register:
    return Register(timedelta.max, rolls_over_at=rolls_over_at, max_per_hour=max_per_hour)


def may_show(value: float, *, before: float | None = None, after: float | None = None, **known: float) -> bool:
    """At noon, with what the dial showed a day before and a day after."""
    beside = Neighbours(
        None if before is None else Dial(NOON - DAY, before), None if after is None else Dial(NOON + DAY, after)
    )
    return counter_limits(Dial(NOON, value), beside, register(**known)).allow(value)


class TestGauges:
    @pytest.mark.parametrize(
        ("low", "high", "limits"),
        [
            (18.0, 24.0, (0.0, 42.0)),
            (4.0, 4.0, (2.8, 5.2)),  # it never moved: a tenth of what it shows is its spread
            (0.0, 0.0, (-inf, inf)),  # a tenth of nothing is nothing
            (-40.0, -20.0, (-100.0, 40.0)),
        ],
    )
    def test_a_gauge_may_leave_its_range_by_three_of_its_spreads(
        self, low: float, high: float, limits: tuple[float, float]
    ) -> None:
        assert gauge_limits(low, high) == pytest.approx(limits)

    @given(numbers, numbers, st.floats(0, 1))
    def test_what_is_usual_is_never_doubted(self, one: float, other: float, share: float) -> None:
        low, high = sorted((one, other))

        assert gauge_limits(low, high).allow(low + share * (high - low))

    @given(st.floats(1, 1e6), st.floats(1, 2), st.floats(1e-3, 1e3))
    def test_another_unit_doubts_the_same_values(self, low: float, wider: float, factor: float) -> None:
        limits, scaled = gauge_limits(low, low * wider), gauge_limits(low * factor, low * wider * factor)

        assert scaled == pytest.approx([edge * factor for edge in limits], rel=1e-9, abs=1e-6 * factor)

    @given(st.floats(1, 1e6), st.floats(1, 1.5))
    def test_a_digit_too_many_is_doubted(self, low: float, wider: float) -> None:
        assert not gauge_limits(low, low * wider).allow(low * 10)


class TestCounters:
    def test_a_counter_grows_and_no_faster_than_its_meter_can(self) -> None:
        assert may_show(100)
        assert may_show(100, before=100)
        assert not may_show(99, before=100)
        assert may_show(99_999_999, before=100)
        assert may_show(340, before=100, max_per_hour=10)
        assert not may_show(341, before=100, max_per_hour=10)

    def test_a_late_reading_fits_between_its_neighbours(self) -> None:
        assert may_show(150, before=100, after=200)
        assert not may_show(201, before=100, after=200)
        assert not may_show(150, before=100, after=500, max_per_hour=10)  # the meter couldn't have reached 500
        assert may_show(99, after=100)

    def test_a_dial_at_its_end_may_begin_again(self) -> None:
        assert may_show(12, before=99_990, rolls_over_at=100_000)
        assert may_show(99_990, after=12, rolls_over_at=100_000)
        assert not may_show(12, before=50_000, rolls_over_at=100_000)
        assert not may_show(12, before=99_990, rolls_over_at=100_000, max_per_hour=0.5)

    def test_neighbours_that_contradict_each_other_leave_the_one_before(self) -> None:
        assert may_show(250, before=200, after=100)
        assert not may_show(150, before=200, after=100)

    def test_a_new_meter_begins_where_the_exchange_says(self) -> None:
        exchange = Exchange(NOON - DAY / 2, final=110.0, initial=5.0)
        beside = Neighbours(Dial(NOON - DAY, 100.0), Dial(NOON + DAY, 9.0))

        def limits(at: datetime, value: float) -> Limits:
            return counter_limits(Dial(at, value), on_one_dial(beside, [exchange], at), register())

        assert limits(NOON, 7.0) == (5.0, 9.0)
        assert limits(NOON - 0.75 * DAY, 105.0) == (100.0, 110.0)

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=12), paces, st.randoms(use_true_random=False))
    def test_a_true_reading_is_never_doubted_in_whatever_order_it_comes(
        self, shares: list[float], pace: float, order: object
    ) -> None:
        """One an hour, each hour a share of what the meter can count: none is doubted beside any others."""
        dials, shown = [], 1000.0
        for hour, share in enumerate(shares):
            shown += share * pace
            dials.append(Dial(NOON + hour * timedelta(hours=1), shown))
        typed = dials[:]
        order.shuffle(typed)  # type: ignore[attr-defined]  # hypothesis' Random

        known: list[Dial] = []
        for dial in typed:
            before = max((one for one in known if one.at < dial.at), default=None)
            after = min((one for one in known if one.at > dial.at), default=None)
            assert counter_limits(dial, Neighbours(before, after), register(pace)).allow(dial.value)
            known.append(dial)

    @given(st.floats(1, 1e9), st.floats(1e-6, 0.99))
    def test_less_than_before_is_always_doubted(self, before: float, share: float) -> None:
        assume(before * (1 - share) > 1e-6)

        assert not may_show(before * share, before=before)
