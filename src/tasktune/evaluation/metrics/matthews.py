"""Matthews' correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from sklearn.metrics import matthews_corrcoef

from tasktune.evaluation.metrics.base import Metric, class_codes, metrics


@metrics.register("matthews")
class Matthews(Metric):
    """Matthews' correlation of labels, -1 to 1: 0 for any constant answer, however common it is.

    By scikit-learn; Matthews 1975, and GLUE's metric for CoLA, arXiv 1804.07461.
    """

    bottom = -1.0
    kinds = ("classification",)
    paper = "arXiv 1804.07461"

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        return class_codes(predictions, references)

    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        references, predictions = statistics.T
        return {"matthews": float(matthews_corrcoef(references, predictions))}
