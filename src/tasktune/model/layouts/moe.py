"""Experts that a task weighs by a learned embedding."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tasktune.errors import UserError
from tasktune.model.layouts.base import (
    Factors,
    LayerShape,
    Layout,
    Parameters,
    initial_down,
    layouts,
)


@layouts.register("moe")
class MixtureOfExperts(Layout):
    """Low-rank experts gated by the task: ``y = Wx + s n sum_i softmax(G e_t)_i B_i A_i x``.

    The task's embedding ``e_t`` and the gate ``G`` are learned; the n experts share the rank, r / n
    each, so that the layout has the parameters of one adapter and folds into one of the same rank.
    MOELoRA, Liu et al. 2023, arXiv 2310.18339.

    :param experts: n, a divisor of the rank.
    :param embedding: the length of ``e_t``.
    """

    paper = "arXiv 2310.18339"

    def __init__(
        self,
        tasks: int,
        rank: int,
        alpha: float,
        experts: Annotated[int, Field(ge=1)] = 4,
        embedding: Annotated[int, Field(ge=1)] = 16,
    ) -> None:
        super().__init__(tasks, rank, alpha)
        if rank % experts:
            raise UserError(
                f"adapter.experts: {experts} does not divide adapter.rank {rank}; each expert gets"
                " an equal part of the rank"
            )
        self.experts = experts
        self.embedding = embedding

    def shared(self, shape: LayerShape) -> dict[str, Tensor]:
        return {
            "down": initial_down(1, self.rank, shape.inputs)[0],
            "up": torch.zeros(shape.outputs, self.rank),
            "gate": torch.randn(self.experts, self.embedding) / self.embedding**0.5,
        }

    def private(self, shape: LayerShape) -> dict[str, Tensor]:
        return {"task": torch.randn(self.tasks, self.embedding)}

    def fold(self, shared: Parameters, private: Parameters) -> Factors:
        scores = (shared["gate"] @ private["task"].unsqueeze(-1)).squeeze(-1)
        shares = torch.softmax(scores, dim=-1) * self.experts
        per_rank = shares.repeat_interleave(self.rank // self.experts, dim=-1)
        return Factors(shared["down"], shared["up"] * per_rank.unsqueeze(1), self.scaling)
