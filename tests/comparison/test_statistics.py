"""Changes and intervals against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tasktune.comparison import statistics


def test_change_is_relative_and_better_is_above_zero() -> None:
    scores, twins = np.array([0.6, 0.7]), np.array([0.4, 0.6])  # the twins' mean is 0.5
    assert statistics.changes(scores, twins, True, False) == pytest.approx([0.4, 0.2])
    assert statistics.changes(scores, twins, False, False) == pytest.approx([-0.4, -0.2])
    assert statistics.changes(scores, twins, True, True) == pytest.approx([0.2, 0.1])


def test_a_twin_at_zero_or_chance_is_absolute() -> None:
    assert statistics.is_absolute(0.0, 0.0, 1.0)
    assert statistics.is_absolute(0.52, 0.5, 1.0)  # 0.02 above, and 0.05 * 0.5 = 0.025
    assert not statistics.is_absolute(0.53, 0.5, 1.0)


def test_interval_of_seeds_and_examples() -> None:
    # mean 0.3, standard deviation 0.1; t(2) at 97.5 % is 4.302653: 4.302653 * 0.1 / sqrt(3)
    found = statistics.combine(np.array([0.2, 0.3, 0.4]), 0.1)
    assert found.value == pytest.approx(0.3)
    assert found.high - found.value == pytest.approx((0.2484138**2 + 0.01) ** 0.5, rel=1e-5)
    assert statistics.verdict(found) == "helped"


def test_delta_m_of_one_seed() -> None:
    # (0.1 - 0.3) / 2 = -0.1; sqrt(0.03^2 + 0.04^2) / 2 = 0.025
    found = statistics.delta_m(np.array([[0.1], [-0.3]]), np.array([0.03, 0.04]))
    assert (found.low, found.high) == pytest.approx((-0.125, -0.075))
    assert statistics.verdict(found) == "hurt"
