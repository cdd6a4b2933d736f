"""Groups of a task's examples, drawn alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.sampling.order import TaskOrder


class BalancedOrder:
    """Draws from each group of a task's examples in turn; within a group without replacement.

    A small group is repeated more often: its epochs are its own.

    :param groups: the examples of each, by index; none is empty.
    :param seed: the run's and the task's numbers.
    """

    easiest_first = None

    def __init__(self, groups: Sequence[NDArray[np.int64]], seed: tuple[int, int]) -> None:
        self.groups = list(groups)
        self.size = sum(len(group) for group in groups)
        self.orders = [
            TaskOrder(len(group), (*seed, number + 1)) for number, group in enumerate(groups)
        ]
        self.drawn = 0

    def peek(self, admitted: int) -> int:
        """The next example; all of them may be drawn."""
        del admitted
        group = self.drawn % len(self.groups)
        return int(self.groups[group][self.orders[group].peek(len(self.groups[group]))])

    def advance(self) -> None:
        """Takes the example that ``peek`` showed."""
        self.orders[self.drawn % len(self.groups)].advance()
        self.drawn += 1

    def state_dict(self) -> dict[str, Any]:
        """The number drawn, and each group's place in its epoch."""
        return {"drawn": self.drawn, "orders": [order.state_dict() for order in self.orders]}

    def load_state_dict(self, state: dict[str, Any], name: str) -> None:
        """Goes on from ``state_dict``'s answer.

        :param name: the task's, for the message.
        :raises UserError: if the groups are others.
        """
        if len(state.get("orders", ())) != len(self.orders):
            raise UserError(
                f"tasks.{name}: the checkpoint was written with other classes or another balance;"
                " resume with that run's data and settings"
            )
        self.drawn = state["drawn"]
        for order, saved in zip(self.orders, state["orders"], strict=True):
            order.load_state_dict(saved, name)


def groups_of(task: Task) -> list[NDArray[np.int64]] | None:
    """The groups that ``balance`` asks for, by their names; None where it asks for none.

    :raises UserError: if the task has no such groups.
    """
    balance = task.config.balance
    if balance == "none":
        return None
    if balance == "classes" and task.kind != "classification":
        raise UserError(
            f"tasks.{task.name}.balance: kind {task.kind} has no classes; leave balance out"
        )
    if balance == "domains" and task.config.domain is None:
        raise UserError(f"tasks.{task.name}.balance: the task names no domain column; set domain:")
    names = task.train.labels if balance == "classes" else np.array(task.train.domains)
    return [np.flatnonzero(names == name) for name in np.unique(names)]
