"""What a difficulty is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasktune.data import Task
from tasktune.registry import Registry


class Difficulty(ABC):
    """How hard each training example of a task is. Only the order within a task counts."""

    paper: ClassVar[str] = ""

    @abstractmethod
    def measure(self, task: Task) -> NDArray[np.float64] | None:
        """A finite number for each training example, ``[n]``, the larger the harder.

        ``None`` for a task that has no such difficulty: all its examples are admitted.
        """


difficulties: Registry[Difficulty] = Registry("difficulty", "tasktune.sampling.difficulties")
