"""A day of a building's sensors, made so that the right number of alerts can be worked out on paper.

A reading a minute for each line. The rules on all of them: above 50 for five minutes is an alarm, over at 45, kept up
for five minutes; silent for half an hour is one, too. What each group of lines does, and what it is worth:

    noisy    wavers around 50 all day and is never above it for five minutes on end          0 alerts a line
    real     twice above 50 for 40 minutes, with dips to 46 and one return of three minutes   2 alerts a line
    gappy    above 50 for two minutes, silent for ten, above it for two, six times a day      0 alerts a line
    silent   says nothing for 90 minutes, alone                                                1 alert a line
    outage   says nothing for two hours, with all others of its gateway                        1 alert for all of them
    jumping  its gateway's clock goes back by 20 minutes for a quarter of an hour, later ahead by eight minutes for as
             long; while it is back, everything it says is above 50                            0 alerts
    healthy  stays between 36 and 44                                                           0 alerts
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

TRIGGER, CLEAR = 50.0, 45.0
FOR_S, KEEP_FIRING_S, STALE_AFTER_S, INTERVAL_S = 300, 300, 1800, 60
MINUTE = timedelta(minutes=1)
SHARES = {"noisy": 50, "real": 10, "gappy": 10, "silent": 2, "outage": 10, "jumping": 8, "healthy": 10}
"""Out of a hundred lines."""

REAL_AT = (180, 900)
GAPPY_AT = (30, 270, 510, 750, 990, 1230)
SILENT_AT, SILENT_FOR = 400, 90
OUTAGE_AT, OUTAGE_FOR = 600, 120
BACK_AT, AHEAD_AT, JUMP_FOR = 300, 700, 15


@dataclass(frozen=True, slots=True)
class Line:
    """One sensor. Lines of a group go through gateways of their own."""

    number: int
    group: str


@dataclass(frozen=True, slots=True)
class Sample:
    line: Line
    recorded_at: datetime
    value: float


def lines(total: int) -> list[Line]:
    """`total` is a multiple of a hundred, so that the shares are whole."""
    groups = [group for group, share in SHARES.items() for _ in range(total * share // 100)]
    return [Line(number, group) for number, group in enumerate(groups)]


def expected_alerts(total: int) -> int:
    """Worked out from the table above, not from the readings."""
    real, silent = (total * SHARES[group] // 100 for group in ("real", "silent"))
    return 2 * real + silent + 1


def value_of(line: Line, minute: int, rng: random.Random) -> float | None:
    """None where the line says nothing."""
    if line.group == "noisy":
        return 49.0 if minute % 5 == line.number % 5 else 50.0 + rng.uniform(-3, 3)
    calm = 40.0 + rng.uniform(-4, 4)
    if line.group == "real":
        return next((real(minute - start, rng) for start in REAL_AT if start <= minute < start + 40), calm)
    if line.group == "gappy":
        start = next((start for start in GAPPY_AT if start <= minute < start + 14), None)
        if start is not None:
            return None if 2 <= minute - start < 12 else 55.0
    if line.group == "silent" and SILENT_AT <= minute < SILENT_AT + SILENT_FOR:
        return None
    if line.group == "outage" and OUTAGE_AT <= minute < OUTAGE_AT + OUTAGE_FOR:
        return None
    if line.group == "jumping" and BACK_AT <= minute < BACK_AT + JUMP_FOR:
        return 60.0
    return calm


def real(minute: int, rng: random.Random) -> float:
    """A fault as it is: clear at first, then wavering above the clear value, once back to normal for three minutes."""
    if minute < 6:
        return 55.0
    if 20 <= minute < 23:
        return 44.0
    return 55.0 if minute == 23 else rng.uniform(46, 60)


def clock_error(line: Line, minute: int) -> timedelta:
    if line.group == "jumping":
        if BACK_AT <= minute < BACK_AT + JUMP_FOR:
            return -20 * MINUTE
        if AHEAD_AT <= minute < AHEAD_AT + JUMP_FOR:
            return 8 * MINUTE
    return timedelta()


def day(
    of: list[Line], *, start: datetime, minutes: int = 1440, seed: int = 1
) -> Iterator[tuple[datetime, list[Sample]]]:
    """Minute by minute, what the lines say."""
    rng = random.Random(seed)
    for minute in range(minutes):
        at = start + minute * MINUTE
        samples = []
        for line in of:
            value = value_of(line, minute, rng)
            if value is not None:
                samples.append(Sample(line, at + clock_error(line, minute), value))
        yield at, samples
