"""A mean without extremes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torchjd.aggregation import TrimmedMean as TorchJDTrimmedMean

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.jacobian import Aggregate, JacobianWeighting


@weightings.register("trimmed_mean")
class TrimmedMean(JacobianWeighting):
    """The mean of each entry without its largest and smallest, against a task that goes wild.

    Trimmed mean, Yin et al. 2018, arXiv 1803.01498.

    :param trim: how many are left out on each side; fewer where few tasks are present.
    """

    paper = "arXiv 1803.01498"

    def __init__(self, trim: Annotated[int, Field(ge=1)] = 1) -> None:
        self.trim = trim

    def aggregate(self, step: StepTasks) -> Aggregate:
        return TorchJDTrimmedMean(min(self.trim, (len(step.present) - 1) // 2))
