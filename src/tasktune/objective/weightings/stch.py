"""A smooth maximum of losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torchjd.scalarization import STCH

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.preferences import Preferences
from tasktune.objective.weightings.scalarized import Scalarize, ScalarizedWeighting


@weightings.register("stch")
class SmoothTchebycheff(ScalarizedWeighting):
    """The gradient of a smooth maximum over tasks of ``log(L_k / nadir_k)``: helps the worst task.

    ``P mu log sum_k exp(log(L_k / nadir_k) / mu)``, where the nadir is the mean loss of the first
    ``window`` steps that a task was in; until then it is its loss so far. STCH, Lin et al. 2024,
    arXiv 2402.19078.

    :param preferences: multiplies each task's weight.
    :param mu: how smooth; towards 0 it is the maximum.
    :param window: steps that make the nadir.
    """

    paper = "arXiv 2402.19078"

    def __init__(
        self,
        tasks: Sequence[str],
        mu: Annotated[float, Field(gt=0)] = 0.5,
        window: Annotated[int, Field(ge=1)] = 10,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(tasks, preferences)
        self.mu = mu
        self.window = window
        self.nadir = torch.zeros(len(tasks), dtype=torch.float64)
        self.seen = torch.zeros(len(tasks), dtype=torch.float64)

    def weights(self, step: StepTasks) -> Tensor:
        present = torch.tensor(step.present)
        losses = torch.full_like(self.nadir, torch.nan)
        losses[present] = step.losses.detach().double().cpu()
        early = present[(self.seen[present] < self.window) & torch.isfinite(losses[present])]
        self.seen[early] += 1
        self.nadir[early] += (losses[early] - self.nadir[early]) / self.seen[early]
        return super().weights(step)

    def scalarization(self, step: StepTasks) -> Scalarize:
        nadir = self.nadir[list(step.present)]
        count = len(step.present)
        smooth = STCH(self.mu, weights=torch.ones(count, dtype=torch.float64))
        return lambda losses: count * smooth(torch.log(losses / nadir))

    def state_dict(self) -> dict[str, Any]:
        return {"nadir": self.nadir.tolist(), "seen": self.seen.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.nadir = torch.tensor(state["nadir"], dtype=torch.float64)
        self.seen = torch.tensor(state["seen"], dtype=torch.float64)
