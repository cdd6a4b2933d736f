"""Intervals against SciPy's own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tasktune.training.monitor.statistics import Stretch, mean_estimate


def test_a_mean_has_students_interval() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, 40)
    found = mean_estimate(values)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.value == pytest.approx(values.mean())


def test_one_value_says_nothing() -> None:
    found = mean_estimate(np.array([5.0]))
    assert found.value == 5 and not found.rises and not found.falls


def test_a_stretchs_slope_is_the_least_squares_one() -> None:
    generator = np.random.default_rng(1)
    steps = np.arange(100, 130)
    losses = 2 - 0.01 * steps + generator.normal(0, 0.05, 30)
    whole, halves = Stretch.empty(), [Stretch.empty(), Stretch.empty()]
    for step, loss in zip(steps.tolist(), losses.tolist(), strict=True):
        whole.add(step, loss)
        halves[step % 2].add(step, loss)
    expected = stats.linregress(steps, losses)
    margin = stats.t.ppf(0.975, 28) * expected.stderr
    for found in (whole.slope, (halves[0] + halves[1]).slope):
        assert found.value == pytest.approx(expected.slope, rel=1e-6)
        assert found.high - found.value == pytest.approx(margin, rel=1e-4)
    mean = mean_estimate(losses)
    assert (whole.mean.value, whole.mean.low) == pytest.approx((mean.value, mean.low), rel=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_short_stretch_has_no_slope(count: int) -> None:
    stretch = Stretch.empty()
    for step in range(count):
        stretch.add(step, 1.0)
    assert not stretch.slope.rises and not stretch.slope.falls
    assert stretch.mean.value == (1 if count else pytest.approx(np.nan, nan_ok=True))
