from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.metering.counters import Bucket, Dial, Exchange, Register, Use, edges_of, uses

START = datetime(2026, 1, 5, tzinfo=UTC)
QUARTER_HOUR = timedelta(minutes=15)
REGISTER = Register(max_gap=timedelta(minutes=45))
BERLIN = ZoneInfo("Europe/Berlin")


def dials(*values: float, step: timedelta = QUARTER_HOUR) -> list[Dial]:
    return [Dial(START + number * step, value) for number, value in enumerate(values)]


def total(found: list[Use]) -> float:
    return sum(use.amount or 0.0 for use in found)


def used(readings: list[Dial], register: Register = REGISTER, exchanges: tuple[Exchange, ...] = ()) -> Use:
    """From the first reading to the last."""
    (use,) = uses(readings, [readings[0].at, readings[-1].at], register, exchanges)
    return use


def test_what_lies_between_readings_was_used() -> None:
    hours = [START + timedelta(hours=number) for number in range(3)]

    found = uses(dials(100, 101, 103, 103, 104, 110, 110, 110, 111), hours, REGISTER)

    assert [(use.amount, use.estimated, use.coverage) for use in found] == [(4.0, 0.0, 1.0), (7.0, 0.0, 1.0)]


def test_a_step_over_an_edge_is_shared_by_time_and_called_estimated() -> None:
    readings = [Dial(START + timedelta(minutes=50), 100), Dial(START + timedelta(minutes=65), 103)]

    before, after = uses(readings, [START, START + timedelta(hours=1), START + timedelta(hours=2)], REGISTER)

    assert (before.amount, before.estimated, before.coverage) == (
        pytest.approx(2),
        pytest.approx(2),
        pytest.approx(1 / 6),
    )
    assert (after.amount, after.estimated_share, after.coverage) == (pytest.approx(1), 1, pytest.approx(1 / 12))


def test_what_nobody_read_is_absent_and_a_gap_isnt_covered() -> None:
    hours = [START + timedelta(hours=number) for number in range(5)]
    readings = [Dial(hours[0], 5), Dial(hours[2], 9)]

    found = uses(readings, hours, REGISTER)

    assert [use.amount for use in found] == [2.0, 2.0, None, None]
    assert [use.coverage for use in found] == [0.0] * 4


@pytest.mark.parametrize(
    ("values", "amount"),
    [
        ([1000, 1010, 2, 12], 22),  # a reset: 10 before, 2 until read again, 10 after
        ([1000, 1010, 0, 0], 10),
        ([1000, 1010, 0, 1020], 20),  # one bad reading, low
        ([1000, 99_999, 1010, 1020], 20),  # and high
        ([1000, 1010, 1009, 1011], 11),  # a little backwards
        ([1000, 1010, 500, 510], 20),  # neither zero nor a bad reading: nothing is known of that step
        ([1000, 1010, 3], 10),  # not confirmed yet
    ],
)
def test_dials_that_fall(values: list[float], amount: float) -> None:
    assert total(uses(dials(*values), [START, START + timedelta(hours=1)], REGISTER)) == pytest.approx(amount)


def test_an_unknown_step_isnt_covered_and_a_reset_is_an_estimate() -> None:
    assert used(dials(1000, 1010, 500, 510)).coverage == pytest.approx(2 / 3)
    reset = used(dials(1000, 1010, 2, 12))
    assert (reset.coverage, reset.estimated) == (1, 2)


@pytest.mark.parametrize("size", [100_000_000, 2**32])
def test_a_dial_rolls_over(size: int) -> None:
    register = Register(max_gap=timedelta(minutes=45), rolls_over_at=size)

    use = used(dials(size - 30, size - 10, 15, 20), register)

    assert (use.amount, use.estimated, use.coverage) == (50.0, 0.0, 1.0)


def test_a_bad_zero_just_before_the_dial_rolls_over() -> None:
    register = Register(max_gap=timedelta(minutes=45), rolls_over_at=1_000_000)

    assert used(dials(999_900, 0, 999_920, 999_940), register).amount == 40


def test_both_dials_of_an_exchange_are_believed() -> None:
    exchange = Exchange(START + timedelta(minutes=20), final=1015, initial=7)

    use = used(dials(1000, 1010, 9, 12), exchanges=(exchange,))

    assert (use.amount, use.coverage) == (20.0, 1.0)  # 10 and 5 on the old dial, 2 and 3 on the new


def test_an_exchange_for_a_meter_that_shows_more() -> None:
    exchange = Exchange(START + timedelta(minutes=20), final=1010, initial=50_000)

    assert used(dials(1000, 1010, 50_001, 50_002), exchanges=(exchange,)).amount == 12


def test_faster_than_the_meter_can_be_is_a_bad_reading() -> None:
    register = Register(max_gap=timedelta(minutes=45), max_per_hour=40)

    assert used(dials(1000, 1010, 5000, 1020, 1030), register).amount == 30
    assert used(dials(1000, 1010, 5000, 5005, 5010), register).amount == 20


