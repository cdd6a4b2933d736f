"""Conflict-free direction."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchjd.aggregation import ConFIG as TorchJDConFIG

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method, factor
from tasktune.objective.weightings.preferences import Preferences, preference_vector


@weightings.register("config")
class ConFIG(GramianWeighting):
    """The direction with equal cosine to every task's gradient, as long as their projections on it.

    It lies in the span of the gradients and depends on their inner products only: TorchJD gets a
    factor of the Gramian, whose rows stand for the gradients. ConFIG, Liu et al. 2024, arXiv
    2408.11104.

    :param preferences: how much each task counts, 1 where none is given.
    """

    paper = "arXiv 2408.11104"
    sums = True

    def __init__(self, tasks: Sequence[str], preferences: Preferences | None = None) -> None:
        self._preferences = preference_vector(preferences, tasks, "weighting.preferences")

    def method(self, step: StepTasks) -> Method:
        direction = TorchJDConFIG(pref_vector=self._preferences[list(step.present)])

        def solve(gramian: Tensor) -> Tensor:
            rows = factor(gramian)
            weights: Tensor = torch.linalg.pinv(rows.T) @ direction(rows)
            return weights

        return solve
