"""A task's own part near what tasks have in common."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.model.adapters import LayerAdapters
from tasktune.model.layouts import Factors, LayerShape
from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties.base import TaskFacts, penalties
from tasktune.objective.penalties.weights import WeightPenalty, inner_product, total


@penalties.register("borrow")
class Borrow(WeightPenalty):
    """Lets a small task borrow from the others: a prior on its own part, around the common one.

    ``|dW_t - dW|^2 / (2 n_t)`` over all adapted layers, n_t being the task's training examples.
    That is a Gaussian prior whose precision is the weight, against a mean loss: the fewer examples,
    the more it counts. ``dW`` is the common adapter of layout ``shared_private``, so that ``dW_t -
    dW`` is the task's own ``s B_t A_t``; in other layouts it is the mean of all tasks' updates,
    held fixed. Evgeniou and Pontil 2004, regularised multi-task learning.
    """

    paper = "Evgeniou & Pontil 2004"

    def __init__(self, facts: TaskFacts) -> None:
        super().__init__()
        self.examples = facts.examples

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        if task.layout.private(LayerShape(1, 1)):
            return None
        return "has no adapter of its own that could be drawn to a common one"

    def value(self, model: TaskModel, task: int) -> Tensor:
        distances = (deviation(adapters, task, len(model.tasks)) for adapters in model.adapters())
        return total(distances) / (2 * self.examples)


def deviation(adapters: LayerAdapters, task: int, tasks: int) -> Tensor:
    """The squared distance of a task's update of one layer from the common one."""
    pair = adapters.layout.private_pair
    if pair is not None and adapters.shared:
        down, up = (adapters.private[name][task : task + 1] for name in pair)
        own = Factors(down, up, adapters.layout.scaling)
        return inner_product(own, own)
    own = adapters.pass_factors(task)
    with torch.no_grad():
        mean = mean_update([adapters.task_factors(other) for other in range(tasks)])
    return inner_product(own, own) - 2 * inner_product(own, mean) + inner_product(mean, mean)


def mean_update(pairs: list[Factors]) -> Factors:
    """The mean of several updates as one pair of their joint rank."""
    down = torch.cat([pair.down for pair in pairs], dim=1)
    up = torch.cat([pair.up for pair in pairs], dim=2)
    return Factors(down, up, pairs[0].scale / len(pairs))
