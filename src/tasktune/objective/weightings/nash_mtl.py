"""A bargain between tasks."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import FairGradWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method


@weightings.register("nash_mtl")
class NashMTL(GramianWeighting):
    """The Nash bargaining solution of the tasks: ``G w = 1 / w``, whatever scale a task has.

    The same equation as FairGrad's at alpha = 1, so TorchJD's solver of that one is used, on the
    matrix of cosines: TorchJD's NashMTL linearises it step by step and, from some ten tasks on,
    mostly gives its starting point back. Nash-MTL, Navon et al. 2022, arXiv 2202.01017.

    :param max_norm: of the update; 0 for no limit. Without it, its square is the number of tasks.
    """

    paper = "arXiv 2202.01017"
    power = -0.5

    def __init__(self, max_norm: Annotated[float, Field(ge=0)] = 1.0) -> None:
        self.max_norm = max_norm

    def weights(self, step: StepTasks) -> Tensor:
        weights = super().weights(step)
        if len(weights) == 1 or not self.max_norm:
            return weights
        assert step.gramian is not None
        norm = float(weights @ step.gramian.double().cpu() @ weights) ** 0.5
        return weights * (self.max_norm / norm) if norm > self.max_norm else weights

    def method(self, step: StepTasks) -> Method:
        return bargain


def bargain(gramian: Tensor) -> Tensor:
    """The positive solution of ``G w = 1 / w``, ``[P]``."""
    norms = gramian.diagonal().sqrt()
    solved: Tensor = FairGradWeighting(alpha=1.0)(gramian / torch.outer(norms, norms))
    return solved / norms
