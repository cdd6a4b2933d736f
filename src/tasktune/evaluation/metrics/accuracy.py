"""Share of right labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.evaluation.metrics.base import MeanMetric, metrics


@metrics.register("accuracy")
class Accuracy(MeanMetric):
    """The share of examples whose label is right, 0 to 1."""

    kinds = ("classification",)
    names = ("accuracy",)

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        return np.array([[p == r] for p, r in zip(predictions, references, strict=True)])
