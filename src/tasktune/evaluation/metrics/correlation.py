"""What correlations of numbers have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tasktune.evaluation.metrics.base import Metric


class Correlation(Metric):
    """A correlation of predictions with references; 0 where either side is constant."""

    bottom = -1.0
    kinds = ("regression",)
    name: ClassVar[str]

    @abstractmethod
    def correlate(self, predictions: NDArray[Any], references: NDArray[Any]) -> float:
        """The coefficient of two samples that vary, ``[n]`` each."""

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        return np.column_stack([predictions, references]).astype(np.float64)

    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        if (np.ptp(statistics, axis=0) == 0).any():
            return {self.name: 0.0}
        return {self.name: self.correlate(statistics[:, 0], statistics[:, 1])}
