"""From the batches of a step to the gradient of the step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from tasktune.batching.batch import Batch
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_sums
from tasktune.objective.weightings import StepTasks, Weighting

Reduce = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Update:
    """What went into a step's gradient.

    :param present: the tasks' indices, ``[P]``.
    :param losses: each task's mean loss over the effective batch, ``[P]``.
    :param weights: what each was weighed with, ``[P]``.
    """

    present: tuple[int, ...]
    losses: Tensor
    weights: Tensor

    @property
    def loss(self) -> float:
        """The weighted loss."""
        return float(self.losses @ self.weights)


def backward(
    model: TaskModel,
    batches: Iterable[Batch],
    counts: Tensor,
    weighting: Weighting,
    step: int,
    *,
    autocast: Callable[[], AbstractContextManager[None]],
    reduce: Reduce,
) -> Update:
    """Leaves the step's gradient in the parameters' ``.grad``.

    :param batches: this rank's micro-batches.
    :param counts: every task's targets in the whole effective batch, ``[K]``; the one division.
    :param reduce: sums a tensor over ranks.
    """
    present = tuple(torch.nonzero(counts).flatten().tolist())
    seen = counts[list(present)]
    weights = weighting.weights(StepTasks(step, present, torch.full_like(seen, torch.nan), seen))
    scale = torch.zeros_like(counts)
    scale[list(present)] = weights / seen
    scale = scale.to(model.device)
    sums = torch.zeros_like(scale)
    for batch in batches:
        with autocast():
            batch_sums = loss_sums(model(batch), batch)
        (batch_sums * scale[list(batch.tasks)]).sum().backward()
        sums[list(batch.tasks)] += batch_sums.detach()
    losses = reduce(sums).cpu()[list(present)] / seen
    return Update(present, losses, weights)
