"""Projects the mean onto the dual cone."""

from __future__ import annotations

from collections.abc import Sequence

from torchjd.aggregation import DualProjWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method, require
from tasktune.objective.weightings.preferences import Preferences, preference_vector


@weightings.register("dualproj")
class DualProj(GramianWeighting):
    """The mean gradient, projected to the nearest vector that conflicts with no task.

    As gradient episodic memory does with old tasks. DualProj, Lopez-Paz and Ranzato 2017, arXiv
    1706.08840.

    :param preferences: how much each task counts, 1 where none is given.
    """

    paper = "arXiv 1706.08840"

    def __init__(self, tasks: Sequence[str], preferences: Preferences | None = None) -> None:
        require("dualproj", "qpsolvers", "quadprog")
        self._preferences = preference_vector(preferences, tasks, "weighting.preferences")

    def method(self, step: StepTasks) -> Method:
        chosen = self._preferences[list(step.present)]
        return DualProjWeighting(pref_vector=chosen / chosen.sum())
