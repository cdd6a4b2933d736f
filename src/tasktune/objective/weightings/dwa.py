"""Weighs what has stopped falling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torchjd.scalarization import DWA

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.clocks import too_short
from tasktune.objective.weightings.preferences import Preferences
from tasktune.objective.weightings.scalarized import Scalarize, ScalarizedWeighting
from tasktune.objective.weightings.windows import Windows


@weightings.register("dwa")
class DynamicWeightAverage(ScalarizedWeighting):
    """Weighs a task by how slowly its loss falls: ``w_k ~ exp(r_k / T)``.

    ``r_k`` is the ratio of its mean losses over the last two windows of steps, where the paper
    takes epochs; equal until two windows are over. DWA, Liu et al. 2019, arXiv 1803.10704.

    :param preferences: multiplies each task's weight.
    :param temperature: T; the larger, the more alike.
    :param window: steps in a window.
    """

    paper = "arXiv 1803.10704"

    def __init__(
        self,
        tasks: Sequence[str],
        temperature: Annotated[float, Field(gt=0)] = 2.0,
        window: Annotated[int, Field(ge=1)] = 10,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(tasks, preferences)
        self.temperature = temperature
        self.windows = Windows(len(tasks), window, keep=2)

    def scalarization(self, step: StepTasks) -> Scalarize:
        average = DWA(self.temperature)
        if len(self.windows.means) == 2:
            older, newer = (mean[list(step.present)] for mean in self.windows.means)
            known = torch.isfinite(older) & torch.isfinite(newer)
            average._previous_averages = [
                torch.where(known, older, 1),  # a task that is new has a ratio of 1
                torch.where(known, newer, 1),
            ]
        return average

    def weights(self, step: StepTasks) -> Tensor:
        weights = super().weights(step)
        self.windows.add(step)
        return weights

    def check(self, steps: int) -> str | None:
        return too_short("dwa", "window", 2 * self.windows.length, steps)

    def state_dict(self) -> dict[str, Any]:
        return self.windows.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.windows.load_state_dict(state)
