"""The best parameters so far: each task's own at its own best step, and all at one step for all."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.model.task_model import TaskModel


class BestParameters:
    """Copies of a model's parameters at their best steps.

    :param own: each task's own parameters, as ``TaskModel.own_parameters`` gives them.
    :param whole: everything that training changes, by name.
    """

    def __init__(self, model: TaskModel) -> None:
        self.model = model
        self.own: list[list[Tensor]] = [[] for _ in model.tasks]
        self.whole: dict[str, Tensor] = {}
        for task in range(len(model.tasks)):
            self.keep_task(task)
        self.keep_whole()

    @torch.no_grad()
    def keep_task(self, task: int) -> None:
        """Takes a copy of a task's own parameters."""
        self.own[task] = [parameter.clone() for parameter in self.model.own_parameters(task)]

    @torch.no_grad()
    def keep_whole(self) -> None:
        """Takes a copy of everything."""
        self.whole = {name: value.clone() for name, value in self.model.trainable_state().items()}

    @torch.no_grad()
    def restore_task(self, task: int) -> None:
        """Puts a task's own parameters back as they were at its best."""
        for parameter, best in zip(self.model.own_parameters(task), self.own[task], strict=True):
            parameter.copy_(best)

    def restore_whole(self) -> None:
        """Puts everything back as it was at the best step for all."""
        self.model.load_trainable_state(self.whole)

    def tensors(self) -> dict[str, Tensor]:
        """All copies by name, for a checkpoint."""
        own = {
            f"own.{task}.{number}": value
            for task, values in enumerate(self.own)
            for number, value in enumerate(values)
        }
        return own | {f"whole.{name}": value for name, value in self.whole.items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Takes ``tensors``'s answer back."""
        self.own = [
            [tensors[f"own.{task}.{number}"].to(value) for number, value in enumerate(values)]
            for task, values in enumerate(self.own)
        ]
        self.whole = {
            name: tensors[f"whole.{name}"].to(value) for name, value in self.whole.items()
        }
