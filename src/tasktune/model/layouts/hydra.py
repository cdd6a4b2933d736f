"""Each task's own B on a common A."""

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


@layouts.register("hydra")
class Hydra(Layout):
    """A common A and each task's own B: ``y = Wx + s B_t A x``.

    The asymmetry that HydraLoRA found: A's of different tasks end up alike, B's part. The paper
    routes tokens over the B's; here the task is known and routes itself, so each B gets its own
    task's gradient and they part from the first step. One dropout mask serves all, where the
    released code draws one a B. HydraLoRA, Tian et al. 2024, arXiv 2404.19245.
    """

    paper = "arXiv 2404.19245"

    def shared(self, shape: LayerShape) -> dict[str, Tensor]:
        return {"down": initial_down(1, self.rank, shape.inputs)[0]}

    def private(self, shape: LayerShape) -> dict[str, Tensor]:
        return {"up": initial_up(self.tasks, shape.outputs, self.rank)}

    def fold(self, shared: Parameters, private: Parameters) -> Factors:
        return Factors(shared["down"], private["up"], self.scaling)
