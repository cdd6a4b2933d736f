"""What the base model would have said."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.objective.penalties.base import TaskFacts, penalties
from tasktune.objective.penalties.predictions import PredictionPenalty, Predictions


@penalties.register("kl_to_base")
class KLToBase(PredictionPenalty):
    """Keeps what is predicted near the base model's prediction.

    ``KL(p || p_base)`` at each target token, a mean over them. The base is the same model with its
    adapters switched off, so there is no second copy. Ziegler et al. 2019, arXiv 1909.08593.
    """

    paper = "arXiv 1909.08593"
    cost = "a forward pass of the base over the task's examples, without gradients"
    reads_base = True

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        return "has a head, of which the base model knows nothing" if task.head else None

    def value(self, predictions: Predictions) -> Tensor:
        assert predictions.base_logits is not None
        return divergence(predictions.logits, predictions.base_logits).mean()


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """``KL(p || q)`` of each row, ``[n]``, from the logits of p and q, ``[n, C]``."""
    logs, other_logs = torch.log_softmax(logits, dim=1), torch.log_softmax(others, dim=1)
    return (logs.exp() * (logs - other_logs)).sum(dim=1)
