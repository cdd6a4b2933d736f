"""Balances how fast tasks converge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from tasktune.objective.weightings.base import StepTasks, Weighting, weightings
from tasktune.objective.weightings.clocks import too_short
from tasktune.objective.weightings.memory import to_list, to_tensor
from tasktune.objective.weightings.normal import sum_to_one
from tasktune.objective.weightings.preferences import Preferences, preference_vector
from tasktune.objective.weightings.windows import Windows


@weightings.register("coba")
class CoBa(Weighting):
    """Gives more to tasks that converge slowly and less to those that begin to diverge.

    ``w = DF RCS + (1 - DF) ACS`` from the slopes ``a`` of each task's loss relative to its first:
    RCS compares the tasks, ACS a task with its own past, and DF leans to ACS once the worst task
    turns. DF is clamped to 1, which the released code forgets, and the state is in the checkpoint.
    Losses are of training, averaged over windows of steps; the paper takes validation losses, which
    would cost further passes. Equal until the first slopes are there; a task that came later has an
    equal share until its own is. CoBa, Gong et al. 2024, arXiv 2410.06741.

    :param window: steps that make one point of a loss curve.
    :param points: of the curve that a slope is fitted to.
    :param temperature: tau of DF.
    :param preferences: multiplies each task's weight.
    """

    paper = "arXiv 2410.06741"

    def __init__(
        self,
        tasks: Sequence[str],
        window: Annotated[int, Field(ge=1)] = 5,
        points: Annotated[int, Field(ge=2)] = 5,
        temperature: Annotated[float, Field(gt=0)] = 5.0,
        preferences: Preferences | None = None,
    ) -> None:
        self.windows = Windows(len(tasks), window, keep=points)
        self.points = points
        self.temperature = temperature
        self.first: Tensor | None = None
        self.slopes: list[Tensor] = []
        self.preferences = preference_vector(preferences, tasks, "weighting.preferences")

    def weights(self, step: StepTasks) -> Tensor:
        present = list(step.present)
        shares = self.shares(present)
        if self.windows.add(step):
            self.fit()
        return sum_to_one(shares * self.preferences[present])

    def shares(self, present: list[int]) -> Tensor:
        """CoBa's weights among the tasks whose slopes are known, equal shares for others."""
        shares = torch.full((len(present),), 1 / len(present), dtype=torch.float64)
        if self.slopes:
            history = torch.stack(self.slopes)[:, present]
            known = torch.isfinite(history[-1])
            if bool(known.any()):
                shares[known] = balance(history[:, known], self.temperature) * known.double().mean()
        return shares

    def fit(self) -> None:
        """One more slope of each task's relative loss, once there are points enough."""
        newest = self.windows.means[-1]
        self.first = (
            newest
            if self.first is None
            else torch.where(torch.isfinite(self.first), self.first, newest)
        )
        if len(self.windows.means) == self.points:
            curve = torch.stack(self.windows.means) / self.first
            self.slopes = [*self.slopes, slope(curve)][-HISTORY:]

    def check(self, steps: int) -> str | None:
        return too_short("coba", "window", self.windows.length * self.points, steps)

    def state_dict(self) -> dict[str, Any]:
        return {
            "windows": self.windows.state_dict(),
            "first": None if self.first is None else to_list(self.first),
            "slopes": [to_list(slopes) for slopes in self.slopes],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.windows.load_state_dict(state["windows"])
        first = state["first"]
        self.first = None if first is None else to_tensor(first)
        self.slopes = [to_tensor(slopes) for slopes in state["slopes"]]


HISTORY = 50


def slope(curve: Tensor) -> Tensor:
    """Least-squares slopes of ``[N, K]`` against 0 to N - 1: ``[K]``."""
    steps = torch.arange(len(curve), dtype=curve.dtype)
    steps = steps - steps.mean()
    return (steps[:, None] * curve).sum(dim=0) / (steps**2).sum()


def balance(slopes: Tensor, temperature: float) -> Tensor:
    """CoBa's weights from a history of slopes ``[N, P]``, the newest last: ``[P]``.

    Early slopes may be missing; all of the newest are there.
    """
    worst = torch.where(torch.isfinite(slopes), slopes, -torch.inf).max(dim=1).values
    factor = divergence_factor(worst[torch.isfinite(worst)], temperature)
    return factor * relative_score(slopes[-1]) + (1 - factor) * absolute_score(slopes)


def relative_score(slopes: Tensor) -> Tensor:
    """RCS: ``softmax_i(P a_i / sum_j |a_j|)``, ``[P]``."""
    total = slopes.abs().sum().clamp_min(torch.finfo(slopes.dtype).tiny)
    return torch.softmax(len(slopes) * slopes / total, dim=0)


def absolute_score(slopes: Tensor) -> Tensor:
    """ACS: ``softmax_i(-N a_i / sum_t |a_i(t)|)`` of a history ``[N, P]``: ``[P]``."""
    known = torch.isfinite(slopes)
    total = torch.where(known, slopes, 0).abs().sum(dim=0).clamp_min(torch.finfo(slopes.dtype).tiny)
    return torch.softmax(-known.sum(dim=0) * slopes[-1] / total, dim=0)


def divergence_factor(worst: Tensor, temperature: float) -> Tensor:
    """DF: ``min(N softmax_t(-tau N a_max(t) / sum_t |a_max(t)|), 1)`` at the newest of ``[N]``."""
    count = len(worst)
    total = worst.abs().sum().clamp_min(torch.finfo(worst.dtype).tiny)
    shares = torch.softmax(-temperature * count * worst / total, dim=0)
    return (count * shares[-1]).clamp_max(1.0)
