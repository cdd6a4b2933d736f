"""chrF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.chrf import CHRF

from tasktune.evaluation.metrics.base import Metric, metrics
from tasktune.evaluation.metrics.streams import reference_streams


@metrics.register("chrf")
class Chrf(Metric):
    """Corpus chrF2, 0 to 100.

    By sacrebleu; Popovic 2015, Post 2018, arXiv 1804.08771.
    """

    kinds = ("generation",)
    top = 100.0
    paper = "arXiv 1804.08771"

    def __init__(self) -> None:
        self._metric = CHRF()

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        streams = reference_streams(references)
        return np.array(self._metric._extract_corpus_statistics(list(predictions), streams))

    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        totals = statistics.sum(axis=0).tolist()
        return {"chrf": float(self._metric._compute_score_from_stats(totals).score)}
