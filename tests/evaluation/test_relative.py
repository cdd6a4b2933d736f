"""Relative changes and their intervals against what their formulas give by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tasktune.evaluation.relative import change, divisor, fold_interval


def test_change_is_relative_and_turned_where_less_is_better() -> None:
    scores, reference = np.array([0.6, 0.9]), np.array([0.5, 1.0])
    assert change(scores, reference, True, 0.75) == pytest.approx([0.1 / 0.75, -0.1 / 0.75])
    assert change(scores, reference, False, 0.75) == pytest.approx([-0.1 / 0.75, 0.1 / 0.75])


@pytest.mark.parametrize(
    ("reference", "top", "expected"),
    [(0.5, 1.0, 0.5), (-0.5, 1.0, 0.5), (0.004, 1.0, 1.0), (0.0, 1.0, 1.0), (4.0, 100.0, 100.0)],
)
def test_nothing_is_divided_by_what_is_near_zero(
    reference: float, top: float, expected: float
) -> None:
    assert divisor(reference, top) == expected


def test_fold_interval_is_nadeau_and_bengios() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.4])
    mean, low, high = fold_interval(values, folds=4)
    spread = math.sqrt(np.var(values, ddof=1) * (1 / 4 + (1 / 4) / (3 / 4)))
    assert mean == pytest.approx(0.25)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 3, loc=0.25, scale=spread))


def test_one_fold_has_no_interval() -> None:
    assert fold_interval(np.array([0.2]), folds=5) == (0.2, -math.inf, math.inf)
