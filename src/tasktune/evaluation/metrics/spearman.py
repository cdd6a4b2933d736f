"""Spearman's correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from tasktune.evaluation.metrics.base import Metric, metrics


@metrics.register("spearman")
class Spearman(Metric):
    """Spearman's correlation of ranks, -1 to 1; 0 where either side is constant.

    By SciPy.
    """

    kinds = ("regression",)

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        return np.column_stack([predictions, references]).astype(np.float64)

    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        if (np.ptp(statistics, axis=0) == 0).any():
            return {"spearman": 0.0}
        return {"spearman": float(spearmanr(statistics[:, 0], statistics[:, 1]).statistic)}
