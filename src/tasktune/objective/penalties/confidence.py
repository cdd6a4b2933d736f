"""Predictions that are not too sure of themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.objective.penalties.base import penalties
from tasktune.objective.penalties.predictions import PredictionPenalty, Predictions


@penalties.register("confidence")
class ConfidencePenalty(PredictionPenalty):
    """Rewards the entropy of what is predicted: the confidence penalty.

    ``-H(p) = sum_c p_c log p_c``, a mean over predictions. Pereyra et al. 2017, arXiv 1701.06548.
    """

    paper = "arXiv 1701.06548"

    def value(self, predictions: Predictions) -> Tensor:
        logs = torch.log_softmax(predictions.logits, dim=1)
        return (logs.exp() * logs).sum(dim=1).mean()
