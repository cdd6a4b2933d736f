"""What a layout is: parameters of a layer, and how they fold into one LoRA pair a task."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from tasktune.registry import Registry

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True)
class LayerShape:
    """The linear layer that an adapter sits on."""

    inputs: int
    outputs: int


@dataclass(frozen=True)
class Factors:
    """LoRA pairs: ``x -> scale * x @ down.T @ up.T``.

    :param down: ``[G, R, inputs]``.
    :param up: ``[G, outputs, R]``. Either ``G`` is 1 (all tasks alike) or the number of tasks.
    :param scale: LoRA's ``alpha / rank``.
    """

    down: Tensor
    up: Tensor
    scale: float


class Layout(ABC):
    """Which parameters a layer has, and which LoRA pair each task gets from them.

    The shared parameters serve several tasks: they are where tasks meet, and what conflicts are
    about. The private ones have a leading dimension of one entry a task.

    :param tasks: how many tasks there are, ``K``.
    :param rank: of each LoRA pair.
    :param alpha: the update is scaled by ``alpha / rank``, as in LoRA.
    """

    paper: ClassVar[str]
    private_pair: ClassVar[tuple[str, str] | None] = None
    """The names of a task's own A and B, where it has a whole LoRA pair to itself."""

    def __init__(self, tasks: int, rank: int, alpha: float) -> None:
        self.tasks = tasks
        self.rank = rank
        self.scaling = alpha / rank

    @abstractmethod
    def shared(self, shape: LayerShape) -> dict[str, Tensor]:
        """Initial values of a layer's shared parameters, by name."""

    @abstractmethod
    def private(self, shape: LayerShape) -> dict[str, Tensor]:
        """Initial values of a layer's private parameters, each ``[K, ...]``, by name."""

    @abstractmethod
    def fold(self, shared: Parameters, private: Parameters) -> Factors:
        """One LoRA pair a task.

        :param shared: each parameter with a leading dimension ``G``: 1, or a view a task.
        :param private: each parameter's entries of the tasks asked for.
        """

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(tasks={self.tasks}, rank={self.rank}, scaling={self.scaling:g})"


layouts: Registry[Layout] = Registry("layout", "tasktune.model.layouts")


def initial_down(count: int, rank: int, inputs: int) -> Tensor:
    """``[count, rank, inputs]`` as LoRA starts its A: Kaiming-uniform, each drawn on its own."""
    factors = torch.empty(count, rank, inputs)
    for factor in factors:
        nn.init.kaiming_uniform_(factor, a=math.sqrt(5))
    return factors


def initial_up(count: int, outputs: int, rank: int) -> Tensor:
    """``[count, outputs, rank]`` as LoRA starts its B: zero, so training begins at the base."""
    return torch.zeros(count, outputs, rank)
