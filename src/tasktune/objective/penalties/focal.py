"""Easy examples count less."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tasktune.objective.penalties.base import TaskFacts, penalties
from tasktune.objective.penalties.class_weights import balanced
from tasktune.objective.penalties.predictions import PredictionPenalty, Predictions


@penalties.register("focal")
class Focal(PredictionPenalty):
    """Turns the loss from what is predicted well already to what is not: focal loss.

    With weight 1 the loss is ``v_y (1 - p_y)^gamma (-log p_y)``, with weight 0 it is unchanged.
    Lin et al. 2017, arXiv 1708.02002.

    :param gamma: how fast well predicted examples lose weight; 0 leaves cross-entropy.
    :param balanced: whether v weighs classes as ``class_weights`` does; otherwise it is 1.
    """

    paper = "arXiv 1708.02002"

    def __init__(
        self, facts: TaskFacts, gamma: Annotated[float, Field(ge=0)] = 2.0, balanced: bool = False
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.of_class: Tensor
        self.register_buffer("of_class", class_factors(facts, balanced), persistent=False)

    def value(self, predictions: Predictions) -> Tensor:
        losses = predictions.losses
        hardness = (1 - torch.exp(-losses)).clamp_min(1e-12)  # a finite slope at p = 1
        return ((self.of_class[predictions.classes] * hardness**self.gamma - 1) * losses).mean()


def class_factors(facts: TaskFacts, balance: bool) -> Tensor:
    """The weight of each class, ``[C]``; a single 1 for a task without classes."""
    if facts.kind != "classification":
        return torch.ones(1)
    return balanced(facts) if balance else torch.ones(len(facts.labels))
