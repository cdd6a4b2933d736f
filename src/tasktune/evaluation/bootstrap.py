"""Intervals: how far a score would move with another draw of test examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.evaluation.metrics import Metric


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval; both ends are the value where nothing was resampled."""

    value: float
    low: float
    high: float


def bootstrap(
    metric: Metric, statistics: NDArray[Any], resamples: int, seed: int
) -> dict[str, Score]:
    """A metric's scores with 95 % percentile intervals over the test examples.

    Efron 1979. It says nothing of another seed's training run.

    :param statistics: what each example contributes, ``[n, s]``.
    """
    values = metric.score(statistics)
    generator = np.random.default_rng(seed)
    count = len(statistics)
    drawn = [
        metric.score(statistics[generator.integers(0, count, count)]) for _ in range(resamples)
    ]
    scores = {}
    for name, value in values.items():
        if not drawn:
            scores[name] = Score(value, value, value)
            continue
        low, high = np.percentile([sample[name] for sample in drawn], [2.5, 97.5])
        scores[name] = Score(value, float(low), float(high))
    return scores
