"""Methods that may have no answer in a step."""

from __future__ import annotations

import warnings

from tasktune.objective.weightings.base import StepTasks, Weighting


class MayFail(Weighting):
    """A method whose solver may fail; the tasks then count alike for that step.

    The first such step is told, all are counted in ``failures``.
    """

    seed: int = 0
    failures: int = 0

    def failed(self, step: StepTasks, reason: str) -> None:
        """One more step without an answer."""
        self.failures += 1
        if self.failures == 1:
            warnings.warn(
                f"weighting: {type(self).__name__} has no answer in step {step.step} ({reason});"
                " its tasks count alike there, and in any later such step",
                stacklevel=2,
            )
