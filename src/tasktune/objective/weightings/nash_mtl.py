"""A bargain between tasks."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation._nash_mtl import _NashMTLWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method, require


@weightings.register("nash_mtl")
class NashMTL(GramianWeighting):
    """The Nash bargaining solution of the tasks: ``G w = 1 / w``, whatever scale a task has.

    It depends on the gradients by their Gramian only, so TorchJD's solver gets the Gramian's square
    root. Its warm start is left out: each step then depends on nothing before it. Where the solver
    fails, as it does now and then, the step's weights are equal. Nash-MTL, Navon et al. 2022, arXiv
    2202.01017.

    :param max_norm: of the update; 0 for no limit.
    :param iterations: of the solver.
    """

    paper = "arXiv 2202.01017"

    def __init__(
        self,
        max_norm: Annotated[float, Field(ge=0)] = 1.0,
        iterations: Annotated[int, Field(ge=1)] = 20,
    ) -> None:
        require("nash_mtl", "cvxpy", "ecos")
        self.max_norm = max_norm
        self.iterations = iterations

    def method(self, step: StepTasks) -> Method:
        solver = _NashMTLWeighting(len(step.present), self.max_norm, 1, self.iterations)

        def solve(gramian: Tensor) -> Tensor:
            values, vectors = torch.linalg.eigh(gramian)
            return torch.as_tensor(solver(vectors * values.clamp_min(0).sqrt())).double()

        return solve
