"""What a curriculum over tasks is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasktune.errors import UserError, nearest
from tasktune.registry import Registry
from tasktune.sampling.observation import Observer, TaskStatistics


class TaskCurriculum(Observer, ABC):
    """Changes the mixture's rates as the run goes on; a rate of 0 closes a task."""

    paper: ClassVar[str] = ""
    needs_difficulty: bool = False
    """Whether ``TaskStatistics.difficulty`` must be measured."""

    @abstractmethod
    def rates(
        self, step: int, rates: NDArray[np.float64], tasks: TaskStatistics
    ) -> NDArray[np.float64]:
        """What becomes of the mixture's rates at ``step``: ``[K]``, 0 or more, of any sum above 0.

        :param rates: the mixture's, ``[K]``, summing to 1.
        """

    def check(self, steps: int) -> str | None:
        """What the user should know before a run of ``steps`` steps."""
        del steps
        return None


task_curricula: Registry[TaskCurriculum] = Registry(
    "task curriculum", "tasktune.sampling.task_curricula"
)


def check_names(named: Iterable[str], known: Collection[str], key: str) -> None:
    """Refuses a task that the run does not have.

    :param key: the YAML key that names them.
    :raises UserError: with the nearest name.
    """
    for name in named:
        if name not in known:
            raise UserError(f"{key}: unknown task '{name}'; {nearest(name, known)}")
