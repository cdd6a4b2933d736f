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
            start, end = batch.pool_offsets[position : position + 2]
            total = total + _head_loss(outputs.heads[task], batch.pool_labels[start:end])
        sums.append(total)
    return torch.stack(sums)


def full(values: Tensor) -> Tensor:
    """Half precision as single precision, in which losses are summed."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def _head_loss(predictions: Tensor, labels: Tensor) -> Tensor:
    labelled = ~labels.isnan()
    predictions, labels = predictions[labelled], labels[labelled]
    if predictions.shape[1] == 1:
        return F.mse_loss(predictions[:, 0], labels.to(predictions.dtype), reduction="sum")
    return F.cross_entropy(predictions, labels.long(), reduction="sum")


def loss_counts(items: Sequence[Item], tasks: int) -> Tensor:
    """What each task's summed loss is divided by: its targets among ``items``, ``[tasks]``.

    The items are those of the whole effective batch: of all micro-batches and all ranks.
    """
    counts = torch.zeros(tasks, dtype=torch.float64)
    for item in items:
        counts[item.task] += item.target_count
    return counts
