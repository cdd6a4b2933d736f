"""Pearson's correlation."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from scipy.stats import pearsonr

from tasktune.evaluation.metrics.base import metrics
from tasktune.evaluation.metrics.correlation import Correlation


@metrics.register("pearson")
class Pearson(Correlation):
    """Pearson's correlation of numbers, -1 to 1; 0 where either side is constant.

    By SciPy.
    """

    name = "pearson"

    def correlate(self, predictions: NDArray[Any], references: NDArray[Any]) -> float:
        return float(pearsonr(predictions, references).statistic)
