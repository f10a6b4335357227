"""When a failed delivery comes again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultreporter.webhooks.retries import FIRST, JITTER, LONGEST, MOST_ATTEMPTS, asked_for, next_attempt, pause

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def usual(attempts: int) -> timedelta:
    return pause(attempts, chance=lambda _low, _high: 1.0)


def test_it_works() -> None:
    pauses = [usual(attempts).total_seconds() for attempts in range(1, MOST_ATTEMPTS)]

    assert pauses == [5, 20, 80, 320, 1280, 5120, 20480, 21600, 21600]
    assert timedelta(hours=19) < sum(map(usual, range(1, MOST_ATTEMPTS)), timedelta()) < timedelta(hours=20)


@given(st.integers(1, 10_000))
def test_every_pause_is_within_its_limits(attempts: int) -> None:
    assert FIRST * (1 - JITTER) <= pause(attempts) <= LONGEST
    assert usual(attempts) <= usual(attempts + 1)


@given(st.integers(1, MOST_ATTEMPTS), st.text(max_size=40))
def test_whatever_the_receiver_asks_for_it_is_tried_again_within_six_hours(attempts: int, said: str) -> None:
    assert NOW < next_attempt(attempts, at=NOW, retry_after=said) <= NOW + LONGEST


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 0), ("0", 0), ("90", 90), (" 90 ", 90), ("-5", 0), ("1.5", 0), ("٣", 0), ("soon", 0),
        ("Fri, 27 Nov 2026 12:02:00 GMT", 120), ("Fri, 27 Nov 2026 11:00:00 GMT", 0),
        ("9" * 400, LONGEST.total_seconds()),
    ],
)  # fmt: skip
def test_retry_after_in_all_its_forms(said: str, seconds: float) -> None:
    assert asked_for(said, at=NOW).total_seconds() == seconds
