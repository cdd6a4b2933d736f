"""Calibration and abstention against what their formulas give by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from tasktune.evaluation.answers import Answer
from tasktune.evaluation.calibration import POINTS, abstention, bin_of, calibration


def answers(confidences: list[float], right: list[bool]) -> list[Answer]:
    return [
        Answer(index, "yes", "yes" if is_right else "no", confidence)
        for index, (confidence, is_right) in enumerate(zip(confidences, right, strict=True))
    ]


def test_calibration_error_by_hand() -> None:
    found = calibration(answers([0.95, 0.97, 0.55, 0.58], [True, False, True, False]), 0, 0)
    # (0.933, 1]: accuracy 0.5, confidence 0.96; (0.533, 0.6]: accuracy 0.5, confidence 0.565
    assert found.ece.value == pytest.approx(0.5 * 0.46 + 0.5 * 0.065)
    assert found.brier == pytest.approx((0.05**2 + 0.97**2 + 0.45**2 + 0.58**2) / 4)
    assert [b.count for b in found.bins] == [2, 2]
    assert [b.confidence for b in found.bins] == pytest.approx([0.565, 0.96])
    assert [b.accuracy for b in found.bins] == [0.5, 0.5]
    assert [(b.low, b.high) for b in found.bins] == [
        pytest.approx((8 / 15, 9 / 15)),
        pytest.approx((14 / 15, 1.0)),
    ]


def test_the_bins_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    confidences = generator.uniform(0.2, 1, 400)
    right = generator.random(400) < confidences**2
    found = calibration(answers(confidences.tolist(), right.tolist()), 0, 0)
    accuracies, means = calibration_curve(right, confidences, n_bins=15)
    assert [b.accuracy for b in found.bins] == pytest.approx(accuracies)
    assert [b.confidence for b in found.bins] == pytest.approx(means)
    shares = np.array([b.count for b in found.bins]) / 400
    assert found.ece.value == pytest.approx((shares * np.abs(accuracies - means)).sum())


def test_a_bin_has_its_upper_edge() -> None:
    assert bin_of(np.array([0.0, 1 / 15, 0.2, 1.0])).tolist() == [0, 0, 2, 14]


def test_the_interval_takes_off_what_chance_adds() -> None:
    """The truth is 0 here, and percentiles of resamples lie above even the sample's error."""
    generator = np.random.default_rng(1)
    confidences = generator.uniform(0.5, 1, 200)
    right = generator.random(200) < confidences
    found = calibration(answers(confidences.tolist(), right.tolist()), 300, 0).ece
    assert 0 <= found.low <= found.value <= found.high
    assert found.low < 0.02 < found.value


def test_an_overconfident_tasks_interval_holds_the_truth() -> None:
    """Confidence 0.9 and accuracy 0.6: the error is 0.3."""
    right = np.random.default_rng(2).random(500) < 0.6
    found = calibration(answers([0.9] * 500, right.tolist()), 500, 0).ece
    assert found.low < 0.3 < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.24 / 500) ** 0.5, rel=0.15)


def test_abstention_by_hand() -> None:
    found = abstention(np.array([0.6, 0.9, 0.8, 0.7]), np.array([False, True, False, True]))
    assert found.coverage == [0.25, 0.5, 0.75, 1.0]
    assert found.accuracy == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])
    assert found.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_equal_confidences_have_no_order() -> None:
    right = np.array([True, True, False, False])
    found = abstention(np.full(4, 0.5), right)
    assert found == abstention(np.full(4, 0.5), right[::-1])
    assert found.accuracy == [0.5] * 4


def test_a_long_curve_is_thinned_but_not_its_area() -> None:
    generator = np.random.default_rng(3)
    confidences, right = generator.random(5000), generator.random(5000) < 0.7
    found = abstention(confidences, right)
    ordered = right[np.argsort(-confidences)]
    risks = 1 - np.cumsum(ordered) / np.arange(1, 5001)
    assert len(found.coverage) == len(found.accuracy) == POINTS
    assert found.area == pytest.approx(risks.mean())
    assert found.coverage[-1] == 1
    assert found.accuracy[-1] == pytest.approx(right.mean())
