"""A score against another of the same task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

NOUGHT = 0.05  # a reference below this part of the best score gives no relative change


def divisor(reference: float, top: float) -> float:
    """What a change is divided by: the reference, or the best score where it is near zero.

    A Matthews correlation that grows from 0.004 to 0.04 has not grown ninefold, but by 0.036.

    :param reference: the mean of the references' scores.
    :param top: the metric's best score.
    """
    return abs(reference) if abs(reference) >= NOUGHT * top else top


def change(
    scores: NDArray[np.float64],
    reference: NDArray[np.float64],
    higher_is_better: bool,
    divided_by: float,
) -> NDArray[np.float64]:
    """How far each score is better than its reference.

    One task's part of delta-m (Maninis et al. 2019, arXiv 1904.08918), kept apart by fold or seed.

    :param scores: ``[n]``.
    :param reference: the reference's scores in the same folds or of the same seeds, ``[n]``.
    :param divided_by: the ``divisor`` of the references' mean.
    :returns: ``[n]``, above 0 where the score is better.
    """
    return (scores - reference) * (1.0 if higher_is_better else -1.0) / divided_by


def fold_interval(values: NDArray[np.float64], folds: int) -> tuple[float, float, float]:
    """The mean over folds with its 95 % interval by Student's t.

    The folds' training sets overlap, so their scores are less apart than those of fresh data; the
    variance is corrected for it (Nadeau and Bengio 2003): ``s^2 (1 / n + n_test / n_train)``.

    :param values: of the folds that were scored, ``[n]``.
    :param folds: how many folds the data was cut into.
    :returns: mean, low and high; no interval of a single fold.
    """
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("-inf"), float("inf")
    variance = float(values.var(ddof=1)) * (1 / len(values) + 1 / (folds - 1))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * variance**0.5
    return mean, mean - half, mean + half
