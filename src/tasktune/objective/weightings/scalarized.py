"""What TorchJD's scalarisations of losses have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tasktune.objective.weightings.base import StepTasks, Weighting
from tasktune.objective.weightings.draws import draws
from tasktune.objective.weightings.normal import sum_to_one
from tasktune.objective.weightings.preferences import Preferences, preference_vector

Scalarize = Callable[[Tensor], Tensor]


class ScalarizedWeighting(Weighting):
    """Weights that are a scalarisation's derivatives by the losses, scaled to sum to 1.

    The fixed sum keeps the learning rate's meaning: what a method says is how tasks compare.

    :param preferences: multiplies each task's weight, 1 where none is given.
    """

    needs = "losses"
    seed: int = 0

    def __init__(self, tasks: Sequence[str], preferences: Preferences | None = None) -> None:
        self.preferences = preference_vector(preferences, tasks, "weighting.preferences")

    @abstractmethod
    def scalarization(self, step: StepTasks) -> Scalarize:
        """TorchJD's scalarizer, set up for the tasks present."""

    def raw_weights(self, step: StepTasks) -> Tensor:
        """The paper's own weights, before they are scaled: ``[P]``."""
        losses = step.losses.detach().double().cpu().requires_grad_()
        with torch.enable_grad(), draws(self.seed, step.step):
            (weights,) = torch.autograd.grad(self.scalarization(step)(losses), losses)
        return weights

    def weights(self, step: StepTasks) -> Tensor:
        return sum_to_one(self.raw_weights(step) * self.preferences[list(step.present)])
