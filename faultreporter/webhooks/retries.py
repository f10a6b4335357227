"""When a delivery that failed is tried again: pure arithmetic."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import SystemRandom

FIRST = timedelta(seconds=5)
LONGEST = timedelta(hours=6)
MOST_ATTEMPTS = 10
JITTER = 0.2
"""Ten attempts four times as far apart each: 5 s, 20 s, 80 s … 6 h, the last after about 20 hours."""

uniform = SystemRandom().uniform


def pause(attempts: int, *, chance: Callable[[float, float], float] = uniform) -> timedelta:
    """How long to wait after so many attempts, a fifth more or less so that not all come back at once."""
    usual: timedelta = min(FIRST * 4 ** min(attempts - 1, 10), LONGEST)
    return min(usual * chance(1 - JITTER, 1 + JITTER), LONGEST)


def next_attempt(attempts: int, *, at: datetime, retry_after: str = "") -> datetime:
    """Not before the receiver asked for in Retry-After, but within LONGEST."""
    asked = asked_for(retry_after, at=at)
    return at + min(max(pause(attempts), asked), LONGEST)


def asked_for(retry_after: str, *, at: datetime) -> timedelta:
    """Retry-After in either of its forms, seconds or a date; what is neither asks for nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:10]), LONGEST.total_seconds()))
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return timedelta()
    return max((date if date.tzinfo else date.replace(tzinfo=UTC)) - at, timedelta())
