"""Alpha-fair progress."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torchjd.aggregation import FairGradWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method
from tasktune.objective.weightings.nash_mtl import bargain


@weightings.register("fairgrad")
class FairGrad(GramianWeighting):
    """The update that is alpha-fair in how much each task's loss falls.

    ``max_d sum_i (g_i . d)^(1 - alpha) / (1 - alpha)`` in a ball, so ``G w = w^(-1 / alpha)``;
    alpha = 0 is the mean, 1 proportional fairness, large values help the worst task. FairGrad, Ban
    and Ji 2024, arXiv 2402.15638.

    :param alpha: how fair.
    """

    paper = "arXiv 2402.15638"

    def __init__(self, alpha: Annotated[float, Field(ge=0)] = 1.0) -> None:
        self.alpha = alpha
        self.power = -alpha / (1 + alpha)

    def method(self, step: StepTasks) -> Method:
        return bargain if self.alpha == 1 else FairGradWeighting(alpha=self.alpha)
