"""Fast adaptive weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torchjd.scalarization import FAMO as TorchJDFAMO

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.learned import LearnedNumbers
from tasktune.objective.weightings.preferences import Preferences
from tasktune.objective.weightings.scalarized import Scalarize, ScalarizedWeighting

SMALL = 1e-8
"""What TorchJD and the official code add to a loss before its logarithm."""


@weightings.register("famo")
class FAMO(ScalarizedWeighting):
    """Lets all losses fall at the same relative rate, by their values before and after the update.

    ``w_k ~ z_k / L_k`` with ``z = softmax(xi)``; xi descends ``J^T (log L_before - log L_after)``,
    J the softmax's Jacobian, by its own Adam. That takes one more forward pass a step. The paper's
    decay ``gamma`` (1e-3) drags z back to equal weights and keeps it from the front of the toy
    landscape, so it is 0 here; see the toy landscape in the docs. FAMO, Liu et al. 2023, arXiv
    2306.03792.

    :param preferences: multiplies each task's weight.
    :param learning_rate: of xi.
    :param gamma: weight decay of xi.
    """

    paper = "arXiv 2306.03792"
    looks_back = True

    def __init__(
        self,
        tasks: Sequence[str],
        learning_rate: Annotated[float, Field(gt=0)] = 0.025,
        gamma: Annotated[float, Field(ge=0)] = 0.0,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(tasks, preferences)
        self.numbers = LearnedNumbers(len(tasks), learning_rate, gamma)
        self.before = torch.ones(len(tasks), dtype=torch.float64)

    def scalarization(self, step: StepTasks) -> Scalarize:
        scalarizer = TorchJDFAMO(len(step.present)).double()
        with torch.no_grad():
            scalarizer._w.copy_(self.numbers.at(step.present))
        return scalarizer

    def weights(self, step: StepTasks) -> Tensor:
        self.before[list(step.present)] = step.losses.detach().double().cpu()
        return super().weights(step)

    def observe(self, step: StepTasks) -> None:
        present = list(step.present)
        after = step.losses.detach().double().cpu()
        change = torch.log(self.before[present] + SMALL) - torch.log(after + SMALL)
        shares = torch.softmax(self.numbers.at(present), dim=0)
        gradient = shares * (change - shares @ change)  # the softmax's Jacobian times the change
        self.numbers.descend(gradient, present)

    def state_dict(self) -> dict[str, Any]:
        return self.numbers.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.numbers.load_state_dict(state)
