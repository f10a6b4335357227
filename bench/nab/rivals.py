"""Detectors with published results on this corpus. They tell whether the scorer is right; the product uses neither."""

import math
from collections import deque

from bench.nab.corpus import Scores, Series

PUBLISHED_RAW = {"windowed Gaussian": -24.0131054891, "relative entropy of NAB": 10.7711775285}
"""Totals of the standard profile in numenta/NAB's results/*/…_standard_scores.csv: 39.65 and 54.64 when normalised."""


def windowed_gaussian(series: Series, *, size: int = 6400, step: int = 100) -> Scores:
    """One minus the tail probability under a normal distribution fitted to a window that moves in steps.

    The published files hold twelve significant digits, and their threshold is 1.0: what rounds to one is a detection.
    """
    scores: list[float] = []
    window: list[float] = []
    waiting: list[float] = []
    count, mean, squares, deviation = 0, 0.0, 0.0, 1.0
    for value in series.values:
        tail = 0.5 * math.erfc(abs(value - mean) / deviation / math.sqrt(2))
        scores.append(float(f"{1 - tail:.12g}") if window else 0.0)
        if len(window) < size:
            window.append(value)
            count, off = count + 1, value - mean
            mean += off / count
            squares += off * (value - mean)
            deviation = math.sqrt(squares / count) or 1e-6
            continue
        waiting.append(value)
        if len(waiting) == step:
            window, waiting = window[step:] + waiting, []
            mean = math.fsum(window) / size
            deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in window) / size) or 1e-6
    return scores


def relative_entropy_of_nab(series: Series, *, bins: int = 5, size: int = 52, critical: float = 13.2767) -> Scores:
    """Wang et al. 2011 as NAB ran it: the bins span the whole series, which a detector at work can't know.

    A value at an edge falls into the bin below it, the lowest value has a bin of its own and the two highest share one.
    """
    low, width = min(series.values), (max(series.values) - min(series.values)) / bins
    if not width:
        return [0.0] * len(series.values)
    logarithms = [0.0, *map(math.log, range(1, size + 1))]
    known: list[list[int]] = []
    window: deque[int] = deque()
    counts = [0] * bins
    scores: list[float] = []

    def statistic(other: list[int]) -> float:
        pairs = [(mine, theirs) for mine, theirs in zip(counts, other, strict=True) if mine]
        if not all(theirs for _, theirs in pairs):
            return math.inf
        return 2 * sum(mine * (logarithms[mine] - logarithms[theirs]) for mine, theirs in pairs)

    for value in series.values:
        window.append(min(math.ceil((value - low) / width), bins - 1))
        counts[window[-1]] += 1
        if len(window) > size:
            counts[window.popleft()] -= 1
        is_new = len(window) == size and all(statistic(other) >= critical for other in known)
        scores.append(float(is_new and bool(known)))
        if is_new:
            known.append(counts.copy())
    return scores
