"""What an alarm rule makes of the readings of one series: plain values in, plain values out, no clock, no database.

A reading stands until the next one. So where a rule stands at a moment follows from the readings up to that moment and
from nothing else: not from how they were cut into batches, nor from how often anybody asked (`pass_time`) in between.

States
    NORMAL      the condition doesn't hold.
    PENDING     it holds, but not yet for `for_s` or for `min_samples` readings in a row.
    FIRING      an episode: the alarm is on.
    RECOVERING  the condition is over; the episode goes on for `keep_firing_s`, in case it comes back.
    NO_DATA     quiet for longer than `gap_s` while the alarm was off: the last value says nothing any more.

Conditions. A kind looks at a number, its measure. The condition holds while the measure is beyond `low`..`high`, is
over when it is back within `clear_low`..`clear_high`, and in between nothing changes (hysteresis).
    THRESHOLD, RANGE   the value. One or both of low and high are set.
    RATE_OF_CHANGE     the change per `per_s` since the newest remembered reading that is at least `window_s` older,
                       with `absolute` its size whatever the sign. Without such a reading the measure is unknown and
                       nothing changes. Of readings closer together than a 32nd of the window one is remembered. A rate
                       too large for a number is the largest there is.
    STUCK              holds once a run of readings that all lie within `tolerance` of each other has lasted `span_s`
                       and has `min_samples`. The reading that breaks the run begins the next and ends the episode.
    STALE              holds from `span_s` after the last reading on; the next reading ends it.

Durations, by the readings' own times
    for_s           from the first reading that met the condition (`pending_since`). A reading that doesn't meet it ends
                    PENDING, one in the hysteresis too. If they last so long that no reading comes, it fires on the dot.
                    STUCK and STALE have none: their `span_s` is it.
    keep_firing_s   from the reading that ended the condition. Meeting it again goes back to FIRING: the same episode.
    gap_s           from the last reading, None if nobody knows how often the series reports. A longer gap ends PENDING
                    and makes the memory of RATE_OF_CHANGE and STUCK begin anew. It doesn't end an episode: silence is
                    no recovery. Unlike NORMAL, RECOVERING and FIRING don't become NO_DATA.

At the moment of a reading it speaks first, then what is due by then happens. `pass_time(to=…)` therefore does what is
due before `to`, and leaves that very moment to the reading that may come. A reading that isn't newer than the last one
judged is late and changes nothing. One that is older than a change which time brought (it was on its way when the
clock moved on) counts from that change on.
"""

import math
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

MEMORY_STEPS = 32
"""So many readings of a window are remembered, whatever its length."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LARGEST = sys.float_info.max
"""A rate that no number can hold is taken for this one: every number that is told is finite."""
Memory = tuple[tuple[int, float], ...]
"""Moments, in microseconds since 1970, and a number: plain, because it is read and written for each reading."""


class StoredReading(NamedTuple):
    """A reading as it is stored: `value` in the metric's own unit."""

    recorded_at: datetime
    value: float


class Kind(TextChoices):
    THRESHOLD = "THRESHOLD", _("Threshold")
    RANGE = "RANGE", _("Range")
    RATE_OF_CHANGE = "RATE_OF_CHANGE", _("Rate of change")
    STALE = "STALE", _("Stale")
    STUCK = "STUCK", _("Stuck")


class State(TextChoices):
    NORMAL = "NORMAL", _("Normal")
    PENDING = "PENDING", _("Pending")
    FIRING = "FIRING", _("Firing")
    RECOVERING = "RECOVERING", _("Recovering")
    NO_DATA = "NO_DATA", _("No data")


ALARM = frozenset({State.FIRING, State.RECOVERING})
"""The states of an episode."""


class Limits(NamedTuple):
    """A rule as the engine needs it; a bound that a rule doesn't have is infinite. Durations are seconds."""

    kind: Kind
    low: float = -math.inf
    high: float = math.inf
    clear_low: float = -math.inf
    clear_high: float = math.inf
    window_s: int = 0
    per_s: int = 60
    absolute: bool = False
    span_s: int = 0
    tolerance: float = 0.0
    for_s: int = 0
    keep_firing_s: int = 0
    min_samples: int = 1
    gap_s: float | None = None

    def met_by(self, measure: float) -> bool:
        return measure > self.high or measure < self.low

    def over_at(self, measure: float) -> bool:
        return self.clear_low <= measure <= self.clear_high


