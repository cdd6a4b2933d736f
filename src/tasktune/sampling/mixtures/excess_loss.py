"""The tasks that are furthest from what they could reach."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.errors import UserError, nearest
from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import Observation, TaskStatistics


@mixtures.register("excess_loss")
class ExcessLoss(Mixture):
    """Draws more of the tasks whose loss is furthest above a reference, in the manner of DoReMi.

    After each step ``w_k <- w_k exp(eta max(L_k - reference_k, 0))``, ``w`` is made to sum to 1,
    and ``p_k = (1 - c) w_k + c / K``. Xie et al. 2023, arXiv 2305.10429, whose reference is a
    small model trained beforehand and whose rates are averaged for a second run; here they steer
    this one.
    Between steps w also moves a little towards even, so that a task can come back.

    :param reference: each task's loss when it is trained alone, by name, as its log shows it.
    :param learning_rate: eta; DoReMi's is 1.
    :param smoothing: c, the part of the rates that stays even; the paper's 0.001 is for domains of
        one large corpus.
    :param forgetting: how far w moves towards even at each step.
    """

    paper = "arXiv 2305.10429"
    learns = True

    def __init__(
        self,
        names: tuple[str, ...],
        reference: dict[str, float],
        learning_rate: Annotated[float, Field(gt=0)] = 0.1,
        smoothing: Annotated[float, Field(gt=0, le=1)] = 0.1,
        forgetting: Annotated[float, Field(ge=0, lt=1)] = 0.01,
    ) -> None:
        for name in reference:
            if name not in names:
                raise UserError(f"mixture.reference: unknown task '{name}'; {nearest(name, names)}")
        for name in names:
            if name not in reference:
                raise UserError(f"mixture.reference: tasks.{name} has no reference loss")
        self.reference = np.array([reference[name] for name in names])
        self.learning_rate = learning_rate
        self.smoothing = smoothing
        self.forgetting = forgetting
        self.log_weights = np.zeros(len(names))

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        even = np.full(len(self.log_weights), 1 / len(self.log_weights))
        return np.asarray((1 - self.smoothing) * self.weights() + self.smoothing * even)

    def weights(self) -> NDArray[np.float64]:
        """w, summing to 1, ``[K]``."""
        weights = np.exp(self.log_weights - self.log_weights.max())
        return np.asarray(weights / weights.sum())

    def observe(self, observation: Observation) -> None:
        excess = np.zeros(len(self.reference))
        for task, loss in observation.losses.items():
            if np.isfinite(loss):
                excess[task] = max(loss - self.reference[task], 0.0)
        moved = (1 - self.forgetting) * self.log_weights + self.learning_rate * excess
        self.log_weights = moved - moved.mean()

    def check(self, steps: int) -> str | None:
        if self.learning_rate * steps >= 1:
            return None
        return (
            f"mixture.learning_rate: {self.learning_rate:g} can hardly change a rate within"
            f" training.steps {steps}; {1 / steps:.1g} or more can"
        )

    def state_dict(self) -> dict[str, Any]:
        return {"log_weights": self.log_weights.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.log_weights = np.array(state["log_weights"])
