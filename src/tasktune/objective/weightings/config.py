"""Conflict-free direction."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torchjd.aggregation import ConFIG as TorchJDConFIG

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.jacobian import Aggregate, JacobianWeighting
from tasktune.objective.weightings.preferences import Preferences, preference_vector


@weightings.register("config")
class ConFIG(JacobianWeighting):
    """The direction with equal cosine to every task's gradient, as long as their projections on it.

    ConFIG, Liu et al. 2024, arXiv 2408.11104.

    :param preferences: how much each task counts, 1 where none is given.
    """

    paper = "arXiv 2408.11104"
    sums = True

    def __init__(self, tasks: Sequence[str], preferences: Preferences | None = None) -> None:
        self._preferences = preference_vector(preferences, tasks, "weighting.preferences")

    def aggregate(self, step: StepTasks) -> Aggregate:
        chosen = self._preferences[list(step.present)]

        def combine(jacobian: Tensor) -> Tensor:
            return TorchJDConFIG(pref_vector=chosen.to(jacobian))(jacobian)

        return combine
