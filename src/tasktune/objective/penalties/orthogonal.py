"""Tasks in directions of their own."""

from __future__ import annotations

from torch import Tensor

from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties.base import TaskFacts, penalties
from tasktune.objective.penalties.weights import WeightPenalty, total


@penalties.register("orthogonal")
class Orthogonal(WeightPenalty):
    """Keeps the inputs that the task's own adapter reads apart from those of the others': O-LoRA.

    ``sum_i |A_i A_t^T|^2`` over the other tasks i and all adapted layers, A being ``[rank,
    inputs]``. The others' A are constants here; a task that is to give way itself needs an entry of
    its own. Wang et al. 2023, arXiv 2310.14152, where tasks come one after another.
    """

    paper = "arXiv 2310.14152"

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        if task.layout.private_pair is not None:
            return None
        return "has no A of its own; use adapter.layout shared_private or per_task"

    def value(self, model: TaskModel, task: int) -> Tensor:
        pair = model.layout.private_pair
        assert pair is not None
        return total(overlap(adapters.private[pair[0]], task) for adapters in model.adapters())


def overlap(downs: Tensor, task: int) -> Tensor:
    """``sum_i |A_i A_t^T|^2`` over the tasks i other than ``task``.

    :param downs: each task's A, ``[K, rank, inputs]``.
    """
    others = [other for other in range(len(downs)) if other != task]
    fixed = downs.detach()[others].flatten(0, 1)
    return (fixed @ downs[task].T).square().sum()
