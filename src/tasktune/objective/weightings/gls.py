"""The geometric mean of losses."""

from __future__ import annotations

from torchjd.scalarization import GeometricMean

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.scalarized import Scalarize, ScalarizedWeighting


@weightings.register("gls")
class GeometricLoss(ScalarizedWeighting):
    """The gradient of the losses' geometric mean: ``w_k ~ 1 / L_k``, whatever scale a loss has.

    ``L = (prod_k L_k)^(1/P)``. GLS, Chennupati et al. 2019, arXiv 1904.08492.

    :param preferences: multiplies each task's weight.
    """

    paper = "arXiv 1904.08492"

    def scalarization(self, step: StepTasks) -> Scalarize:
        return GeometricMean()
