"""Equal covariances."""

from __future__ import annotations

from torch import Tensor

from tasktune.objective.penalties.alignment import Alignment, covariance
from tasktune.objective.penalties.base import penalties


@penalties.register("coral")
class Coral(Alignment):
    """Draws the covariances of two domains' features together: CORAL.

    ``|C_S - C_T|_F^2 / (4 d^2)`` with covariances over the batch and d the width. Sun and Saenko
    2016, arXiv 1607.01719.
    """

    paper = "arXiv 1607.01719"

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def distance(self, source: Tensor, target: Tensor, progress: float) -> Tensor:
        difference = covariance(source) - covariance(target)
        return difference.square().sum() / (4 * self.width**2)
