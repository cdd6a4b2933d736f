"""Projects each gradient onto the dual cone."""

from __future__ import annotations

from collections.abc import Sequence

from torchjd.aggregation import UPGradWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method, require
from tasktune.objective.weightings.preferences import Preferences, preference_vector


@weightings.register("upgrad")
class UPGrad(GramianWeighting):
    """The mean of all gradients, each first projected to where it conflicts with no task.

    Each ``g_i`` goes to the nearest vector whose inner products with all gradients are not
    negative. UPGrad, Quinton and Rey 2024, arXiv 2406.16232.

    :param preferences: how much each task counts, 1 where none is given.
    """

    paper = "arXiv 2406.16232"

    def __init__(self, tasks: Sequence[str], preferences: Preferences | None = None) -> None:
        require("upgrad", "qpsolvers", "quadprog")
        self._preferences = preference_vector(preferences, tasks, "weighting.preferences")

    def method(self, step: StepTasks) -> Method:
        chosen = self._preferences[list(step.present)]
        return UPGradWeighting(pref_vector=chosen / chosen.sum())
