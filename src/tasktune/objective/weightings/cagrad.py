"""Averse to conflict."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import CAGradWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method, require


@weightings.register("cagrad")
class CAGrad(GramianWeighting):
    """The update near the mean gradient that helps the worst-off task the most.

    ``max_d min_i g_i . d`` with ``|d - g_0| <= c |g_0|``. c = 0 is the mean, c >= 1 goes to MGDA;
    where all tasks agree, it is ``1 + c`` times the mean. Where a combination of the gradients
    vanishes, it is the mean: TorchJD's would be no step at all. CAGrad, Liu et al. 2021, arXiv
    2110.14048.

    :param c: how far from the mean gradient it may go.
    """

    paper = "arXiv 2110.14048"

    def __init__(self, c: Annotated[float, Field(ge=0)] = 0.5) -> None:
        require("cagrad", "cvxpy", "clarabel")
        self.c = c

    def method(self, step: StepTasks) -> Method:
        averse = CAGradWeighting(c=self.c)

        def solve(gramian: Tensor) -> Tensor:
            weights: Tensor = averse(gramian)
            return weights if bool(weights.any()) else torch.full_like(weights, 1 / len(weights))

        return solve
