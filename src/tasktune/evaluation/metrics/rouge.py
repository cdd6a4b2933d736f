"""ROUGE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from tasktune.evaluation.metrics.base import MeanMetric, metrics


@metrics.register("rouge")
class Rouge(MeanMetric):
    """The mean F1 of shared words, pairs of words and longest common subsequence, 0 to 1.

    Against the best of several references, each part by itself. By Google's rouge-score with
    stemming; Lin 2004.
    """

    kinds = ("generation",)
    names = ("rouge1", "rouge2", "rougeL")

    def __init__(self) -> None:
        self._scorer = RougeScorer(list(self.names), use_stemmer=True)

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        rows = []
        for prediction, texts in zip(predictions, references, strict=True):
            scores = [self._scorer.score(text, prediction) for text in texts]
            rows.append([max(score[name].fmeasure for score in scores) for name in self.names])
        return np.array(rows)
