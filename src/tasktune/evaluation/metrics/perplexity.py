"""Perplexity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.evaluation.metrics.base import Metric, metrics


@metrics.register("perplexity")
class Perplexity(Metric):
    """The exponential of the mean negative log-likelihood a token; lower is better.

    A prediction is a text's summed negative log-likelihood, its reference the number of tokens.
    """

    kinds = ("language_modeling",)
    higher_is_better = False

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        return np.column_stack([predictions, references]).astype(np.float64)

    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        losses, tokens = statistics.sum(axis=0)
        return {"perplexity": math.exp(min(losses / tokens, 700.0))}
