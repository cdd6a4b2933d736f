"""Heads: a small linear layer on pooled hidden states, one for each task that has one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class HeadShape:
    """A task's head.

    :param outputs: classes, or 1 for a number.
    """

    task: int
    outputs: int


class Heads(nn.Module):
    """The heads of a run's tasks, by the tasks' indices.

    :param shapes: one for each task with a head.
    :param width: of the hidden states.
    """

    def __init__(self, shapes: list[HeadShape], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(
            {str(shape.task): nn.Linear(width, shape.outputs) for shape in shapes}
        )
        for name, parameter in self.named_parameters():
            nn.init.normal_(parameter, std=0.02 if name.endswith("weight") else 0.0)

    def __contains__(self, task: int) -> bool:
        return str(task) in self.layers

    def forward(self, task: int, pooled: Tensor) -> Tensor:
        """``[H, width]`` pooled states of task ``task`` to ``[H, outputs]``, in float32."""
        layer = self.layers[str(task)]
        assert isinstance(layer, nn.Linear)
        with torch.autocast(pooled.device.type, enabled=False):  # as it is evaluated
            output: Tensor = layer(pooled.to(layer.weight.dtype))
        return output
