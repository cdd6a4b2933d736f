"""Equal distributions, by kernels."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tasktune.objective.penalties.alignment import Alignment, squared_distances
from tasktune.objective.penalties.base import penalties


@penalties.register("mmd")
class MaximumMeanDiscrepancy(Alignment):
    """Draws the distributions of two domains' features together: maximum mean discrepancy.

    ``mean k(s, s') + mean k(t, t') - 2 mean k(s, t)`` with a sum of Gaussian kernels, whose widths
    are powers of 2 around the mean squared distance in the batch. Gretton et al. 2012; with several
    kernels, Long et al. 2015, arXiv 1502.02791.

    :param kernels: their number, odd so that the mean distance is one of the widths.
    """

    paper = "arXiv 1502.02791"

    def __init__(self, kernels: Annotated[int, Field(ge=1, le=21)] = 5) -> None:
        super().__init__()
        self.kernels = kernels

    def distance(self, source: Tensor, target: Tensor, progress: float) -> Tensor:
        both = torch.cat([source, target])
        squared = squared_distances(both, both)
        count = len(both)
        width = squared.detach().sum() / (count**2 - count)
        powers = torch.arange(self.kernels, device=both.device) - self.kernels // 2
        widths = (width.clamp_min(1e-12) * 2.0**powers).view(-1, 1, 1)
        kernel = torch.exp(-squared / widths).sum(dim=0)
        own = len(source)
        within = kernel[:own, :own].mean() + kernel[own:, own:].mean()
        return within - 2 * kernel[:own, own:].mean()
