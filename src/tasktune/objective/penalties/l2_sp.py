"""Near the pretrained weights."""

from __future__ import annotations

from torch import Tensor

from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties.base import penalties
from tasktune.objective.penalties.weights import (
    WeightPenalty,
    head_norm,
    inner_product,
    total,
    updates,
)


@penalties.register("l2_sp")
class L2SP(WeightPenalty):
    """Keeps the task's weights near those that training started from: L2-SP.

    ``(|W_t - W_0|^2 + |head|^2) / 2``, where ``W_t - W_0 = s B A`` is all that adapters add, over
    all adapted layers; computed from A and B, without building it. Li et al. 2018, arXiv
    1802.01483, with the same strength for the head, which has no start to return to.
    """

    paper = "arXiv 1802.01483"

    def value(self, model: TaskModel, task: int) -> Tensor:
        distances = (inner_product(pair, pair) for pair in updates(model, task))
        return (total(distances) + head_norm(model, task)) / 2
