"""What a mixture or a curriculum may look at: the tasks, and what a step brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TaskStatistics:
    """The tasks before the first step.

    :param names: the tasks, ``[K]``.
    :param sizes: training examples of each, ``[K]``.
    :param difficulty: the mean difficulty of each, ``[K]``, where a curriculum measures it; nan for
        a task that has none.
    :param draws: how many examples the run is going to draw, about: its tokens by the mean length,
        tasks alike.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    difficulty: NDArray[np.float64] | None = None
    draws: float = 0.0


@dataclass(frozen=True)
class Observation:
    """What a step brought.

    :param step: counted from 0.
    :param losses: the mean loss of each task in the batch, by task index.
    :param draws: examples of each task in the batch, ``[K]``.
    :param rates: the rates at which they were drawn, ``[K]``.
    """

    step: int
    losses: Mapping[int, float]
    draws: NDArray[np.int64]
    rates: NDArray[np.float64]


class Observer:
    """The part of a mixture or curriculum that learns from the run. By default it doesn't."""

    learns: ClassVar[bool] = False
    """Whether ``observe`` does anything: the loop fetches losses for it only then."""

    def observe(self, observation: Observation) -> None:
        """Sees each step after it was taken."""
        del observation

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, for the checkpoint: JSON."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""
        del state
