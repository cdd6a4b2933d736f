"""Learned scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torchjd.scalarization import IMTLL

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.learned import LearnedNumbers
from tasktune.objective.weightings.preferences import Preferences
from tasktune.objective.weightings.scalarized import Scalarize, ScalarizedWeighting


@weightings.register("imtl_l")
class ImpartialLoss(ScalarizedWeighting):
    """Learns a scale for each loss so that all scaled losses are alike: ``w_k ~ exp(s_k)``.

    ``s`` descends ``sum_k (exp(s_k) L_k - s_k)`` by its own Adam; where it rests, every scaled loss
    is 1. IMTL-L, Liu et al. 2021 (ICLR).

    :param preferences: multiplies each task's weight.
    :param learning_rate: of ``s``; the larger, the sooner it acts.
    """

    paper = "ICLR 2021, IMPnRXEWpvr"

    def __init__(
        self,
        tasks: Sequence[str],
        learning_rate: Annotated[float, Field(gt=0)] = 0.025,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(tasks, preferences)
        self.numbers = LearnedNumbers(len(tasks), learning_rate)

    def scalarization(self, step: StepTasks) -> Scalarize:
        scalarizer = IMTLL(len(step.present)).double()
        with torch.no_grad():
            scalarizer.log_scale.copy_(self.numbers.at(step.present))
        self.scalarizer = scalarizer
        return scalarizer

    def weights(self, step: StepTasks) -> Tensor:
        weights = super().weights(step)
        losses = step.losses.detach().double().cpu()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(self.scalarizer(losses), self.scalarizer.log_scale)
        self.numbers.descend(gradient, step.present)
        return weights

    def state_dict(self) -> dict[str, Any]:
        return self.numbers.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.numbers.load_state_dict(state)
