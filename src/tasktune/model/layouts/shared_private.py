"""A common adapter and one for each task."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.model.layouts.base import (
    Factors,
    LayerShape,
    Layout,
    Parameters,
    initial_down,
    initial_up,
    layouts,
)


@layouts.register("shared_private")
class SharedPrivate(Layout):
    """A common adapter and one for each task: ``y = Wx + s (B A + B_t A_t) x``.

    What tasks have in common goes into the first, what is a task's own into the second. The two
    concatenate into one LoRA of twice the rank. LoRA, Hu et al. 2021, arXiv 2106.09685; shared and
    private parts as in Liu et al. 2017, arXiv 1704.05742.
    """

    paper = "arXiv 1704.05742"
    private_pair = ("own_down", "own_up")

    def shared(self, shape: LayerShape) -> dict[str, Tensor]:
        return {
            "down": initial_down(1, self.rank, shape.inputs)[0],
            "up": initial_up(1, shape.outputs, self.rank)[0],
        }

    def private(self, shape: LayerShape) -> dict[str, Tensor]:
        return {
            "own_down": initial_down(self.tasks, self.rank, shape.inputs),
            "own_up": initial_up(self.tasks, shape.outputs, self.rank),
        }

    def fold(self, shared: Parameters, private: Parameters) -> Factors:
        own_down, own_up = private["own_down"], private["own_up"]
        count = own_down.shape[0]
        down = torch.cat([shared["down"].expand(count, -1, -1), own_down], dim=1)
        up = torch.cat([shared["up"].expand(count, -1, -1), own_up], dim=2)
        return Factors(down, up, self.scaling)
