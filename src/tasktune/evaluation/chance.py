"""What an answer that looks at nothing would score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasktune.evaluation.metrics import Metric


def chance(metric: Metric, references: Sequence[Any]) -> float | None:
    """The score of the best constant answer on the same references; of the metric's first part.

    Of labels it is the one that scores best: accuracy's is the share of the most common, and
    Matthews' correlation is 0 for any. Of numbers it is their mean, which correlates with nothing.
    No text says anything of all references, so texts have 0.

    :param references: a label, a number, or a sequence of right texts an example; one at least.
    :returns: None where no constant answer has a score, as of perplexity.
    """
    count = len(references)
    if "classification" in metric.kinds:
        best = max if metric.higher_is_better else min
        return best(first(metric([label] * count, references)) for label in sorted(set(references)))
    if "regression" in metric.kinds:
        return first(metric([float(np.mean(references))] * count, references))
    return 0.0 if "generation" in metric.kinds and metric.higher_is_better else None


def first(scores: dict[str, float]) -> float:
    """The first part's score."""
    return next(iter(scores.values()))
