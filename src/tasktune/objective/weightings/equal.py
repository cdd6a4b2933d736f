"""Every task alike."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.objective.weightings.base import StepTasks, Weighting, weightings


@weightings.register("equal")
class Equal(Weighting):
    """Weighs every task alike: ``w_k = 1 / P`` for the P tasks of the step.

    A task's mean loss counts, however many tokens it has: one with short answers is worth as much
    as one with long answers. Linear scalarisation, Xin et al. 2022, arXiv 2209.11379.
    """

    needs = "nothing"
    paper = "arXiv 2209.11379"

    def weights(self, step: StepTasks) -> Tensor:
        return torch.full_like(step.counts, 1 / len(step.present))
