"""Drops gradients of the lesser sign."""

from __future__ import annotations

from torchjd.aggregation import GradDrop as TorchJDGradDrop

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.jacobian import Aggregate, JacobianWeighting


@weightings.register("graddrop")
class GradDrop(JacobianWeighting):
    """Each entry keeps the gradients of one sign, drawn by how much each sign weighs; the mean.

    ``P(keep positive) = (1 + sum g / sum |g|) / 2`` entry by entry. GradDrop, Chen et al. 2020,
    arXiv 2010.06808.
    """

    paper = "arXiv 2010.06808"
    sums = True

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def aggregate(self, step: StepTasks) -> Aggregate:
        return TorchJDGradDrop()
