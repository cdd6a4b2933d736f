"""One adapter for all tasks."""

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


@layouts.register("shared")
class Shared(Layout):
    """One adapter for all tasks: ``y = Wx + s B A x``.

    LoRA, Hu et al. 2021, arXiv 2106.09685.
    """

    paper = "arXiv 2106.09685"

    def shared(self, shape: LayerShape) -> dict[str, Tensor]:
        return {
            "down": initial_down(1, self.rank, shape.inputs)[0],
            "up": initial_up(1, shape.outputs, self.rank)[0],
        }

    def private(self, shape: LayerShape) -> dict[str, Tensor]:
        return {}

    def fold(self, shared: Parameters, private: Parameters) -> Factors:
        return Factors(shared["down"], shared["up"], self.scaling)
