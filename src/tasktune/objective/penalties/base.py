"""What a penalty is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from tasktune.registry import Registry


@dataclass(frozen=True)
class PenaltyInput:
    """What a penalty of one task looks at, in one batch.

    :param pooled: what the task's head was given, ``[H_k, width]``, single precision.
    :param in_target: which of its examples are of the target domain, ``[H_k]``.
    :param progress: how much of the run is behind, 0 to 1.
    """

    pooled: Tensor
    in_target: Tensor
    progress: float


class Penalty(nn.Module, ABC):
    """An extra loss term of a task; its parameters, if it has some, train beside the model."""

    paper: ClassVar[str]

    @abstractmethod
    def forward(self, seen: PenaltyInput) -> Tensor:
        """The term, before its weight: a number."""


class Alignment(Penalty):
    """A penalty on the difference between the features of two domains.

    It is 0 where a batch holds fewer than two examples of either: there is nothing to compare.
    """

    def forward(self, seen: PenaltyInput) -> Tensor:
        source, target = seen.pooled[~seen.in_target], seen.pooled[seen.in_target]
        if min(len(source), len(target)) < 2:
            return seen.pooled.sum() * 0
        return self.distance(source, target, seen.progress)

    @abstractmethod
    def distance(self, source: Tensor, target: Tensor, progress: float) -> Tensor:
        """How far two sets of features are apart, ``[S, width]`` and ``[T, width]``: a number."""


penalties: Registry[Penalty] = Registry("penalty", "tasktune.objective.penalties")


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """``[L, R]`` squared Euclidean distances, with a gradient where two rows are equal."""
    return (left.unsqueeze(1) - right.unsqueeze(0)).square().sum(dim=2)


def covariance(rows: Tensor) -> Tensor:
    """``[width, width]`` of ``[n, width]``, with n - 1."""
    return torch.cov(rows.T)
