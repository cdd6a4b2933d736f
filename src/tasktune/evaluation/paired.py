"""Two models' scores on the same examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.evaluation.bootstrap import Score

Scorer = Callable[[NDArray[Any]], float]


def paired_change(
    score: Scorer,
    ours: NDArray[Any],
    theirs: NDArray[Any],
    scale: float,
    resamples: int,
    seed: int,
) -> Score:
    """How far one model's score is from the other's, with a 95 % interval over the examples.

    The examples are drawn once for both: what makes one hard for both cancels. Efron 1979, the
    percentile interval. It says nothing of another seed's training runs.

    :param score: the metric of a sample of examples.
    :param ours: what each example contributes, ``[n, s]``.
    :param theirs: the same examples' of the model that it is compared with, ``[n, s]``.
    :param scale: what a difference is multiplied with; below 0 where less is better.
    """
    value = scale * (score(ours) - score(theirs))
    generator = np.random.default_rng(seed)
    count = len(ours)
    changes = []
    for _ in range(resamples):
        drawn = generator.integers(0, count, count)
        changes.append(scale * (score(ours[drawn]) - score(theirs[drawn])))
    if not changes:
        return Score(value, value, value)
    low, high = np.percentile(changes, [2.5, 97.5])
    return Score(value, float(low), float(high))
