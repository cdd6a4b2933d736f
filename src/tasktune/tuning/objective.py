"""What a search maximises: the tasks' changes against the run as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasktune.evaluation.metrics import Metric
from tasktune.evaluation.relative import change, divisor


@dataclass(frozen=True)
class Objective:
    """Turns scores into what is maximised.

    :param kind: the mean over tasks, the worst task, or each task for itself.
    :param reference: the scores of the run as it stands, ``[F, K]``.
    :param metrics: each task's own, ``[K]``.
    """

    kind: Literal["mean", "worst", "pareto"]
    reference: NDArray[np.float64]
    metrics: Sequence[Metric]

    @property
    def several(self) -> bool:
        """Whether each task is an objective of its own."""
        return self.kind == "pareto"

    def changes(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each task's relative change in each fold: ``[f, K]``.

        :param scores: of the first ``f`` folds, ``[f, K]``.
        """
        columns = [
            change(scores[:, k], self.reference[: len(scores), k], metric.higher_is_better, by)
            for k, (metric, by) in enumerate(zip(self.metrics, self.divisors, strict=True))
        ]
        return np.stack(columns, axis=1)

    @property
    def divisors(self) -> list[float]:
        """What each task's change is divided by: its reference, unless that is near zero."""
        means = self.reference.mean(axis=0).tolist()
        return [divisor(mean, m.top) for mean, m in zip(means, self.metrics, strict=True)]

    def values(self, scores: NDArray[np.float64]) -> list[float]:
        """The objective over the folds so far: one value, or one a task."""
        by_task = self.changes(scores).mean(axis=0)
        if self.several:
            return [float(value) for value in by_task]
        return [float(by_task.mean() if self.kind == "mean" else by_task.min())]

    def by_fold(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The objective of each fold, for its interval: ``[f]``.

        The worst task is the one that is worst over all folds; of several objectives it is their
        mean.
        """
        changes = self.changes(scores)
        if self.kind == "worst":
            return np.asarray(changes[:, int(changes.mean(axis=0).argmin())])
        return np.asarray(changes.mean(axis=1))
