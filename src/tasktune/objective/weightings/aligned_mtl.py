"""Aligns the principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torchjd.aggregation import AlignedMTLWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method
from tasktune.objective.weightings.preferences import Preferences, preference_vector


@weightings.register("aligned_mtl")
class AlignedMTL(GramianWeighting):
    """Makes the gradients orthogonal and of one length, as near as that comes to themselves.

    The Gramian's condition number becomes 1. Aligned-MTL, Senushkin et al. 2023, arXiv 2305.19000.

    :param preferences: how much each task counts, 1 where none is given.
    :param scale: of the Gramian's eigenvalues, which gives the length: the smallest in the paper.
    """

    paper = "arXiv 2305.19000"

    def __init__(
        self,
        tasks: Sequence[str],
        preferences: Preferences | None = None,
        scale: Literal["min", "median", "rmse"] = "min",
    ) -> None:
        self.scale: Literal["min", "median", "rmse"] = scale
        self._preferences = preference_vector(preferences, tasks, "weighting.preferences")

    def method(self, step: StepTasks) -> Method:
        chosen = self._preferences[list(step.present)]
        return AlignedMTLWeighting(pref_vector=chosen / chosen.sum(), scale_mode=self.scale)
