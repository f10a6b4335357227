"""What is unusual in a series: small streaming detectors, each reading looked at once and then forgotten.

A detector is fed readings in order and answers the episodes they touch: one episode, one insight, however many
readings it lasts. How readings are cut into batches makes no difference, and a detector restored from its `dump` goes
on as if nothing had happened. Readings are finite numbers; ingest has seen to that.
"""

import math
import struct
import sys
from array import array
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NamedTuple, Protocol, Self

EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
MAX_SCORE = 1000.0
"""What a score is cut at: after a day of one constant value, any other is infinitely unlikely."""
SMALLEST_SHARE = 1e-6
"""Differences below this share of the value are the resolution of a sensor, not a change."""
LARGEST = 1e38
"""Larger values are cut, so that no sum overflows and a learned value fits four bytes."""


class Episode(NamedTuple):
    """A stretch of unusual readings, from the first one on. What was expected is what was so at its beginning."""

    started_at: datetime
    value: float
    expected_low: float
    expected_high: float
    peak_score: float
    peak_value: float
    last_unusual_at: datetime
    is_over: bool

    @classmethod
    def begun(cls, at: datetime, value: float, score: float, low: float, high: float) -> "Episode":
        return cls(at, value, low, high, score, value, at, is_over=False)

    def prolonged(self, at: datetime, value: float, score: float) -> "Episode":
        if score > self.peak_score:
            return self._replace(last_unusual_at=at, peak_score=score, peak_value=value)
        return self._replace(last_unusual_at=at)


EPISODE = struct.Struct("<q5dq")


