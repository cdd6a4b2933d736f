"""What a curriculum over examples is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from tasktune.registry import Registry


class Curriculum(ABC):
    """Admits a growing share of each task's examples, the easiest first."""

    paper: ClassVar[str] = ""

    @abstractmethod
    def share(self, step: int) -> float:
        """The share of a task's examples that may be drawn at ``step``: above 0, never falling."""

    @final
    def admitted(self, step: int, difficulty: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which examples may be drawn at ``step``, ``[n]``.

        The easiest example of a task has difficulty 0 and is always admitted.

        :param difficulty: the share of the task's examples that come before each, ``[n]`` in
            [0, 1).
        """
        return np.asarray(difficulty < self.share(step))

    def check(self, steps: int) -> str | None:
        """What the user should know before a run of ``steps`` steps."""
        reached = self.share(steps - 1)
        if reached >= 1:
            return None
        return (
            f"curriculum: only {reached:.0%} of each task's examples are admitted within"
            f" training.steps {steps}; the rest is never trained on"
        )


curricula: Registry[Curriculum] = Registry("curriculum", "tasktune.sampling.curricula")
