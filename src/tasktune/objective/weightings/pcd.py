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
    least ``tau`` of what its own gradient would. In a step without the primary task, all present
    count alike. PCD, arXiv 2606.29521.

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
        self._steps = 0

    def method(self, step: StepTasks) -> Method:
        if self.primary not in step.present:
            return lambda gramian: torch.full_like(gramian[0], 1 / len(gramian))
        first = step.present.index(self.primary)
        order = [first, *(p for p in range(len(step.present)) if p != first)]
        tasks = [step.present[position] for position in order]

        def solve(gramian: Tensor) -> Tensor:
            method: Any = PCDWeighting(tau=self.tau)  # its state is no public attribute
            method._sq_norm_ema = self._squares[tasks].clone()
            method._n_steps = torch.tensor(self._steps)
            method._state_key = len(tasks)
            ordered: Tensor = method(gramian[order][:, order])
            self._squares[tasks] = method._sq_norm_ema
            self._steps += 1
            weights = torch.empty_like(ordered)
            weights[order] = ordered
            return weights

        return solve

    def state_dict(self) -> dict[str, Any]:
        return {"squares": self._squares.tolist(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._squares = torch.tensor(state["squares"], dtype=torch.float64)
        self._steps = int(state["steps"])
