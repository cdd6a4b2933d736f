"""Every target alike: the plain pile."""

from __future__ import annotations

from torch import Tensor

from tasktune.objective.weightings.base import StepTasks, Weighting, weightings


@weightings.register("pooled")
class Pooled(Weighting):
    """Weighs a task by its targets in the step: ``w_k ~ n_k``, as plain fine-tuning on one pile.

    The loss is the mean over all target tokens, so tasks with long answers drown the others. It is
    here as the baseline that most people train today. Linear scalarisation, arXiv 2209.11379.
    """

    needs = "nothing"
    paper = "arXiv 2209.11379"

    def weights(self, step: StepTasks) -> Tensor:
        return step.counts / step.counts.sum()