# --- properties -------------------------------------------------------------------------------------------------------

RISES = st.lists(st.integers(0, 50), min_size=2, max_size=40)
PAUSES = st.integers(1, 180)


@st.composite
def rising(draw: st.DrawFn) -> list[Dial]:
    """A dial that only rises, read at uneven times."""
    values = list(accumulate(draw(RISES), initial=draw(st.integers(0, 10**6))))
    minutes = accumulate((draw(PAUSES) for _ in values[1:]), initial=0)
    return [Dial(START + timedelta(minutes=at), value) for at, value in zip(minutes, values, strict=True)]


@given(readings=rising(), shares=st.lists(st.floats(0, 1), max_size=5))
def test_parts_add_up_to_the_whole_and_are_never_negative(readings: list[Dial], shares: list[float]) -> None:
    first, last = readings[0].at, readings[-1].at
    edges = sorted({first, last, *(first + (last - first) * share for share in shares)})

    found = uses(readings, edges, REGISTER)

    assert total(found) == pytest.approx(readings[-1].value - readings[0].value)
    assert all(use.amount is not None and use.amount >= use.estimated - 1e-9 >= -1e-9 for use in found)
    assert all(0 <= use.coverage <= 1 for use in found)


@given(readings=rising(), place=st.integers(0, 38), share=st.floats(0.01, 0.99))
def test_one_more_reading_on_the_line_changes_no_amount(readings: list[Dial], place: int, share: float) -> None:
    before, after = readings[place % (len(readings) - 1) :][:2]
    between = Dial(before.at + (after.at - before.at) * share, before.value + (after.value - before.value) * share)
    edges = list(edges_of(readings[0].at, readings[-1].at, Bucket.HOUR, BERLIN))

    told = uses(sorted([*readings, between]), edges, REGISTER)

    for one, other in zip(uses(readings, edges, REGISTER), told, strict=True):
        assert one.amount == pytest.approx(other.amount, abs=1e-6)
        assert one.coverage <= other.coverage + 1e-9


@given(rises=RISES, place=st.integers(1, 40), begins_at=st.integers(0, 50))
def test_a_reset_anywhere_loses_only_what_nobody_read(rises: list[int], place: int, begins_at: int) -> None:
    """The dial is high before and near zero after; the use from the reset to the next reading is what it shows."""
    values = list(accumulate(rises, initial=1_000_000))
    cut = place % len(values) or 1
    fresh = [value - values[cut] + begins_at for value in values[cut:]]
    readings = dials(*values[:cut], *fresh)

    amount = total(uses(readings, [START, readings[-1].at], REGISTER))

    confirmed = len(fresh) > 1
    after = fresh[-1] if confirmed else 0
    assert amount == pytest.approx(values[cut - 1] - values[0] + after)


@given(
    rises=st.lists(st.integers(1, 50), min_size=4, max_size=40),
    place=st.integers(1, 40),
    bad=st.integers(-(10**9), 10**9),
)
def test_a_single_bad_reading_changes_no_total(rises: list[int], place: int, bad: int) -> None:
    values: list[float] = list(accumulate(rises, initial=1_000_000))
    values[1 + place % (len(values) - 3)] = bad

    assert used(dials(*values)).amount == pytest.approx(sum(rises))


@given(
    since=st.integers(0, 700 * 1440).map(lambda minutes: START + timedelta(minutes=minutes)),
    hours=st.integers(1, 24 * 60),
    bucket=st.sampled_from(Bucket),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Adelaide"]),
)
def test_edges_are_local_and_leave_nothing_out(since: datetime, hours: int, bucket: Bucket, zone: str) -> None:
    until, place = since + timedelta(hours=hours), ZoneInfo(zone)

    edges = list(edges_of(since, until, bucket, place))

    assert (edges[0], edges[-1]) == (since, until)
    assert all(one < other for one, other in pairwise(edges))
    for edge in edges[1:-1]:
        local = edge.astimezone(place)
        assert (local.minute, local.second, local.microsecond) == (0, 0, 0)
        assert bucket is Bucket.HOUR or local.hour == 0
        assert bucket is not Bucket.MONTH or local.day == 1


def test_days_on_which_the_clocks_change() -> None:
    edges = list(
        edges_of(datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC), Bucket.DAY, BERLIN)
    )

    assert [(b - a) / timedelta(hours=1) for a, b in pairwise(edges)] == [24, 23, 24]


def test_readings_left_out_of_a_smooth_run_change_nothing() -> None:
    whole = dials(*range(100, 140))
    thinned = [whole[0], whole[-1]._replace(smooth=True)]

    one, other = used(whole), used(thinned)

    assert (one.amount, one.coverage) == (other.amount, pytest.approx(other.coverage)) == (39, 1)
