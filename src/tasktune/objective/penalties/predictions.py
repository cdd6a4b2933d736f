"""Penalties on what a task predicts: the part that they have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tasktune.objective.penalties.base import Penalty, PenaltyInput, TaskFacts


@dataclass(frozen=True)
class Predictions:
    """A task's predictions in one batch: of each target token, or of each example by its head.

    :param logits: ``[n, C]`` over tokens or classes, single precision; ``[n, 1]`` for a number.
    :param targets: the right token, class or number, ``[n]``.
    :param classes: the class of each one's example, ``[n]``; -1 where there are none.
    :param again: whether its example is a second copy of the one before, ``[n]``.
    :param base_logits: the base model's, ``[n, C]``, where they were asked for.
    """

    logits: Tensor
    targets: Tensor
    classes: Tensor
    again: Tensor
    base_logits: Tensor | None = None

    @property
    def losses(self) -> Tensor:
        """Cross-entropies, ``[n]``."""
        return F.cross_entropy(self.logits, self.targets, reduction="none")


class PredictionPenalty(Penalty):
    """A penalty on a task's predictions; without a prediction it is 0."""

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        return None if task.predicts_classes else "predicts a number, which has no classes"

    def forward(self, seen: PenaltyInput) -> Tensor:
        predictions = predictions_of(seen)
        if not len(predictions.logits):
            return seen.outputs.pooled.new_zeros((), dtype=torch.float32)
        return self.value(predictions)

    @abstractmethod
    def value(self, predictions: Predictions) -> Tensor:
        """The term of some predictions: a number, a mean over them."""


def predictions_of(seen: PenaltyInput) -> Predictions:
    """The predictions of the task that a penalty looks at."""
    batch, task = seen.batch, seen.task
    position = batch.tasks.index(task)
    items = [item for item in batch.items if item.task == task and item.target_count]
    counts = torch.tensor([item.target_count for item in items], dtype=torch.int64)

    def of_each(values: list[int] | list[bool]) -> Tensor:
        spread = torch.repeat_interleave(torch.tensor(values), counts)
        return spread.to(seen.outputs.pooled.device)

    if task in seen.outputs.heads:
        start, end = batch.pool_offsets[position : position + 2]
        labels = batch.pool_labels[start:end]
        labelled = ~labels.isnan()
        logits, targets = seen.outputs.heads[task][labelled].float(), labels[labelled]
        targets = targets.long() if logits.shape[1] > 1 else targets
    else:
        start, end = batch.target_offsets[position : position + 2]
        logits, targets = (
            seen.outputs.target_logits.between(start, end),
            batch.target_ids[start:end],
        )
        logits = logits.float()
    return Predictions(
        logits,
        targets,
        classes=of_each([item.class_index for item in items]),
        again=of_each([item.again for item in items]),
        base_logits=None if seen.base_logits is None else seen.base_logits.float(),
    )
