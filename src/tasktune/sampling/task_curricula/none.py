"""Every task from the start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasktune.sampling.observation import TaskStatistics
from tasktune.sampling.task_curricula.base import TaskCurriculum, task_curricula


@task_curricula.register("none")
class AllTasks(TaskCurriculum):
    """Leaves the mixture's rates as they are."""

    def rates(
        self, step: int, rates: NDArray[np.float64], tasks: TaskStatistics
    ) -> NDArray[np.float64]:
        return rates
