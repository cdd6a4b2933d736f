"""Per-task losses: sums first, one division last."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.model.task_model import Outputs


def loss_sums(outputs: Outputs, batch: Batch) -> Tensor:
    """Each present task's loss, summed over its target tokens or its heads' examples: ``[K]``.

    Tokens by cross-entropy, classes of a head by cross-entropy, numbers of a head by squared error
    on the scale where the task's range is 0 to 1.
    """
    token_losses = F.cross_entropy(full(outputs.logits), batch.target_ids, reduction="none")
    sums = []
    for position, task in enumerate(batch.tasks):
        start, end = batch.target_offsets[position : position + 2]
        total = token_losses[start:end].sum()
        if task in outputs.heads:
            total = total + prediction_losses(outputs, batch, task)[0].sum()
        sums.append(total)
    return torch.stack(sums)


def prediction_losses(outputs: Outputs, batch: Batch, task: int) -> tuple[Tensor, Tensor]:
    """A present task's predictions, in the batch's order: each one's loss and whether it is right.

    ``[N_k]`` both for tokens, ``[H_k]`` for the labelled examples of a head; a number is never
    right.
    """
    position = batch.tasks.index(task)
    if task in outputs.heads:
        start, end = batch.pool_offsets[position : position + 2]
        labels = batch.pool_labels[start:end]
        labelled = ~labels.isnan()
        predictions, targets = outputs.heads[task][labelled], labels[labelled]
        if predictions.shape[1] == 1:
            numbers = targets.to(predictions.dtype)
            losses = F.mse_loss(predictions[:, 0], numbers, reduction="none")
            return losses, torch.zeros_like(losses)
        targets = targets.long()
    else:
        start, end = batch.target_offsets[position : position + 2]
        predictions, targets = full(outputs.logits[start:end]), batch.target_ids[start:end]
    losses = F.cross_entropy(predictions, targets, reduction="none")
    return losses, predictions.argmax(dim=1) == targets


def full(values: Tensor) -> Tensor:
    """Half precision as single precision, in which losses are summed."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def loss_counts(items: Sequence[Item], tasks: int) -> Tensor:
    """What each task's summed loss is divided by: its targets among ``items``, ``[tasks]``.

    The items are those of the whole effective batch: of all micro-batches and all ranks.
    """
    counts = torch.zeros(tasks, dtype=torch.float64)
    for item in items:
        counts[item.task] += item.target_count
    return counts
