"""What a mixture is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from tasktune.registry import Registry


@dataclass(frozen=True)
class TaskStatistics:
    """What a mixture may look at.

    :param names: the tasks, ``[K]``.
    :param sizes: training examples of each, ``[K]``.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]


class Mixture(Protocol):
    """The rate at which each task is drawn."""

    paper: ClassVar[str]

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        """The share of draws that goes to each task at ``step``: ``[K]``, summing to 1."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, for the checkpoint."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""


class StaticMixture:
    """A mixture without memory."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        del state


mixtures: Registry[Mixture] = Registry("mixture", "tasktune.sampling.mixtures")
