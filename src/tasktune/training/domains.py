"""Examples of a task's target domain, for the penalties that align domains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tasktune.batching.item import Item
from tasktune.data import Task
from tasktune.sampling.order import TaskOrder

DRAWS = 1607  # tells these draws' random numbers from the sampler's


def aligned_tasks(tasks: Sequence[Task]) -> dict[str, int]:
    """The tasks whose batches can hold features of two domains, with their indices."""
    found = {}
    for task in tasks:
        domain = task.config.domain
        if domain is None or not task.head:
            continue
        if task.unlabelled is not None or domain.target in task.train.domains:
            found[task.name] = task.index
    return found


class TargetExamples:
    """Puts an unlabelled example of the target domain beside each labelled one.

    Unlabelled ones are drawn without replacement, an epoch at a time, like all others.

    :param aligned: the indices of the tasks that penalties align.
    """

    def __init__(self, tasks: Sequence[Task], aligned: Sequence[int], seed: int) -> None:
        self.tasks = tasks
        self.in_target: dict[int, Any] = {}
        self.orders: dict[int, TaskOrder] = {}
        for k in dict.fromkeys(aligned):
            domain, unlabelled = tasks[k].config.domain, tasks[k].unlabelled
            assert domain is not None
            self.in_target[k] = np.array(tasks[k].train.domains) == domain.target
            if unlabelled is not None:
                self.orders[k] = TaskOrder(len(unlabelled), (seed, k, DRAWS))

    def beside(self, item: Item, example: int) -> list[Item]:
        """A labelled item, and the unlabelled one that goes with it where its task is aligned.

        :param example: the item's index in its task's training set.
        """
        if item.task not in self.in_target:
            return [item]
        labelled = replace(item, in_target=bool(self.in_target[item.task][example]))
        order, unlabelled = self.orders.get(item.task), self.tasks[item.task].unlabelled
        if order is None or unlabelled is None:
            return [labelled]
        ids = unlabelled.input_ids(order.peek(order.size))
        order.advance()
        return [labelled, Item(item.task, ids, len(ids), math.nan, in_target=True)]

    def state_dict(self) -> dict[str, Any]:
        """Each task's place in its epoch: JSON."""
        return {str(k): order.state_dict() for k, order in self.orders.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""
        for k, order in self.orders.items():
            order.load_state_dict(state[str(k)], self.tasks[k].name)
