"""Spearman's correlation."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from scipy.stats import spearmanr

from tasktune.evaluation.metrics.base import metrics
from tasktune.evaluation.metrics.correlation import Correlation


@metrics.register("spearman")
class Spearman(Correlation):
    """Spearman's correlation of ranks, -1 to 1; 0 where either side is constant.

    By SciPy.
    """

    name = "spearman"

    def correlate(self, predictions: NDArray[Any], references: NDArray[Any]) -> float:
        return float(spearmanr(predictions, references).statistic)
