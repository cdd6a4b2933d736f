"""A learning rate and weight decay of each task's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tasktune.config import TaskConfig, TrainingConfig
from tasktune.errors import UserError
from tasktune.model.task_model import TaskModel


@dataclass
class TaskRates:
    """Takes an optimiser's step with rates of each task's own for what is its own.

    AdamW's step is proportional to the learning rate and its weight decay stands apart from the
    gradient. So a task's own step is the common one without its decay, times the ratio of the
    rates, and then the task's own decay: exactly what an AdamW of that rate and decay would do.

    :param ratios: of each task's learning rate to the common one, ``[K]``.
    :param decays: each task's weight decay, ``[K]``.
    :param cooling: what the monitor multiplies each task's rate by, 0 for one at rest, ``[K]``.
    """

    model: TaskModel
    common_decay: float
    ratios: list[float]
    decays: list[float]
    cooling: list[float]

    @classmethod
    def of(
        cls, model: TaskModel, tasks: Sequence[TaskConfig], training: TrainingConfig
    ) -> TaskRates:
        """The rates that the YAML sets.

        :raises UserError: for a task that has nothing of its own to train at another rate.
        """
        for index, task in enumerate(tasks):
            for key in ("learning_rate", "weight_decay"):
                if getattr(task, key) is not None and not model.own_parameters(index):
                    raise UserError(
                        f"tasks.{model.tasks[index]}.{key}: the task has no parameters of its own;"
                        " choose another adapter.layout, such as shared_private"
                    )
        rate, decay = training.learning_rate, training.weight_decay
        return cls(
            model,
            decay,
            [1.0 if t.learning_rate is None else t.learning_rate / rate for t in tasks],
            [decay if t.weight_decay is None else t.weight_decay for t in tasks],
            [1.0] * len(tasks),
        )

    @torch.no_grad()
    def step(self, optimizer: torch.optim.Optimizer, rate: float) -> None:
        """The optimiser's step.

        :param rate: the common learning rate of this step.
        """
        own = {
            task: self.model.own_parameters(task, stepped=True)
            for task in range(len(self.ratios))
            if self.differs(task)
        }
        before = {task: [value.clone() for value in values] for task, values in own.items()}
        optimizer.step()
        for task, values in own.items():
            if not values:  # nothing of it trains yet
                continue
            ratio = self.cooling[task] * self.ratios[task]
            decay = ratio * rate * (self.common_decay - self.decays[task])
            stepped = torch._foreach_lerp(before[task], values, ratio)
            torch._foreach_add_(stepped, before[task], alpha=decay)
            torch._foreach_copy_(values, stepped)

    def differs(self, task: int) -> bool:
        """Whether a task's step isn't the common one."""
        decays = self.decays[task] != self.common_decay
        return self.cooling[task] != 1.0 or self.ratios[task] != 1.0 or decays
