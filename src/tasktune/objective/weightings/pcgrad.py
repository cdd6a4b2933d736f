"""Projects conflicting gradients."""

from __future__ import annotations

from torchjd.aggregation import PCGradWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method


@weightings.register("pcgrad")
class PCGrad(GramianWeighting):
    """Removes from each task's gradient its components against other tasks, in random order.

    ``g_i <- g_i - (g_i . g_j) / |g_j|^2 g_j`` where they conflict; the update is the mean of the
    results. PCGrad, Yu et al. 2020, arXiv 2001.06782.
    """

    paper = "arXiv 2001.06782"
    sums = True

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def method(self, step: StepTasks) -> Method:
        return PCGradWeighting()
