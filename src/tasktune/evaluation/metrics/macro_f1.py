"""F1, averaged over classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from sklearn.metrics import f1_score

from tasktune.evaluation.metrics.base import Metric, class_codes, metrics


@metrics.register("macro_f1")
class MacroF1(Metric):
    """The mean over classes of each class's F1, 0 to 1: rare classes count as common ones do.

    By scikit-learn; a class that is neither predicted nor there does not count.
    """

    kinds = ("classification",)

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        return class_codes(predictions, references)

    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        references, predictions = statistics.T
        value = f1_score(references, predictions, average="macro", zero_division=0)
        return {"macro_f1": float(value)}
