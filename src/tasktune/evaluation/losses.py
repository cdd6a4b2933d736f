"""The loss of each example, as training has it but for dropout and penalties."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from tasktune.batching.examples import training_item
from tasktune.data import Split, Task
from tasktune.evaluation.batches import by_length
from tasktune.evaluation.predict import evaluating
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import prediction_losses


@torch.no_grad()
def example_losses(
    model: TaskModel, task: Task, split: Split, chosen: NDArray[np.int64], batch_tokens: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each example's summed loss and the number of its targets, ``[n]`` both.

    :param chosen: which examples of ``split``.
    :param batch_tokens: in one forward pass.
    """
    items = [training_item(task, split, int(index)) for index in chosen]
    counts = np.array([item.target_count for item in items], dtype=np.int64)
    losses = np.zeros(len(items))
    with evaluating(model):
        for indices in by_length(items, batch_tokens):
            batch = model.collate([items[index] for index in indices])
            each = prediction_losses(model(batch), batch, task.index).double().cpu()
            parts = each.split(counts[indices].tolist())
            losses[indices] = [float(part.sum()) for part in parts]
    return losses, counts


def mean_losses(
    model: TaskModel, task: Task, split: Split, chosen: NDArray[np.int64], batch_tokens: int
) -> NDArray[np.float64]:
    """Each example's mean loss over its targets, ``[n]``."""
    losses, counts = example_losses(model, task, split, chosen, batch_tokens)
    return losses / np.maximum(counts, 1)