class Standing(NamedTuple):
    """How a rule stands on a series. `memory` is what RATE_OF_CHANGE and STUCK remember of earlier readings."""

    state: State = State.NORMAL
    since: datetime | None = None
    pending_since: datetime | None = None
    samples: int = 0
    last_at: datetime | None = None
    last_value: float = 0.0
    memory: Memory = ()


class Change(NamedTuple):
    """A move from one state to another. `value` is the last reading's, `measure` what the kind looked at, if known.

    STALE's measure is the seconds of silence, STUCK's the seconds the run has lasted.
    """

    at: datetime
    before: State
    state: State
    value: float
    measure: float | None

    @property
    def begins(self) -> bool:
        """An episode begins here."""
        return self.state in ALARM and self.before not in ALARM

    @property
    def ends(self) -> bool:
        """An episode ends here."""
        return self.before in ALARM and self.state not in ALARM


class Quiet(NamedTuple):
    """Readings that change no state: of values from `low` to `high`, taken up to `until`, with no gap before them.

    All they change is `last_at` and `last_value`, and the memory if there is one: it must take them up (`remember`)
    before any other is judged.
    """

    low: float
    high: float
    until: datetime | None = None


class Judged(NamedTuple):
    standing: Standing
    changes: list[Change]


class Observation(NamedTuple):
    """What a reading says: whether the condition is met, whether it is over, by which number."""

    met: bool
    over: bool
    measure: float | None
    memory: Memory = ()


def judge(limits: Limits, standing: Standing, readings: Iterable[StoredReading]) -> Judged:
    """What these readings bring, oldest first, with all that was due between them."""
    changes: list[Change] = []
    for reading in readings:
        if standing.last_at is None or reading.recorded_at > standing.last_at:
            standing = _elapse(limits, standing, reading.recorded_at, changes)
            standing = _take(limits, standing, reading, changes)
    return Judged(standing, changes)


def pass_time(limits: Limits, standing: Standing, *, to: datetime) -> Judged:
    """What comes due before `to` if no reading comes."""
    changes: list[Change] = []
    return Judged(_elapse(limits, standing, to, changes), changes)


def hear(limits: Limits, standing: Standing, reading: StoredReading) -> Judged:
    """A reading before which others may have come unseen: that none was judged in between doesn't mean silence."""
    changes: list[Change] = []
    if standing.last_at is None or reading.recorded_at > standing.last_at:
        standing = _take(limits, standing, reading, changes)
    return Judged(standing, changes)


def due_at(limits: Limits, standing: Standing) -> datetime | None:
    """The moment after which `pass_time` will change something, None if only a reading can."""
    due = _next(limits, standing)
    return due[0] if due else None


def quiet(limits: Limits, standing: Standing) -> Quiet | None:
    """Which readings need no judgement yet; None if each does, or if their values are no single stretch."""
    if limits.kind in (Kind.THRESHOLD, Kind.RANGE):
        return _quiet_values(limits, standing.state)
    if standing.state == State.NORMAL and standing.memory and limits.kind == Kind.RATE_OF_CHANGE:
        return _quiet_rates(limits, standing.memory)
    if standing.state in (State.NORMAL, State.FIRING) and standing.memory and limits.kind == Kind.STUCK:
        return _quiet_run(limits, standing)
    return None


def remember(limits: Limits, memory: Memory, readings: Iterable[tuple[datetime, float]]) -> Memory:
    """The memory with these readings, which were quiet and aren't in it yet."""
    return (_remember_run if limits.kind == Kind.STUCK else _remember_line)(limits, memory, readings)


