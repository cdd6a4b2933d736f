"""The penalties of a run, added to the losses of their tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tasktune.batching.batch import Batch
from tasktune.model.task_model import Outputs
from tasktune.objective.penalties.base import Penalty, PenaltyInput


@dataclass(frozen=True)
class Term:
    """One penalty of one task.

    :param name: the method's.
    """

    name: str
    task: int
    weight: float
    penalty: Penalty


class Penalties(nn.Module):
    """All of a run's penalties.

    A penalty compares the examples of one forward pass. What it adds to a task's *summed* loss is
    its value times the task's examples in the batch, so that after the one division each forward
    pass counts by its examples: whole batches give the penalty itself, micro-batches the mean.

    :param terms: each a penalty of a task.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self.terms = list(terms)
        self.penalties = nn.ModuleList([term.penalty for term in terms])
        self.values: dict[int, dict[str, float]] = {}

    def sums(self, outputs: Outputs, batch: Batch, progress: float) -> Tensor:
        """What is added to each present task's summed loss, ``[K]``."""
        added = [outputs.pooled.new_zeros((), dtype=torch.float32) for _ in batch.tasks]
        for term in self.terms:
            if term.task not in batch.tasks:
                continue
            position = batch.tasks.index(term.task)
            start, end = batch.pool_offsets[position : position + 2]
            seen = PenaltyInput(
                outputs.pooled[start:end].float(), batch.pool_in_target[start:end], progress
            )
            value = term.penalty(seen)
            labelled = int((~batch.pool_labels[start:end].isnan()).sum())
            added[position] = added[position] + term.weight * labelled * value
            self.values.setdefault(term.task, {})[term.name] = float(value.detach())
        return torch.stack(added)
