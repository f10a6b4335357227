"""Reliability counted the slow way: look at the machine once a minute. Only for comparing with the engine."""

from collections import Counter
from datetime import datetime, timedelta

from analytics.reliability import DownInterval, Loss, Span

MINUTE = timedelta(minutes=1)
WORST_FIRST = (Loss.UNPLANNED, Loss.PLANNED, Loss.STANDBY)


class MinuteReference:
    """All bounds must be whole minutes."""

    def __init__(self, log: list[DownInterval], service: Span, as_of: datetime) -> None:
        self.log = log
        self.as_of = as_of
        self.window = Span(service.start, max(service.start, min(service.end, as_of)))
        inside = self._minutes(self.window.start, self.window.end)
        self.minutes = len(inside)
        self.lost = Counter(loss for minute in inside if (loss := self._state(minute)))
        self.failures = sum(self._begins(minute) for minute in self._events(service))
        self.restorations = sum(self._ends(minute) for minute in self._events(service))
        self.open_repairs = int(bool(inside) and self._open_at_the_end(service))

    def _minutes(self, start: datetime, end: datetime) -> list[datetime]:
        return [start + n * MINUTE for n in range(int((end - start) / MINUTE))]

    def _events(self, service: Span) -> list[datetime]:
        """Minutes at which something can have begun or ended: also the very minute of the cut-off."""
        last = min(service.end, self.as_of + MINUTE)
        return self._minutes(service.start, last) if self.minutes else []

    def _covers(self, one: DownInterval, minute: datetime) -> bool:
        return one.start <= self.as_of and one.start <= minute and (one.end is None or minute < one.end)

    def _state(self, minute: datetime) -> Loss | None:
        covering = {one.loss for one in self.log if self._covers(one, minute)}
        return next((loss for loss in WORST_FIRST if loss in covering), None)

    def _down(self, minute: datetime) -> bool:
        return self._state(minute) is Loss.UNPLANNED

    def _begins(self, minute: datetime) -> bool:
        return self._down(minute) and not self._down(minute - MINUTE)

    def _ends(self, minute: datetime) -> bool:
        return self._down(minute - MINUTE) and not self._down(minute)

    def _open_at_the_end(self, service: Span) -> bool:
        return self._down(self.as_of) if self.as_of < service.end else self._down(service.end - MINUTE)
