"""The shortest combination."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torchjd.aggregation import MGDAWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method


@weightings.register("mgda")
class MGDA(GramianWeighting):
    """The convex combination of gradients of least norm: no task gets worse to first order.

    ``min_w |sum_k w_k g_k|, w >= 0, sum w = 1``. It follows the task of the smallest gradient.
    MGDA, Sener and Koltun 2018, arXiv 1810.04650.

    :param max_iterations: of the Frank-Wolfe solver.
    """

    paper = "arXiv 1810.04650"

    def __init__(self, max_iterations: Annotated[int, Field(ge=1)] = 250) -> None:
        self.max_iterations = max_iterations

    def method(self, step: StepTasks) -> Method:
        return MGDAWeighting(max_iters=self.max_iterations)