def pack_episode(episode: Episode | None) -> bytes:
    """Nothing if there is none; only open episodes are kept."""
    if episode is None:
        return b""
    first, last = ((moment - EPOCH) // TICK for moment in (episode.started_at, episode.last_unusual_at))
    return EPISODE.pack(first, *episode[1:6], last)


def unpack_episode(packed: bytes) -> Episode | None:
    if not packed:
        return None
    first, value, low, high, score, peak, last = EPISODE.unpack(packed)
    return Episode(EPOCH + first * TICK, value, low, high, score, peak, EPOCH + last * TICK, is_over=False)


class Algorithm(Protocol):
    """`version` changes with the arithmetic or the form of the state; an older state begins anew."""

    version: ClassVar[int]

    def feed(self, readings: Iterable[tuple[datetime, float]]) -> list[Episode]:
        """The episodes these readings began, prolonged or ended, oldest first; the last may still be open."""
        ...

    def dump(self) -> bytes: ...

    @classmethod
    def load(cls, state: bytes) -> Self: ...


class RunningZ:
    """How many standard deviations a reading lies from the mean of what came before it.

    Mean and variance are Welford's (1962, "Note on a method for calculating corrected sums of squares and products",
    Technometrics 4). An episode begins at TRIGGER deviations and is over after HOLD readings in a row below CLEAR.
    Beyond MEMORY readings the oldest fade, so that a machine that works differently for good becomes normal.
    """

    version: ClassVar[int] = 1
    WARM_UP, MEMORY = 100, 10_000
    TRIGGER, CLEAR, HOLD = 6.0, 3.0, 50
    STATE: ClassVar[struct.Struct] = struct.Struct("<i2di")

    def __init__(self) -> None:
        self.count = self.calm = 0
        self.mean = self.squares = 0.0
        self.episode: Episode | None = None

    def feed(self, readings: Iterable[tuple[datetime, float]]) -> list[Episode]:
        count, mean, squares = self.count, self.mean, self.squares
        touched: list[Episode] = []
        for recorded_at, sent in readings:
            value = sent if -LARGEST < sent < LARGEST else math.copysign(LARGEST, sent)
            off = value - mean
            if count >= self.WARM_UP:
                limit = self.TRIGGER if self.episode is None else self.CLEAR
                # First without a root, for the many readings that are ordinary.
                if off * off * count >= limit * limit * squares and deviations(off, count, mean, squares) >= limit:
                    self._unusual(recorded_at, value, (count, mean, squares))
                elif self.episode is not None:
                    touched += self._ordinary()
            if count >= self.MEMORY:
                squares *= (self.MEMORY - 1) / self.MEMORY
                count = self.MEMORY - 1
            count += 1
            mean += off / count
            squares += off * (value - mean)
        self.count, self.mean, self.squares = count, mean, squares
        return touched if self.episode is None else [*touched, self.episode]

    def _unusual(self, recorded_at: datetime, value: float, known: tuple[int, float, float]) -> None:
        count, mean, squares = known
        score = deviations(value - mean, *known)
        self.calm = 0
        if self.episode is None:
            usual = self.TRIGGER * math.sqrt(squares / count)
            self.episode = Episode.begun(recorded_at, value, score, mean - usual, mean + usual)
        else:
            self.episode = self.episode.prolonged(recorded_at, value, score)

    def _ordinary(self) -> list[Episode]:
        """The episode that this calm reading ends, if it does."""
        self.calm += 1
        if self.episode is None or self.calm < self.HOLD:
            return []
        over = self.episode._replace(is_over=True)
        self.episode, self.calm = None, 0
        return [over]

    def dump(self) -> bytes:
        return self.STATE.pack(self.count, self.mean, self.squares, self.calm) + pack_episode(self.episode)

    @classmethod
    def load(cls, state: bytes) -> "RunningZ":
        self = cls()
        self.count, self.mean, self.squares, self.calm = cls.STATE.unpack_from(state)
        self.episode = unpack_episode(state[cls.STATE.size :])
        return self


def deviations(off: float, count: int, mean: float, squares: float) -> float:
    """How many standard deviations this distance from the mean is, at most MAX_SCORE."""
    deviation = max(math.sqrt(squares / count), SMALLEST_SHARE * abs(mean))
    if not deviation:
        return MAX_SCORE if off else 0.0
    return min(abs(off) / deviation, MAX_SCORE)


class RelativeEntropy:
    """Whether the last WINDOW readings are spread over BINS equal ranges like any stretch seen before.

    The multinomial goodness-of-fit test against several hypotheses of Wang, Viswanathan, Choudur, Talwar, Satterfield
    and Schwan (2011, "Statistical Techniques for Online Anomaly Detection in Data Centers", IM 2011, section IV):
    twice the window times the relative entropy of its histogram against a known one is chi-squared with BINS - 1
    degrees of freedom. A window that no known histogram explains becomes a known one itself, and is an alarm. Ours:
    the bins span LEARN readings and half their range to either side, at most HYPOTHESES are kept (the rarest goes),
    and an alarm is an episode that lasts until WINDOW readings have brought nothing new.
    """

    version: ClassVar[int] = 1
    BINS, WINDOW, LEARN, HYPOTHESES = 5, 26, 750, 32
    CRITICAL = 13.2767
    """The 99 % quantile of chi-squared with 4 degrees of freedom."""
    STATE: ClassVar[struct.Struct] = struct.Struct("<2dBHBB")
    KNOWN: ClassVar[struct.Struct] = struct.Struct("<5BI")

    def __init__(self, learn: int = LEARN) -> None:
        self.learn = learn
        self.learned = array("f")
        self.low = self.width = 0.0
        self.window: deque[int] = deque()
        self.counts = [0] * self.BINS
        self.known: list[tuple[int, ...]] = []
        self.agreed: list[int] = []
        self.rest = 0
        self.episode: Episode | None = None
        self._found: dict[tuple[int, ...], int] = {}

    def feed(self, readings: Iterable[tuple[datetime, float]]) -> list[Episode]:
        touched: list[Episode] = []
        for recorded_at, sent in readings:
            value = sent if -LARGEST < sent < LARGEST else math.copysign(LARGEST, sent)
            if not self.width:
                self._learn(value)
                continue
            score = self._judge(value)
            if score:
                self.rest = self.WINDOW + 1
                if self.episode is None:
                    self.episode = Episode.begun(recorded_at, value, score, *self._usual())
                else:
                    self.episode = self.episode.prolonged(recorded_at, value, score)
            self.rest -= self.rest > 0
            if self.episode is not None and not self.rest:
                touched.append(self.episode._replace(is_over=True))
                self.episode = None
        return touched if self.episode is None else [*touched, self.episode]

    def _learn(self, value: float) -> None:
        """Keeps the value; after the last one, fixes the bins and takes in what has been seen, without alarms."""
        self.learned.append(value)
        if len(self.learned) < self.learn:
            return
        least, most = min(self.learned), max(self.learned)
        span = max(most - least, SMALLEST_SHARE * max(abs(least), abs(most)), sys.float_info.min)
        self.low = (least + most) / 2 - span
        self.width = 2 * span / self.BINS
        for seen in self.learned:
            self._judge(seen)
        self.learned = array("f")

    def _judge(self, value: float) -> float:
        """0 if the window with this value is like a known one; else by how much it is beyond the critical value."""
        steps = (value - self.low) / self.width
        place = 0 if steps < 1 else self.BINS - 1 if steps >= self.BINS - 1 else int(steps)
        self.window.append(place)
        self.counts[place] += 1
        if len(self.window) > self.WINDOW:
            self.counts[self.window.popleft()] -= 1
        if len(self.window) < self.WINDOW:
            return 0.0
        spread = tuple(self.counts)
        index = self._found.get(spread)
        if index is None:
            statistic, index = self._nearest(spread)
            if statistic >= self.CRITICAL:
                self._remember(spread)
                return min(statistic / self.CRITICAL, MAX_SCORE)
            self._found[spread] = index
        self.agreed[index] += 1
        return 0.0

    def _nearest(self, spread: tuple[int, ...]) -> tuple[float, int]:
        """The smallest test statistic, and which known histogram gives it."""
        first, second, third, fourth, fifth = (TERMS[count] for count in spread)
        nearest, index = math.inf, 0
        for number, (a, b, c, d, e) in enumerate(self.known):
            statistic = first[a] + second[b] + third[c] + fourth[d] + fifth[e]
            if statistic < nearest:
                nearest, index = statistic, number
        return nearest, index

    def _remember(self, spread: tuple[int, ...]) -> None:
        if len(self.known) == self.HYPOTHESES:
            rarest = min(range(self.HYPOTHESES), key=self.agreed.__getitem__)
            del self.known[rarest], self.agreed[rarest]
        self.known.append(spread)
        self.agreed.append(1)
        self._found.clear()

    def _usual(self) -> tuple[float, float]:
        """The values of the bins that the commonest known histogram fills."""
        commonest = max(zip(self.agreed, self.known, strict=True))[1]
        filled = [number for number, count in enumerate(commonest) if count]
        return self.low + filled[0] * self.width, self.low + (filled[-1] + 1) * self.width

    def dump(self) -> bytes:
        sizes = (self.rest, len(self.learned), len(self.window), len(self.known))
        known = b"".join(
            self.KNOWN.pack(*spread, agreed) for spread, agreed in zip(self.known, self.agreed, strict=True)
        )
        head = self.STATE.pack(self.low, self.width, *sizes)
        return head + self.learned.tobytes() + bytes(self.window) + known + pack_episode(self.episode)

    @classmethod
    def load(cls, state: bytes) -> "RelativeEntropy":
        self = cls()
        self.low, self.width, self.rest, learned, window, known = cls.STATE.unpack_from(state)
        rest = memoryview(state)[cls.STATE.size :]
        self.learned.frombytes(rest[: 4 * learned])
        rest = rest[4 * learned :]
        self.window.extend(rest[:window])
        for place in self.window:
            self.counts[place] += 1
        rest = rest[window:]
        for *spread, agreed in cls.KNOWN.iter_unpack(rest[: cls.KNOWN.size * known]):
            self.known.append(tuple(spread))
            self.agreed.append(agreed)
        self.episode = unpack_episode(bytes(rest[cls.KNOWN.size * known :]))
        return self


def term(count: int, known: int) -> float:
    """One bin's part of the test statistic: a value where none was ever seen is infinitely unlikely."""
    if not count:
        return 0.0
    return 2 * count * math.log(count / known) if known else math.inf


TERMS = [
    [term(count, known) for known in range(RelativeEntropy.WINDOW + 1)] for count in range(RelativeEntropy.WINDOW + 1)
]
