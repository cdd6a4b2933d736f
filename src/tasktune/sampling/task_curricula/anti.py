"""The hard tasks first."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.errors import UserError
from tasktune.sampling.observation import TaskStatistics
from tasktune.sampling.task_curricula.base import TaskCurriculum, check_names, task_curricula


@task_curricula.register("anti")
class Anti(TaskCurriculum):
    """Opens the hard tasks first and has all open from step ``steps`` on.

    Tasks named in ``hard`` are alone until then. Where none are named, tasks open one by one, at
    even distances, from the highest mean ``curriculum.difficulty`` to the lowest. In the Natural
    Language Decathlon this order did better than easy tasks first: McCann et al. 2018, arXiv
    1806.08730.

    :param steps: when every task is open.
    :param hard: the tasks to begin with.
    """

    paper = "arXiv 1806.08730"

    def __init__(
        self,
        names: tuple[str, ...],
        steps: Annotated[int, Field(ge=1)],
        hard: Annotated[list[str], Field(min_length=1)] | None = None,
    ) -> None:
        check_names(hard or (), names, "curriculum.tasks.hard")
        self.steps = steps
        self.hard = None if hard is None else np.isin(names, hard)
        self.needs_difficulty = hard is None

    def rates(
        self, step: int, rates: NDArray[np.float64], tasks: TaskStatistics
    ) -> NDArray[np.float64]:
        if step >= self.steps:
            return rates
        return np.asarray(np.where(self._open(step, tasks), rates, 0.0))

    def _open(self, step: int, tasks: TaskStatistics) -> NDArray[np.bool_]:
        if self.hard is not None:
            return self.hard
        difficulty = tasks.difficulty
        if difficulty is None:
            raise ValueError("anti without hard needs the tasks' difficulty")
        for name, value in zip(tasks.names, difficulty, strict=True):
            if not np.isfinite(value):
                raise UserError(
                    f"curriculum.tasks: tasks.{name} has no difficulty to be ordered by; name the"
                    " tasks to begin with in curriculum.tasks.hard"
                )
        count = 1 + step * (len(difficulty) - 1) // self.steps
        hardest = np.argsort(-difficulty, kind="stable")[:count]
        return np.isin(np.arange(len(difficulty)), hardest)

    def check(self, steps: int) -> str | None:
        if self.steps < steps:
            return None
        return (
            f"curriculum.tasks.steps: all tasks are open only from step {self.steps} of"
            f" training.steps {steps}; some are trained on late or never"
        )
