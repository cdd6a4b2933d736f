"""Targets that are not quite certain."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.objective.penalties.base import penalties
from tasktune.objective.penalties.predictions import PredictionPenalty, Predictions


@penalties.register("label_smoothing")
class LabelSmoothing(PredictionPenalty):
    """Gives each wrong token or class a little of the target: label smoothing.

    With weight w the loss becomes ``(1 - w) (-log p_y) + w mean_c(-log p_c)``, c over all classes
    of a head or all tokens of the vocabulary. Szegedy et al. 2015, arXiv 1512.00567.
    """

    paper = "arXiv 1512.00567"
    largest_weight = 1.0

    def value(self, predictions: Predictions) -> Tensor:
        uniform = -torch.log_softmax(predictions.logits, dim=1).mean(dim=1)
        return (uniform - predictions.losses).mean()