def _quiet_values(limits: Limits, state: State) -> Quiet | None:
    if state == State.NORMAL:
        return Quiet(limits.low, limits.high)
    if state == State.FIRING and math.isinf(limits.low):
        return Quiet(math.nextafter(limits.clear_high, math.inf), math.inf)
    if state == State.FIRING and math.isinf(limits.high):
        return Quiet(-math.inf, math.nextafter(limits.clear_low, -math.inf))
    return None


def _quiet_rates(limits: Limits, memory: Memory) -> Quiet | None:
    """A stretch so narrow that no two of its values make too steep a rate, around all that is remembered.

    The small part left off its width, and the last bit, are what rounding could add.
    """
    steepest = min(limits.high, limits.high if limits.absolute else -limits.low)
    half = min(steepest / limits.per_s * limits.window_s * (1 - 1e-9) / 2, LARGEST)
    lowest, highest = min(value for _, value in memory), max(value for _, value in memory)
    middle = lowest / 2 + highest / 2
    low, high = math.nextafter(middle - half, math.inf), math.nextafter(middle + half, -math.inf)
    return Quiet(low, high) if low <= lowest and highest <= high else None


def _quiet_run(limits: Limits, standing: Standing) -> Quiet:
    """No run is long enough before the present one could be; one that is goes on within its values."""
    (began, low), (_, high), _ = standing.memory
    if standing.state == State.FIRING:
        return Quiet(low, high)
    return Quiet(-math.inf, math.inf, EPOCH + began * MICROSECOND + timedelta(seconds=limits.span_s) - MICROSECOND)


def _after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


def _next(limits: Limits, standing: Standing) -> tuple[datetime, State] | None:
    """What time alone will bring next, and when; of two at once the alarm comes first."""
    state, since, last_at = standing.state, standing.since, standing.last_at
    if last_at is None or since is None:
        return None
    found = []
    if limits.kind == Kind.STALE and state in (State.NORMAL, State.RECOVERING):
        found.append((_after(last_at, limits.span_s), State.FIRING))
    if state == State.PENDING and standing.pending_since and standing.samples >= limits.min_samples:
        found.append((_after(standing.pending_since, limits.for_s), State.FIRING))
    if state == State.RECOVERING:
        found.append((_after(since, limits.keep_firing_s), State.NORMAL))
    if limits.kind != Kind.STALE and limits.gap_s is not None and state in (State.NORMAL, State.PENDING):
        found.append((_after(last_at, limits.gap_s), State.NO_DATA))
    return min(found, key=lambda due: due[0], default=None)


def _elapse(limits: Limits, standing: Standing, before: datetime, changes: list[Change]) -> Standing:
    while (due := _next(limits, standing)) is not None and due[0] < before:
        moment, state = due
        silence = None
        if limits.kind == Kind.STALE and standing.last_at:
            silence = (moment - standing.last_at).total_seconds()
        standing = _move(standing, state, moment, silence, changes)
    return standing


def _take(limits: Limits, standing: Standing, reading: StoredReading, changes: list[Change]) -> Standing:
    seen = _observe(limits, standing, reading)
    state, since = standing.state, standing.since
    at = max(reading.recorded_at, since) if since else reading.recorded_at
    standing = standing._replace(
        since=since or at, last_at=reading.recorded_at, last_value=reading.value, memory=seen.memory
    )
    if state == State.FIRING:
        if seen.over:
            after = State.RECOVERING if limits.keep_firing_s else State.NORMAL
            standing = _move(standing, after, at, seen.measure, changes)
    elif state == State.RECOVERING:
        if seen.met:
            standing = _move(standing, State.FIRING, at, seen.measure, changes)
        elif since and at >= _after(since, limits.keep_firing_s):
            standing = _move(standing, State.NORMAL, at, seen.measure, changes)
    elif seen.met:
        standing = _met(limits, standing, at, seen.measure, changes)
    elif state == State.NO_DATA or (state == State.PENDING and seen.measure is not None):
        standing = _move(standing, State.NORMAL, at, seen.measure, changes)
    return standing


