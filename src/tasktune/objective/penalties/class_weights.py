"""Rare classes count more."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.errors import UserError, nearest
from tasktune.objective.penalties.base import TaskFacts, penalties
from tasktune.objective.penalties.predictions import PredictionPenalty, Predictions


@penalties.register("class_weights")
class ClassWeights(PredictionPenalty):
    """Weighs each example's loss by its class.

    With weight 1 the loss is ``v_y (-log p_y)``, with weight 0 it is unchanged. Where they are not
    given, ``v_c = n / (C n_c)``: all C classes together count alike, however few examples n_c of
    the n they have, and the mean weight is 1. King and Zeng 2001, as in scikit-learn.

    :param classes: each label's weight; labels that are left out have 1.
    """

    paper = "King & Zeng 2001"

    def __init__(self, facts: TaskFacts, classes: dict[str, float] | None = None) -> None:
        super().__init__()
        self.of_class: Tensor
        weights = balanced(facts) if classes is None else given(facts, classes)
        self.register_buffer("of_class", weights, persistent=False)

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        return None if task.kind == "classification" else f"has no classes; it is {task.kind}"

    def value(self, predictions: Predictions) -> Tensor:
        return ((self.of_class[predictions.classes] - 1) * predictions.losses).mean()


def balanced(facts: TaskFacts) -> Tensor:
    """``n / (C n_c)`` of each class, ``[C]``; a class that train has no example of has 1."""
    counts = torch.tensor(facts.class_counts, dtype=torch.float32)
    seen = counts > 0
    weights = counts.sum() / (seen.sum() * counts.clamp_min(1))
    return torch.where(seen, weights, torch.ones_like(counts))


def given(facts: TaskFacts, classes: dict[str, float]) -> Tensor:
    """The weights that the YAML names, ``[C]``.

    :raises UserError: for an unknown label or a weight below 0.
    """
    for label, weight in classes.items():
        if label not in facts.labels:
            raise UserError(
                f"penalties.classes: tasks.{facts.name} has no label '{label}';"
                f" {nearest(label, facts.labels)}"
            )
        if weight < 0:
            raise UserError(f"penalties.classes: '{label}' has weight {weight}, which is below 0")
    return torch.tensor([classes.get(label, 1.0) for label in facts.labels])
