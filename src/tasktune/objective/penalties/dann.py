"""Features from which the domain can't be told."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from tasktune.objective.penalties.alignment import Alignment
from tasktune.objective.penalties.base import penalties


@penalties.register("dann")
class Dann(Alignment):
    """Trains a classifier of domains, and the model against it, by gradient reversal: DANN.

    The classifier learns to tell source from target features; on the way to the model its gradient
    is multiplied by ``-(2 / (1 + exp(-10 p)) - 1)``, p being the progress of the run. Ganin et al.
    2016, arXiv 1505.07818.

    :param hidden: the width of the classifier's only hidden layer.
    """

    paper = "arXiv 1505.07818"

    def __init__(self, width: int, hidden: Annotated[int, Field(ge=1)] = 64) -> None:
        super().__init__()
        self.classifier = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def distance(self, source: Tensor, target: Tensor, progress: float) -> Tensor:
        strength = 2 / (1 + math.exp(-10 * progress)) - 1
        reversed_features = _Reverse.apply(torch.cat([source, target]), strength)
        logits = self.classifier(reversed_features).squeeze(1)
        domains = torch.cat([logits.new_zeros(len(source)), logits.new_ones(len(target))])
        each = F.binary_cross_entropy_with_logits(logits, domains, reduction="none")
        return (each[: len(source)].mean() + each[len(source) :].mean()) / 2


class _Reverse(torch.autograd.Function):
    """The identity, whose gradient is multiplied by ``-strength``."""

    @staticmethod
    def forward(context: Any, features: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradient, None
