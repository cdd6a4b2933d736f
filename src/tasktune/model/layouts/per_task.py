"""An adapter for each task."""

from __future__ import annotations

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


@layouts.register("per_task")
class PerTask(Layout):
    """An adapter for each task and nothing in common: ``y = Wx + s B_t A_t x``.

    Tasks can't interfere, nor help each other. LoRA, Hu et al. 2021, arXiv 2106.09685.
    """

    paper = "arXiv 2106.09685"
    private_pair = ("down", "up")

    def shared(self, shape: LayerShape) -> dict[str, Tensor]:
        return {}

    def private(self, shape: LayerShape) -> dict[str, Tensor]:
        return {
            "down": initial_down(self.tasks, self.rank, shape.inputs),
            "up": initial_up(self.tasks, shape.outputs, self.rank),
        }

    def fold(self, shared: Parameters, private: Parameters) -> Factors:
        return Factors(private["down"], private["up"], self.scaling)
