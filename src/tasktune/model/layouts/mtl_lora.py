"""A task's own transformation and mixture of common B's."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tasktune.model.layouts.base import (
    Factors,
    LayerShape,
    Layout,
    Parameters,
    initial_down,
    layouts,
)


@layouts.register("mtl_lora")
class MtlLora(Layout):
    """A task mixes n common B's after its own r x r matrix on a common A.

    ``y = Wx + s sum_i softmax(w_t / tau)_i B_i Lambda_t A x``. The paper starts all B's at zero and
    all mixing weights equal, and so they stay: with equal weights the n gradients are identical for
    ever and n B's act as one. Here the mixing weights start at small random values, each task's
    own, so that the B's part. MTL-LoRA, Yang et al. 2024, arXiv 2410.09437.

    :param experts: n, how many B's there are.
    :param temperature: tau; the smaller, the nearer a task comes to choosing one B. With the 0.05
        of other implementations the weights start nearly one-hot.
    """

    paper = "arXiv 2410.09437"

    def __init__(
        self,
        tasks: int,
        rank: int,
        alpha: float,
        experts: Annotated[int, Field(ge=1)] = 3,
        temperature: Annotated[float, Field(gt=0)] = 0.5,
    ) -> None:
        super().__init__(tasks, rank, alpha)
        self.experts = experts
        self.temperature = temperature

    def shared(self, shape: LayerShape) -> dict[str, Tensor]:
        return {
            "down": initial_down(1, self.rank, shape.inputs)[0],
            "ups": torch.zeros(self.experts, shape.outputs, self.rank),
        }

    def private(self, shape: LayerShape) -> dict[str, Tensor]:
        return {
            "mixing": torch.randn(self.tasks, self.experts) * self.temperature,
            "transform": torch.eye(self.rank).repeat(self.tasks, 1, 1),
        }

    def fold(self, shared: Parameters, private: Parameters) -> Factors:
        shares = torch.softmax(private["mixing"] / self.temperature, dim=-1)
        mixed = (shares[:, :, None, None] * shared["ups"]).sum(dim=1)
        return Factors(shared["down"], mixed @ private["transform"], self.scaling)
