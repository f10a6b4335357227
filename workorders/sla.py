"""The clocks of a promise, as pure arithmetic: no database, no clock of its own.

A clock starts when the order is raised and counts business time (or every hour), less the pauses. It is due at the
first instant by which its target has been counted; what stops it at that very instant is in time. Spans are half-open.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from locations.business_time import HORIZON, NOTHING, BusinessHours, NeverOpen, Span, spend, total, without

FOR_EVER = timedelta(days=36_600)


class ClockKind(StrEnum):
    """Response: until somebody begins the work. Restore: until the work is done."""

    RESPONSE = "RESPONSE"
    RESTORE = "RESTORE"


class ClockState(StrEnum):
    RUNNING = "RUNNING"
    AT_RISK = "AT_RISK"
    PAUSED = "PAUSED"
    BREACHED = "BREACHED"
    MET = "MET"


STATES = [(state.value, state.value) for state in ClockState]


@dataclass(frozen=True, slots=True)
class Pause:
    """A time that doesn't count, from `start` until `end`, or until now."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What was promised when the order was raised; kept with it, so that editing a policy changes no promise."""

    hours: BusinessHours
    in_business_hours: bool
    response_minutes: int | None
    restore_minutes: int | None
    warn_percent: int

    def minutes(self, kind: ClockKind) -> int | None:
        return self.response_minutes if kind is ClockKind.RESPONSE else self.restore_minutes

    def as_json(self) -> dict[str, Any]:
        return {
            "hours": self.hours.as_json() if self.in_business_hours else None,
            "response_minutes": self.response_minutes,
            "restore_minutes": self.restore_minutes,
            "warn_percent": self.warn_percent,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        hours = kept["hours"]
        return cls(
            hours=BusinessHours.from_json(hours) if hours else BusinessHours.around_the_clock(),
            in_business_hours=hours is not None,
            response_minutes=kept["response_minutes"],
            restore_minutes=kept["restore_minutes"],
            warn_percent=kept["warn_percent"],
        )


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise, counted from `start`."""

    hours: BusinessHours
    start: datetime
    target: timedelta
    pauses: tuple[Pause, ...] = ()
    warn_percent: int = 75

    def elapsed(self, at: datetime) -> timedelta:
        """What has been counted by `at`."""
        return total(without(self.hours.spans(self.start, at), self._holes()))

    def remaining(self, at: datetime) -> timedelta:
        """What is left of the target; nothing once it is used up."""
        return max(self.target - self.elapsed(at), NOTHING)

    @property
    def due_at(self) -> datetime | None:
        """When the target will have been counted; None while a pause has no end in sight."""
        return self.reaches(self.target)

    @property
    def warn_at(self) -> datetime | None:
        """When so much of the target will have been counted that people should know."""
        return self.reaches(self.target * self.warn_percent / 100)

    def reaches(self, amount: timedelta) -> datetime | None:
        """The first instant by which `amount` has been counted; None if a pause that goes on comes first."""
        holes = self._holes()
        try:
            return spend(self._counted(holes), amount, start=self.start)
        except NeverOpen:
            return None

    def _counted(self, holes: list[Span]) -> Iterator[Span]:
        """What counts, up to ten years beyond the last pause, or to the one that goes on."""
        open_since = min((pause.start for pause in self.pauses if pause.end is None), default=None)
        last = max((pause.end for pause in self.pauses if pause.end), default=self.start)
        end = max(last, self.start) + HORIZON if open_since is None else open_since
        return without(self.hours.pieces(self.start, end), holes)

    def _holes(self) -> list[Span]:
        return sorted((pause.start, pause.end or self.start + FOR_EVER) for pause in self.pauses)


def state_of(
    *, due_at: datetime | None, warn_at: datetime | None, breached_at: datetime | None, stopped_at: datetime | None,
    at: datetime,
) -> ClockState:  # fmt: skip
    """How a clock stands at `at`. A breach stays one, even if the sweep hasn't written it down yet."""
    if breached_at is not None or (due_at is not None and due_at < (stopped_at or at)):
        return ClockState.BREACHED
    if stopped_at is not None:
        return ClockState.MET
    if due_at is None:
        return ClockState.PAUSED
    return ClockState.AT_RISK if warn_at is not None and warn_at < at else ClockState.RUNNING


def earliest(instants: Iterable[datetime | None]) -> datetime | None:
    return min((one for one in instants if one is not None), default=None)
