"""Exact match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.evaluation.metrics.base import MeanMetric, metrics, normalize_answer


@metrics.register("exact_match")
class ExactMatch(MeanMetric):
    """The share of answers that equal some reference after SQuAD's normalisation, 0 to 1.

    Rajpurkar et al. 2016, arXiv 1606.05250.
    """

    kinds = ("generation",)
    names = ("exact_match",)
    paper = "arXiv 1606.05250"

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        return np.array(
            [
                [normalize_answer(p) in {normalize_answer(text) for text in texts}]
                for p, texts in zip(predictions, references, strict=True)
            ]
        )
