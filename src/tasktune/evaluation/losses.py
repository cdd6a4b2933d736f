"""The loss of each example, as training has it but for dropout and penalties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tasktune.batching.examples import training_item
from tasktune.data import Split, Task
from tasktune.evaluation.batches import by_length
from tasktune.evaluation.predict import evaluating
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import prediction_losses


@dataclass(frozen=True)
class ExampleLosses:
    """What a model makes of some examples.

    :param sums: each one's summed loss, ``[n]``.
    :param counts: its targets: tokens, or 1 for a head, ``[n]``.
    :param hits: how many of them are what the model thinks likeliest; 0 for numbers, ``[n]``.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    hits: NDArray[np.float64]

    @property
    def means(self) -> NDArray[np.float64]:
        """Each one's mean loss, ``[n]``."""
        return self.sums / np.maximum(self.counts, 1)

    @property
    def hit_shares(self) -> NDArray[np.float64]:
        """The share of each one's targets that was hit, ``[n]``."""
        return self.hits / np.maximum(self.counts, 1)


@torch.no_grad()
def example_losses(
    model: TaskModel, task: Task, split: Split, chosen: NDArray[np.int64], batch_tokens: int
) -> ExampleLosses:
    """The losses of some examples.

    :param chosen: which ones of ``split``.
    :param batch_tokens: in one forward pass.
    """
    items = [training_item(task, split, int(index)) for index in chosen]
    counts = np.array([item.target_count for item in items], dtype=np.int64)
    sums, hits = np.zeros(len(items)), np.zeros(len(items))
    with evaluating(model):
        for indices in by_length(items, batch_tokens):
            batch = model.collate([items[index] for index in indices])
            losses, right = prediction_losses(model(batch), batch, task.index)
            sizes = counts[indices].tolist()
            sums[indices] = [float(part.sum()) for part in losses.double().cpu().split(sizes)]
            hits[indices] = [float(part.sum()) for part in right.double().cpu().split(sizes)]
    return ExampleLosses(sums, counts, hits)
