"""Penalties on a task's weights: the part that they have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from tasktune.model.layouts import Factors
from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties.base import Penalty, PenaltyInput


class WeightPenalty(Penalty):
    """A penalty on the weights that a task passes through, shared ones and its own."""

    def forward(self, seen: PenaltyInput) -> Tensor:
        return self.value(seen.model, seen.task)

    @abstractmethod
    def value(self, model: TaskModel, task: int) -> Tensor:
        """The term: a number, a sum over the adapted layers."""


def updates(model: TaskModel, task: int) -> Iterator[Factors]:
    """Task ``task``'s LoRA pair of each adapted layer, ``G = 1``."""
    for adapters in model.adapters():
        yield adapters.pass_factors(task)


def inner_product(left: Factors, right: Factors) -> Tensor:
    """``<dW_left, dW_right>`` of two updates without building either, ``dW = scale up down``."""
    ups = left.up[0].T @ right.up[0]
    downs = left.down[0] @ right.down[0].T
    return left.scale * right.scale * (ups * downs).sum()


def total(values: Iterator[Tensor]) -> Tensor:
    """The sum of each layer's number."""
    return torch.stack([value.float() for value in values]).sum()


def head_norm(model: TaskModel, task: int) -> Tensor:
    """The squared norm of the weights of the task's head; 0 if it has none."""
    if task not in model.heads:
        return torch.zeros((), device=model.device)
    weight = model.heads.layers[str(task)].weight
    assert isinstance(weight, Tensor)
    return weight.square().sum()
