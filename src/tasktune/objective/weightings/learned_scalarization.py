"""What scalarisations with a learned number a task have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torchjd.scalarization import Scalarizer

from tasktune.objective.weightings.base import StepTasks
from tasktune.objective.weightings.learned import LearnedNumbers
from tasktune.objective.weightings.preferences import Preferences
from tasktune.objective.weightings.scalarized import Scalarize, ScalarizedWeighting


class LearnedScalarization(ScalarizedWeighting):
    """A scalarisation by TorchJD whose parameter, a number a task, descends it beside the model.

    :param learning_rate: of the numbers' own Adam; the larger, the sooner the method acts.
    :param preferences: multiplies each task's weight.
    """

    scalarizer: ClassVar[type[Scalarizer]]
    parameter: ClassVar[str]

    def __init__(
        self,
        tasks: Sequence[str],
        learning_rate: Annotated[float, Field(gt=0)] = 0.025,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(tasks, preferences)
        self.numbers = LearnedNumbers(len(tasks), learning_rate)

    def scalarization(self, step: StepTasks) -> Scalarize:
        return self.at(step)[0]

    def weights(self, step: StepTasks) -> Tensor:
        weights = super().weights(step)
        scalarizer, numbers = self.at(step)
        losses = step.losses.detach().double().cpu()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(scalarizer(losses), numbers)
        self.numbers.descend(gradient, step.present)
        return weights

    def at(self, step: StepTasks) -> tuple[Scalarizer, Tensor]:
        """TorchJD's scalarizer with the present tasks' numbers in it, and these numbers."""
        build: Any = self.scalarizer
        made: Scalarizer = build(len(step.present)).double()
        numbers: Tensor = getattr(made, self.parameter)
        with torch.no_grad():
            numbers.copy_(self.numbers.at(step.present))
        return made, numbers

    def state_dict(self) -> dict[str, Any]:
        return self.numbers.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.numbers.load_state_dict(state)
