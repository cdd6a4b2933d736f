"""What TorchJD's Gramian weightings have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from tasktune.errors import UserError
from tasktune.objective.weightings.base import StepTasks, Weighting
from tasktune.objective.weightings.normal import finite_or_equal

Method = Callable[[Tensor], Tensor]


class GramianWeighting(Weighting):
    """Weights from inner products of the tasks' gradients, in double precision on the CPU.

    Methods that draw do so as a function of the step, so that a resumed run draws the same.
    """

    needs = "gramian"
    sums: ClassVar[bool] = False
    """Whether the method's update is a sum over tasks; its weights are then divided by P."""

    @abstractmethod
    def method(self, step: StepTasks) -> Method:
        """TorchJD's weighting, set up for the tasks present."""

    def weights(self, step: StepTasks) -> Tensor:
        assert step.gramian is not None
        gramian = step.gramian.detach().double().cpu()
        count = len(step.present)
        if count == 1 or not bool(torch.isfinite(gramian).all()):
            return torch.full((count,), 1 / count, dtype=torch.float64)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step.step)
            weights = self.method(step)(gramian)
        weights = finite_or_equal(weights.detach())
        return weights / count if self.sums else weights


def require(name: str, *packages: str) -> None:
    """Refuses a method whose solver is not installed.

    :raises UserError: naming the extra that has it.
    """
    from importlib.util import find_spec

    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UserError(
            f"weighting.method: {name} needs {' and '.join(missing)};"
            " pip install 'tasktune[weightings]'"
        )
