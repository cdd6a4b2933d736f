"""Learned uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torchjd.scalarization import UW

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.learned import LearnedNumbers
from tasktune.objective.weightings.preferences import Preferences
from tasktune.objective.weightings.scalarized import Scalarize, ScalarizedWeighting


@weightings.register("uw")
class UncertaintyWeighting(ScalarizedWeighting):
    """Learns each task's uncertainty and weighs by its inverse: ``w_k ~ exp(-s_k) / 2``.

    ``s`` descends ``sum_k (exp(-s_k) L_k + s_k) / 2`` by its own Adam, without decay; where it
    rests, ``w_k ~ 1 / L_k``. Uncertainty weighting, Kendall et al. 2018, arXiv 1705.07115.

    :param preferences: multiplies each task's weight.
    :param learning_rate: of ``s``; the larger, the sooner it acts.
    """

    paper = "arXiv 1705.07115"

    def __init__(
        self,
        tasks: Sequence[str],
        learning_rate: Annotated[float, Field(gt=0)] = 0.025,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(tasks, preferences)
        self.numbers = LearnedNumbers(len(tasks), learning_rate)

    def scalarization(self, step: StepTasks) -> Scalarize:
        scalarizer = UW(len(step.present)).double()
        with torch.no_grad():
            scalarizer.log_var.copy_(self.numbers.at(step.present))
        self.scalarizer = scalarizer
        return scalarizer

    def weights(self, step: StepTasks) -> Tensor:
        weights = super().weights(step)
        losses = step.losses.detach().double().cpu()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(self.scalarizer(losses), self.scalarizer.log_var)
        self.numbers.descend(gradient, step.present)
        return weights

    def state_dict(self) -> dict[str, Any]:
        return self.numbers.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.numbers.load_state_dict(state)
