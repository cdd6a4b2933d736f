"""How far runs are from their twins, with intervals; pure functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

NOUGHT = 0.05  # a twin within this part of (top - chance) above chance gives no relative change
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """A mean change with its 95 % interval."""

    value: float
    low: float
    high: float


def is_absolute(twin: float, chance: float, top: float) -> bool:
    """Whether a twin says too little to divide by.

    :param chance: the score of the best constant answer.
    :param top: the metric's best score.
    """
    return twin == 0 or twin - chance < NOUGHT * (top - chance)


def changes(scores: Array, twins: Array, higher_is_better: bool, absolute: bool) -> Array:
    """Each seed's change, ``(score - twin) / |twin|`` (Maninis et al. 2019, arXiv 1904.08918).

    It is divided by the mean over seeds, so that one poor twin doesn't count for all.

    :param scores: ``[S]``, or ``[B, S]`` where resampled; ``twins`` alike.
    :param absolute: in points, undivided.
    """
    divisor = 1.0 if absolute else np.abs(twins.mean(axis=-1, keepdims=True))
    return np.asarray((scores - twins) * (1.0 if higher_is_better else -1.0) / divisor)


def seed_half_width(values: Array) -> float:
    """Half the 95 % interval of the mean over seeds, by Student's t; 0 of one, which tells none."""
    if len(values) < 2:
        return 0.0
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def example_half_width(resampled: Array) -> float:
    """Half the 95 % percentile interval of resampled means ``[B]``."""
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(high - low) / 2


def combine(values: Array, example_half: float) -> Change:
    """The mean over seeds; the parts of seeds and examples add as squares.

    :param values: ``[S]``.
    """
    mean = float(values.mean())
    half = float(np.hypot(seed_half_width(values), example_half))
    return Change(mean, mean - half, mean + half)


def delta_m(values: Array, example_halves: Array) -> Change:
    """The mean change over tasks, whose examples are independent.

    :param values: ``[K, S]``, of the tasks that have a relative change.
    :param example_halves: ``[K]``.
    """
    half = float(np.sqrt((example_halves**2).sum()) / len(example_halves))
    return combine(values.mean(axis=0), half)


def verdict(change: Change) -> str:
    """Helped or hurt where the interval leaves zero out."""
    if change.low > 0:
        return "helped"
    return "hurt" if change.high < 0 else "no difference shown"