def _met(limits: Limits, standing: Standing, at: datetime, measure: float | None, changes: list[Change]) -> Standing:
    """One more reading that meets the condition, while the alarm is off."""
    began = standing.pending_since or at
    standing = standing._replace(pending_since=began, samples=standing.samples + 1)
    enough = limits.kind == Kind.STUCK or standing.samples >= limits.min_samples
    if enough and at >= _after(began, limits.for_s):
        return _move(standing, State.FIRING, at, measure, changes)
    if standing.state != State.PENDING:
        return _move(standing, State.PENDING, at, measure, changes)
    return standing


def _move(standing: Standing, state: State, at: datetime, measure: float | None, changes: list[Change]) -> Standing:
    at = max(at, standing.since) if standing.since else at
    changes.append(Change(at, standing.state, state, standing.last_value, measure))
    standing = standing._replace(state=state, since=at)
    if state in (State.NORMAL, State.NO_DATA):
        standing = standing._replace(pending_since=None, samples=0)
    return standing


def _observe(limits: Limits, standing: Standing, reading: StoredReading) -> Observation:
    if limits.kind == Kind.STALE:
        return Observation(met=False, over=True, measure=0.0)
    if limits.kind == Kind.STUCK:
        return _observe_run(limits, _memory(limits, standing, reading), reading)
    measure: float | None = reading.value
    memory: Memory = ()
    if limits.kind == Kind.RATE_OF_CHANGE:
        measure, memory = _rate(limits, _memory(limits, standing, reading), reading)
    if measure is None:
        return Observation(met=False, over=False, measure=None, memory=memory)
    return Observation(limits.met_by(measure), limits.over_at(measure), measure, memory)


def _memory(limits: Limits, standing: Standing, reading: StoredReading) -> Memory:
    """What is remembered, unless a gap has made it worthless."""
    last_at = standing.last_at
    if limits.gap_s is not None and last_at is not None and reading.recorded_at > _after(last_at, limits.gap_s):
        return ()
    return standing.memory


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _rate(limits: Limits, memory: Memory, reading: StoredReading) -> tuple[float | None, Memory]:
    """The change per `per_s`, None if nothing remembered is old enough, and the memory with this reading."""
    memory = _remember_line(limits, memory, (reading,))
    began, value = memory[0]
    passed = _micros(reading.recorded_at) - began
    if passed < max(limits.window_s * 1_000_000, 1):
        return None, memory
    rate = (reading.value - value) / (passed / 1_000_000) * limits.per_s
    if not math.isfinite(rate):  # of that size, halves are exact
        rate = (reading.value / 2 - value / 2) / (passed / 1_000_000) * limits.per_s * 2
        rate = max(-LARGEST, min(rate, LARGEST))
    return abs(rate) if limits.absolute else rate, memory


def _remember_line(limits: Limits, memory: Memory, readings: Iterable[tuple[datetime, float]]) -> Memory:
    """Nothing in it is older than the next reading can need."""
    window = limits.window_s * 1_000_000
    line, now = list(memory), 0
    for moment, value in readings:
        now = _micros(moment)
        if not line or (now - line[-1][0]) * MEMORY_STEPS >= window:
            line.append((now, value))
    first = next((n for n in range(len(line) - 1, -1, -1) if line[n][0] <= now - window), 0)
    return tuple(line[first:])


def _observe_run(limits: Limits, memory: Memory, reading: StoredReading) -> Observation:
    memory = _remember_run(limits, memory, (reading,))
    (began, _), (now, _), (_, count) = memory
    lasted = (now - began) / 1_000_000
    met = lasted >= limits.span_s and count >= limits.min_samples
    return Observation(met and count > 1, over=count == 1, measure=lasted, memory=memory)


def _remember_run(limits: Limits, memory: Memory, readings: Iterable[tuple[datetime, float]]) -> Memory:
    """Its beginning with the lowest value, its end with the highest, a third for the count."""
    (began, low), (now, high), (_, count) = memory or ((0, 0.0), (0, 0.0), (0, 0))
    for moment, value in readings:
        now = _micros(moment)
        lowest, highest = min(low, value), max(high, value)
        if count and highest - lowest <= limits.tolerance:
            low, high, count = lowest, highest, count + 1
        else:
            began, low, high, count = now, value, value, 1
    return ((began, low), (now, high), (now, count))
