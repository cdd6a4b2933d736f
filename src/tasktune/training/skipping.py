"""Steps that are left out: their losses or gradients were no numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.evaluation.losses import example_losses
from tasktune.model.task_model import TaskModel
from tasktune.sampling.sampler import Draw

MOST_IN_A_ROW = 10
NAMED = 3


class SkippedSteps:
    """Counts them, names what they are due to, and ends a run that does nothing else.

    :param in_a_row: how many were left out since the last that was taken.
    """

    def __init__(self, model: TaskModel, tasks: Sequence[Task]) -> None:
        self.model = model
        self.tasks = tasks
        self.total = 0
        self.in_a_row = 0

    def taken(self) -> None:
        """A step was taken."""
        self.in_a_row = 0

    def skip(self, step: int, suspects: Sequence[int], draws: Sequence[Draw]) -> dict[str, Any]:
        """A step is left out; its line for the log.

        :param suspects: the tasks whose loss or gradient was no number; all where nobody knows.
        :param draws: the step's examples.
        :raises UserError: if it is the tenth in a row.
        """
        self.total += 1
        self.in_a_row += 1
        named = {self.tasks[k].name: self.examples(k, draws) for k in suspects}
        if self.in_a_row >= MOST_IN_A_ROW:
            raise UserError(
                f"training: {MOST_IN_A_ROW} steps in a row, up to step {step + 1}, had a loss or"
                f" gradient that is no number{described(named)}; lower training.learning_rate, or"
                " look at those examples. The last checkpoint is from before"
            )
        return {"tasks": named, "in_a_row": self.in_a_row, "total": self.total}

    def examples(self, task: int, draws: Sequence[Draw]) -> list[str]:
        """Where the examples stand whose own loss is no number; none where each one's is."""
        split = self.tasks[task].train
        chosen = np.array([draw.example for draw in draws if draw.task == task], dtype=np.int64)
        longest = int(split.lengths[chosen].max(initial=1))
        losses = example_losses(self.model, self.tasks[task], split, chosen, longest).means
        places = [split.example(int(index)).place for index in chosen[~np.isfinite(losses)]]
        return places[:NAMED]

    def state_dict(self) -> dict[str, int]:
        """Both counts."""
        return {"total": self.total, "in_a_row": self.in_a_row}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on from ``state_dict``'s answer."""
        self.total, self.in_a_row = state["total"], state["in_a_row"]


def described(named: dict[str, list[str]]) -> str:
    """The tasks and examples in words."""
    parts = [
        f"tasks.{task}" + (f" ({', '.join(places)})" if places else "")
        for task, places in named.items()
    ]
    return f" in {'; '.join(parts)}" if parts else ""
