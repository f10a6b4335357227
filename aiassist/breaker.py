"""Leaving a provider alone that fails: what its last calls say, from the ledger that all processes share.

Three failures in a row within ten minutes open the breaker for a minute, or for as long as the provider asked to be
left alone. After that one call may probe; the others go on when it has succeeded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from aiassist.errors import BreakerOpen
from aiassist.models import AnalysisAttempt
from aiassist.providers.base import LONGEST_RETRY_AFTER

FAILURES_IN_A_ROW: Final = 3
RECENT: Final = timedelta(minutes=10)
LOOKED_AT: Final = RECENT + timedelta(seconds=LONGEST_RETRY_AFTER)
"""A wish to be left alone may be older than what is recent."""
COOL_DOWN: Final = timedelta(minutes=1)
FAILED: Final = ("ERROR", "TIMEOUT")
TELLING: Final = ("ANSWERED", "INVALID", "REFUSED", *FAILED)
"""How a call may end that says something about the provider: a bad answer is one, a dead worker says nothing."""
MOST: Final = 20
"""Calls of one provider that are looked at: those in flight and the last that ended."""


class State(StrEnum):
    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class Breaker:
    """`until` is when the next call may be made, None while any may. A probe in flight keeps it half open."""

    state: State
    until: datetime | None = None
    is_probed: bool = False

    def require_closed(self, name: str) -> None:
        """Raises BreakerOpen unless a call may be made now."""
        if self.state is State.OPEN or self.is_probed:
            raise BreakerOpen(f"{name} has failed again and again", retry_at=self.until)


def breakers_of(names: Sequence[str], *, at: datetime) -> dict[str, Breaker]:
    """Those of these providers, in one query."""
    telling = AnalysisAttempt.objects.filter(started_at__gte=at - LOOKED_AT, outcome__in=("RUNNING", *TELLING))
    each = [telling.filter(provider=name).order_by("-started_at")[:MOST] for name in names]
    calls = list(each[0].union(*each[1:], all=True))
    return {name: breaker([call for call in calls if call.provider == name], at=at) for name in names}


def breaker(calls: Sequence[AnalysisAttempt], *, at: datetime) -> Breaker:
    """Pure: from one provider's last calls, those in flight among them."""
    ended = sorted((call for call in calls if call.outcome in TELLING), key=ended_at, reverse=True)
    failures: list[AnalysisAttempt] = []
    for call in ended:
        if call.outcome not in FAILED:
            break
        failures.append(call)
    wished = max((call.retry_at for call in failures if call.retry_at), default=None)
    if wished is not None and wished > at:
        return Breaker(State.OPEN, until=wished)
    if sum(ended_at(call) >= at - RECENT for call in failures) < FAILURES_IN_A_ROW:
        return Breaker(State.CLOSED)
    last = ended_at(failures[0])
    if last + COOL_DOWN > at:
        return Breaker(State.OPEN, until=last + COOL_DOWN)
    is_probed = any(call.outcome == "RUNNING" and call.started_at > last for call in calls)
    return Breaker(State.HALF_OPEN, until=at + COOL_DOWN if is_probed else None, is_probed=is_probed)


def ended_at(call: AnalysisAttempt) -> datetime:
    assert call.finished_at is not None  # noqa: S101 - a constraint holds it for all that ended
    return call.finished_at
