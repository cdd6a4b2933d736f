"""What TorchJD's Gramian weightings have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from tasktune.errors import UserError
from tasktune.objective.weightings.base import StepTasks
from tasktune.objective.weightings.draws import draws
from tasktune.objective.weightings.unanswered import MayFail

Method = Callable[[Tensor], Tensor]

STILL = 1e-16
"""A task whose squared gradient norm is below this part of the largest has no gradient."""
RANK = 1e-12
"""Eigenvalues below this part of the largest are rounding."""


class GramianWeighting(MayFail):
    """Weights from inner products of the tasks' gradients, in double precision on the CPU.

    TorchJD gets the Gramian divided by the tasks' mean squared norm: its solvers have absolute
    tolerances, below which UPGrad and DualProj turn into the mean and CAGrad stops the training. A
    task without any gradient is as good as absent.
    """

    needs = "gramian"
    sums: ClassVar[bool] = False
    """Whether the method's update is a sum over tasks; its weights are then divided by P."""
    power: float = 0.0
    """The weights go with the Gramian's scale to this power."""

    @abstractmethod
    def method(self, step: StepTasks) -> Method:
        """TorchJD's weighting, set up for the tasks present."""

    def weights(self, step: StepTasks) -> Tensor:
        assert step.gramian is not None
        gramian = step.gramian.detach().double().cpu()
        count = len(step.present)
        weights = torch.full((count,), 1 / count, dtype=torch.float64)
        if not bool(torch.isfinite(gramian).all()):
            self.failed(step, "a gradient is not finite")
            return weights
        squares = gramian.diagonal()
        moving = torch.nonzero(squares > STILL * squares.max()).flatten()
        if count == 1 or len(moving) == 0:
            return weights
        answer = self.solve(only(step, gramian, moving))
        if answer is not None:
            weights[moving] = answer / count if self.sums else answer * len(moving) / count
        return weights

    def solve(self, step: StepTasks) -> Tensor | None:
        """The method's own weights of tasks that all have gradients; ``None`` if it has none."""
        assert step.gramian is not None
        scale = float(step.gramian.diagonal().mean())
        try:
            with draws(self.seed, step.step):
                weights = self.method(step)(step.gramian / scale).detach()
        except Exception as error:  # each solver has exceptions of its own
            self.failed(step, f"{type(error).__name__}: {error}")
            return None
        if not bool(torch.isfinite(weights).all()):
            self.failed(step, "its weights are not finite")
            return None
        rescaled: Tensor = weights * scale**self.power
        return rescaled


def only(step: StepTasks, gramian: Tensor, chosen: Tensor) -> StepTasks:
    """The step with some of its tasks.

    :param chosen: positions among the tasks present, ascending.
    """
    return StepTasks(
        step=step.step,
        present=tuple(step.present[position] for position in chosen.tolist()),
        losses=step.losses.cpu()[chosen],
        counts=step.counts.cpu()[chosen],
        gramian=gramian[chosen][:, chosen],
    )


def factor(gramian: Tensor) -> Tensor:
    """Rows with the same inner products as the tasks' gradients, ``[P, rank]``.

    They stand for the gradients in methods of matrices that depend on the Gramian only.
    """
    values, vectors = torch.linalg.eigh(gramian)
    kept = values > RANK * values.max()
    rows: Tensor = vectors[:, kept] * values[kept].sqrt()
    return rows


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
