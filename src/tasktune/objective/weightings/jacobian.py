"""What TorchJD's aggregators of whole gradients have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from tasktune.objective.weightings.base import StepTasks
from tasktune.objective.weightings.draws import draws
from tasktune.objective.weightings.unanswered import MayFail

Aggregate = Callable[[Tensor], Tensor]


class JacobianWeighting(MayFail):
    """An update made of the tasks' gradients entry by entry: no weighted sum, and dearer."""

    needs = "jacobian"
    sums: ClassVar[bool] = False
    """Whether the method's update is a sum over tasks; it is then divided by P."""

    @abstractmethod
    def aggregate(self, step: StepTasks) -> Aggregate:
        """TorchJD's aggregator, set up for the tasks present."""

    def combine(self, step: StepTasks) -> Tensor:
        assert step.jacobian is not None
        if len(step.present) == 1:
            return step.jacobian[0]
        with draws(self.seed, step.step, step.jacobian.device):
            update = self.aggregate(step)(step.jacobian)
        if not bool(torch.isfinite(update).all()):
            self.failed(step, "its update is not finite")
            return step.jacobian.mean(dim=0)
        return update / len(step.present) if self.sums else update

    def weights(self, step: StepTasks) -> Tensor:
        """Equal: what the log shows and what the tasks' own parameters are trained with."""
        return torch.full_like(step.counts, 1 / len(step.present))
