"""One task first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import PCDWeighting

from tasktune.errors import UserError, nearest
from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method


@weightings.register("pcd")
class PCD(GramianWeighting):
    """Follows one task and grants the others a set share of progress.

    The update nearest to the primary task's gradient that lets each other task's loss fall by at
    least ``tau`` of what its own gradient would, in units of the running mean of its squared norm.
    In a step without the primary task, all present count alike. Priority-constrained descent, arXiv
    2606.29521.

    :param primary: the task that comes first.
    :param tau: the share of progress that the others are granted, 0 to 1.
    """

    paper = "arXiv 2606.29521"

    def __init__(
        self,
        tasks: Sequence[str],
        primary: str,
        tau: Annotated[float, Field(ge=0, le=1)] = 0.02,
    ) -> None:
        if primary not in tasks:
            raise UserError(
                f"weighting.primary: unknown task '{primary}'; {nearest(primary, tasks)}"
            )
        self.primary = list(tasks).index(primary)
        self.tau = tau
        self._squares = torch.zeros(len(tasks), dtype=torch.float64)
        self._steps = torch.zeros(len(tasks), dtype=torch.float64)

    def method(self, step: StepTasks) -> Method:
        if self.primary not in step.present:
            return lambda gramian: torch.full_like(gramian[0], 1 / len(gramian))
        first = step.present.index(self.primary)
        order = [first, *(p for p in range(len(step.present)) if p != first)]
        tasks = [step.present[position] for position in order]

        assert step.gramian is not None
        scale = step.gramian.diagonal().mean()
        means = self.mean_squares(step.gramian.diagonal()[order], tasks) / scale

        def solve(gramian: Tensor) -> Tensor:
            ordered = descend(gramian[order][:, order], means, self.tau)
            weights = torch.empty_like(ordered)
            weights[order] = ordered
            return weights

        return solve

    def mean_squares(self, squares: Tensor, tasks: list[int]) -> Tensor:
        """Running means of the tasks' squared gradient norms, over the steps they were in."""
        self._steps[tasks] += 1
        self._squares[tasks] += (1 - DECAY) * (squares - self._squares[tasks])
        return self._squares[tasks] / (1 - DECAY ** self._steps[tasks])

    def state_dict(self) -> dict[str, Any]:
        return {"squares": self._squares.tolist(), "steps": self._steps.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._squares = torch.tensor(state["squares"], dtype=torch.float64)
        self._steps = torch.tensor(state["steps"], dtype=torch.float64)


DECAY = 0.999


def descend(gramian: Tensor, means: Tensor, tau: float) -> Tensor:
    """TorchJD's PCD, the primary task first, with mean squared norms of ours: ``[P]``.

    TorchJD counts steps for all tasks together; ours come and go. So it is set up as if before its
    first step, with a state from which that step makes ``means``.
    """
    method: Any = PCDWeighting(tau=tau, beta=DECAY, eps=0.0)  # its state is no public attribute
    method._sq_norm_ema = (1 - DECAY) / DECAY * (means - gramian.diagonal())
    method._n_steps = torch.tensor(0)
    method._state_key = len(gramian)
    weights: Tensor = method(gramian)
    return weights
