"""The arithmetic of evaluation, against values worked out by hand."""

import pytest

from aiassist.accuracy import Share
from aiassist.evaluation.scores import brier, calibration_error, in_words, mean, reliability, share_json


def test_means_by_hand() -> None:
    found = mean([1.0, 2.0, 3.0])

    assert found.value == 2.0
    assert found.half == pytest.approx(1.959964 / 3**0.5)  # spread 1, three values
    assert mean([]).value is None
    assert (mean([4.0]).value, mean([4.0]).half) == (4.0, None)


def test_brier_by_hand() -> None:
    # (0.9 - 1)² = 0.01, (0.6 - 0)² = 0.36, (0.5 - 1)² = 0.25
    assert brier([(0.9, True), (0.6, False), (0.5, True)]).value == pytest.approx(0.62 / 3)


def test_reliability_by_hand() -> None:
    steps = reliability([(0.9, True), (0.8, False), (1.0, True), (0.1, False)])

    assert [(step.low, step.high, step.right.hits, step.right.n) for step in steps] == [
        (0.0, 0.2, 0, 1),
        (0.8, 1.0, 2, 3),
    ]
    assert steps[1].confidence == pytest.approx(0.9)
    # |0.1 - 0| × 1 + |2.7 - 2| over 4 answers
    assert calibration_error(steps) == pytest.approx((0.1 + 0.7) / 4)
    assert calibration_error([]) is None


def test_shares_read_well() -> None:
    assert in_words(Share(10, 8)) == "0.800 [0.490-0.943] (8/10)"
    assert in_words(Share(0, 0)) == "none"
    assert share_json(Share(10, 8)) == {"value": 0.8, "low": 0.4902, "high": 0.9433, "hits": 8, "of": 10}
