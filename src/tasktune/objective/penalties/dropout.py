"""Adapters that lose some of their inputs."""

from __future__ import annotations

from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties.base import Noise, penalties


@penalties.register("dropout")
class AdapterDropout(Noise):
    """Drops inputs of the task's adapter at a rate of its own: LoRA's dropout.

    The weight is the rate, instead of ``adapter.dropout``, for the tasks that the entry names. Hu
    et al. 2021, arXiv 2106.09685.
    """

    paper = "arXiv 2106.09685"
    largest_weight = 0.99

    def apply(self, model: TaskModel, task: int, weight: float) -> None:
        model.routing.dropouts[task] = weight
