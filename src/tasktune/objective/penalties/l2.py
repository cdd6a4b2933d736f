"""Small parameters."""

from __future__ import annotations

from torch import Tensor

from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties.base import penalties
from tasktune.objective.penalties.weights import WeightPenalty, head_norm, total, updates


@penalties.register("l2")
class L2(WeightPenalty):
    """Keeps the task's A, B and head small.

    ``(|A|^2 + |B|^2 + |head|^2) / 2`` over all adapted layers: for A and B as they are trained, not
    for their product. Krogh and Hertz 1991.
    """

    paper = "Krogh & Hertz 1991"

    def value(self, model: TaskModel, task: int) -> Tensor:
        pairs = (pair.down.square().sum() + pair.up.square().sum() for pair in updates(model, task))
        return (total(pairs) + head_norm(model, task)) / 2
