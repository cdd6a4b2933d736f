"""Per-task losses: sums first, one division last."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.model.task_model import Outputs
from tasktune.objective.token_losses import full, token_losses


def loss_sums(outputs: Outputs, batch: Batch) -> Tensor:
    """Each present task's loss, summed over its target tokens or its heads' examples: ``[K]``.

    Tokens by cross-entropy, classes of a head by cross-entropy, numbers of a head by squared error
    on the scale where the task's range is 0 to 1.
    """
    losses = token_losses(outputs.target_logits, batch.target_ids)
    sums = []
    for position, task in enumerate(batch.tasks):
        start, end = batch.target_offsets[position : position + 2]
        total = losses[start:end].sum()
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
        return _scored(predictions, targets)
    logits = outputs.target_logits
    parts = logits.parts(*batch.target_offsets[position : position + 2])
    scored = [_scored(full(logits.between(*p)), batch.target_ids[slice(*p)]) for p in parts]
    return torch.cat([losses for losses, _ in scored]), torch.cat([right for _, right in scored])


def _scored(predictions: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Each row's cross-entropy, and whether its likeliest class is the right one."""
    losses = F.cross_entropy(predictions, targets, reduction="none")
    return losses, predictions.argmax(dim=1) == targets


def loss_counts(items: Sequence[Item], tasks: int) -> Tensor:
    """What each task's summed loss is divided by: its targets among ``items``, ``[tasks]``.

    The items are those of the whole effective batch: of all micro-batches and all ranks.
    """
    counts = torch.zeros(tasks, dtype=torch.float64)
    for item in items:
        counts[item.task] += item.target_count
    return counts
