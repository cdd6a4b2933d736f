"""Random weights."""

from __future__ import annotations

from collections.abc import Sequence

from torchjd.scalarization import Random

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.preferences import Preferences
from tasktune.objective.weightings.scalarized import Scalarize, ScalarizedWeighting


@weightings.register("rlw")
class RandomLossWeighting(ScalarizedWeighting):
    """Draws new weights each step: ``softmax`` of normal numbers, ``1 / P`` in the mean.

    A baseline that keeps pace with many cleverer methods. RLW, Lin et al. 2022, arXiv 2111.10603.

    :param preferences: multiplies each task's weight.
    """

    paper = "arXiv 2111.10603"

    def __init__(
        self, tasks: Sequence[str], seed: int = 0, preferences: Preferences | None = None
    ) -> None:
        super().__init__(tasks, preferences)
        self.seed = seed

    def scalarization(self, step: StepTasks) -> Scalarize:
        return Random()
