"""Penalties on the difference between the features of two domains: what they have in common."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from tasktune.objective.penalties.base import Penalty, PenaltyInput, TaskFacts


class Alignment(Penalty):
    """A penalty on the difference between the features of two domains.

    It is 0 where a batch holds fewer than two examples of either: there is nothing to compare.
    """

    cost = "about twice the task's tokens: an unlabelled example beside each"

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        if task.aligned:
            return None
        return (
            "has nothing to align; it needs head: true and a domain whose target has examples in"
            " train or unlabelled ones"
        )

    def forward(self, seen: PenaltyInput) -> Tensor:
        position = seen.batch.tasks.index(seen.task)
        start, end = seen.batch.pool_offsets[position : position + 2]
        pooled = seen.outputs.pooled[start:end].float()
        return self.between(pooled, seen.batch.pool_in_target[start:end], seen.progress)

    def between(self, pooled: Tensor, in_target: Tensor, progress: float) -> Tensor:
        """How far the domains' features are apart: a number.

        :param pooled: what the task's head was given, ``[H_k, width]``.
        :param in_target: which of them are of the target domain, ``[H_k]``.
        """
        source, target = pooled[~in_target], pooled[in_target]
        if min(len(source), len(target)) < 2:
            return pooled.sum() * 0
        return self.distance(source, target, progress)

    @abstractmethod
    def distance(self, source: Tensor, target: Tensor, progress: float) -> Tensor:
        """How far two sets of features are apart, ``[S, width]`` and ``[T, width]``: a number."""


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """``[L, R]`` squared Euclidean distances, with a gradient where two rows are equal."""
    return (left.unsqueeze(1) - right.unsqueeze(0)).square().sum(dim=2)


def covariance(rows: Tensor) -> Tensor:
    """``[width, width]`` of ``[n, width]``, with n - 1."""
    return torch.cov(rows.T)
