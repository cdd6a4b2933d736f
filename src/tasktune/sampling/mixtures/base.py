"""What a mixture is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasktune.registry import Registry
from tasktune.sampling.observation import Observer, TaskStatistics


class Mixture(Observer, ABC):
    """The rate at which each task is drawn."""

    paper: ClassVar[str]

    @abstractmethod
    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        """The share of draws that goes to each task at ``step``: ``[K]``, summing to 1."""

    def check(self, steps: int) -> str | None:
        """What the user should know before a run of ``steps`` steps."""
        del steps
        return None


mixtures: Registry[Mixture] = Registry("mixture", "tasktune.sampling.mixtures")
