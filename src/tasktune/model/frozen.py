"""Adapters that no longer train: folded once, and cheap for a handful of tokens of many tasks.

A decoding step has one token a sequence. A matrix product a task would then cost far more in calls
than in work, so all tasks' pairs stand side by side in one wide pair, each token is multiplied
through all of them, and what is not its own task's is set to zero in between: three operations,
however many tasks there are. Many tokens go through a slice a task, as in training.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from tasktune.model.layouts import Factors
from tasktune.model.routing import Routing

WIDE_COLUMNS = 1024
"""All tasks' ranks together, from which on the wide pair would be too much work."""
WIDE_TOKENS = 128
"""Tokens from which on slices are cheaper."""


class FrozenPairs:
    """One layer's pairs of all tasks.

    A task index beyond the last is the base model: its tokens come last in a batch that is sorted
    by task, and stay as the frozen layer gives them.

    :param factors: of all tasks, ``G`` of them, or 1 where they are alike.
    :param tasks: how many tasks there are, ``K``.
    """

    def __init__(self, factors: Factors, tasks: int) -> None:
        down, up = factors.down.detach(), factors.up.detach()
        self.scale = factors.scale
        self.tasks = tasks
        self.rank = down.shape[1]
        self._keep(_one_if_alike(down).contiguous(), _one_if_alike(up).transpose(1, 2).contiguous())

    def _keep(self, down: Tensor, up: Tensor) -> None:
        """The pairs, ``[G, R, inputs]`` and ``[G, R, outputs]``, and side by side as one."""
        self.down, self.up = down, up
        self.dtype = down.dtype
        self.one_down, self.one_up = len(down) == 1, len(up) == 1
        self.wide_down = down.flatten(0, 1).T
        self.wide_up = up.flatten(0, 1)

    def add_to(self, result: Tensor, rows: Tensor, routing: Routing) -> None:
        """Adds each token's own low-rank product to ``result``, in place.

        :param result: ``[T, outputs]``, what the frozen layer gave.
        :param rows: ``[T, inputs]``, that layer's input.
        """
        if self.dtype != result.dtype:  # the product runs in the frozen layer's own precision
            self._keep(self.down.to(result.dtype), self.up.to(result.dtype))
        rows = rows.to(result.dtype)
        tasks, offsets = routing.tasks, routing.token_offsets(rows.shape[0])
        if tasks and tasks[-1] >= self.tasks:
            tasks, offsets = tasks[:-1], offsets[:-1]
            result, rows = result[: offsets[-1]], rows[: offsets[-1]]
        if not tasks:
            return
        if self.one_down and self.one_up:
            result.addmm_(rows @ self.wide_down, self.wide_up, alpha=self.scale)
        elif rows.shape[0] <= WIDE_TOKENS and self.rank * self.tasks <= WIDE_COLUMNS:
            self._add_wide(result, rows, tasks, offsets)
        else:
            self._add_slices(result, rows, tasks, offsets)

    def _add_wide(
        self, result: Tensor, rows: Tensor, tasks: tuple[int, ...], offsets: tuple[int, ...]
    ) -> None:
        own = _own(tasks, offsets, self.tasks, rows.dtype, rows.device)
        hidden = (rows @ self.wide_down).view(rows.shape[0], -1, self.rank) * own
        if self.one_up:
            hidden = hidden.sum(dim=1)
        result.addmm_(hidden.flatten(1), self.wide_up, alpha=self.scale)

    def _add_slices(
        self, result: Tensor, rows: Tensor, tasks: tuple[int, ...], offsets: tuple[int, ...]
    ) -> None:
        for task, (start, end) in zip(tasks, pairwise(offsets), strict=True):
            down = self.down[0 if self.one_down else task]
            up = self.up[0 if self.one_up else task]
            result[start:end].addmm_(rows[start:end] @ down.T, up, alpha=self.scale)


def _one_if_alike(factor: Tensor) -> Tensor:
    """A factor that is the same for all tasks stays one, instead of becoming copies."""
    return factor[:1] if factor.stride(0) == 0 else factor


@lru_cache(maxsize=4)
def _own(
    tasks: tuple[int, ...],
    offsets: tuple[int, ...],
    count: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """``[T, K, 1]``: 1 where a token is of the task, else 0; made once for all layers of a pass."""
    own = torch.zeros(offsets[-1], count, 1, dtype=dtype)
    for task, (start, end) in zip(tasks, pairwise(offsets), strict=True):
        own[start:end, task] = 1
    return own.to(device)
