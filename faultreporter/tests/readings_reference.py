"""What must come of readings, in the plainest way: dictionaries and loops. The real thing is held against it."""

from collections import defaultdict
from dataclasses import dataclass, field

TRIGGER, CLEAR, FOR, KEEP = 80.0, 75.0, 2, 3
Key = tuple[int, int]  # line, minute


@dataclass
class Alarm:
    """Above TRIGGER for FOR minutes; over at CLEAR, and kept up for KEEP minutes after that."""

    heard: int | None = None
    high_since: int | None = None
    over_since: int | None = None
    on: bool = False
    moved: int = -(10**6)
    episodes: list[list[int | None]] = field(default_factory=list)

    def pass_time(self, before: int) -> None:
        if not self.on and self.high_since is not None and self.high_since + FOR < before:
            self.begin(self.high_since + FOR)
        if self.on and self.over_since is not None and self.over_since + KEEP < before:
            self.end(self.over_since + KEEP)

    def hear(self, minute: int, value: float) -> None:
        if self.heard is not None and minute <= self.heard:
            return
        self.pass_time(minute)
        self.heard, minute = minute, max(minute, self.moved)
        if not self.on:
            since = self.high_since if self.high_since is not None else minute
            self.set_high(since if value > TRIGGER else None, at=minute)
            if value > TRIGGER and minute >= since + FOR:
                self.begin(minute)
        elif value > TRIGGER and self.over_since is not None:
            self.over_since, self.moved = None, minute
        elif self.over_since is not None and minute >= self.over_since + KEEP:
            self.end(minute)
        elif value <= CLEAR and self.over_since is None:
            self.over_since = self.moved = minute

    def set_high(self, since: int | None, *, at: int) -> None:
        if (since is None) != (self.high_since is None):
            self.moved = at
        self.high_since = since

    def begin(self, minute: int) -> None:
        self.on, self.high_since, self.moved = True, None, minute
        self.episodes.append([minute, None])

    def end(self, minute: int) -> None:
        self.on, self.over_since, self.moved = False, None, minute
        self.episodes[-1][1] = minute


class Reference:
    """The readings of some lines; the first value of a minute stays."""

    def __init__(self) -> None:
        self.rows: dict[Key, float] = {}
        self.arrived: dict[int, int] = {}
        self.alarms: dict[int, Alarm] = defaultdict(Alarm)

    def take(self, batch: list[tuple[int, int, float]], *, now: int) -> tuple[int, int, int]:
        """Accepted, duplicate, conflict."""
        accepted = duplicate = 0
        before = self.latest()
        for line, minute, value in batch:
            new = (line, minute) not in self.rows
            accepted += new
            duplicate += not new and self.rows[line, minute] == value
            self.rows.setdefault((line, minute), value)
        for line, reading in self.latest().items():
            if line not in before or before[line] != reading:
                self.arrived[line] = now
        return accepted, duplicate, len(batch) - accepted - duplicate

    def judge(self, line: int, *, now: int | None = None) -> None:
        """With `now` also what time brings: the time since the newest reading is the time since it arrived."""
        for (of, minute), value in sorted(self.rows.items()):
            if of == line:
                self.alarms[line].hear(minute, value)
        if now is not None and line in self.arrived and now > self.arrived[line]:
            self.alarms[line].pass_time(self.latest()[line][0] + now - self.arrived[line])

    def latest(self) -> dict[int, tuple[int, float]]:
        return {line: (minute, value) for (line, minute), value in sorted(self.rows.items())}

    def rolled_up(self, minutes: int) -> dict[Key, tuple[int, float, float, float]]:
        """By line and beginning of a stretch of so many minutes: count, lowest, highest, last."""
        buckets: dict[Key, list[float]] = defaultdict(list)
        for (line, minute), value in sorted(self.rows.items()):
            buckets[line, minute - minute % minutes].append(value)
        return {key: (len(found), min(found), max(found), found[-1]) for key, found in buckets.items()}
