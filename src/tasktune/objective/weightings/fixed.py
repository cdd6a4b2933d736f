"""Weights that the user sets."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tasktune.objective.weightings.base import StepTasks, Weighting, weightings
from tasktune.objective.weightings.preferences import Preferences, preference_vector


@weightings.register("fixed")
class Fixed(Weighting):
    """Weighs tasks as told: ``w_k ~ weights[k]`` (1 where none is given), summing to 1.

    Linear scalarisation, Xin et al. 2022, arXiv 2209.11379.

    :param weights: the weight of each task by name.
    """

    needs = "nothing"
    paper = "arXiv 2209.11379"

    def __init__(self, tasks: Sequence[str], weights: Preferences) -> None:
        self._weights = preference_vector(weights, tasks, "weighting.weights")

    def weights(self, step: StepTasks) -> Tensor:
        chosen = self._weights[list(step.present)].to(step.counts)
        return chosen / chosen.sum()
