"""F1 of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.evaluation.metrics.base import MeanMetric, metrics, normalize_answer


@metrics.register("token_f1")
class TokenF1(MeanMetric):
    """The mean F1 of an answer's words against the best reference's, after SQuAD's normalisation.

    0 to 1. Rajpurkar et al. 2016, arXiv 1606.05250.
    """

    kinds = ("generation",)
    names = ("token_f1",)
    paper = "arXiv 1606.05250"

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        pairs = zip(predictions, references, strict=True)
        return np.array([[max(word_f1(p, text) for text in texts)] for p, texts in pairs])


def word_f1(prediction: str, reference: str) -> float:
    """F1 of two texts' words; two texts without words are equal."""
    ours, theirs = normalize_answer(prediction).split(), normalize_answer(reference).split()
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))
