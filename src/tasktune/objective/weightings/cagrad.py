"""Averse to conflict."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torchjd.aggregation import CAGradWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method, require


@weightings.register("cagrad")
class CAGrad(GramianWeighting):
    """The update near the mean gradient that helps the worst-off task the most.

    ``max_d min_i g_i . d`` with ``|d - g_0| <= c |g_0|``. c = 0 is the mean, c >= 1 goes to MGDA.
    CAGrad, Liu et al. 2021, arXiv 2110.14048.

    :param c: how far from the mean gradient it may go.
    """

    paper = "arXiv 2110.14048"

    def __init__(self, c: Annotated[float, Field(ge=0)] = 0.5) -> None:
        require("cagrad", "cvxpy", "clarabel")
        self.c = c

    def method(self, step: StepTasks) -> Method:
        return CAGradWeighting(c=self.c)
