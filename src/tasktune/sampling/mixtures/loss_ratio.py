"""The tasks that have learnt the least."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.mixtures.temperature import Temperature
from tasktune.sampling.observation import Observation, TaskStatistics
from tasktune.sampling.smoothed import SmoothedLosses


@mixtures.register("loss_ratio")
class LossRatio(Mixture):
    """Draws more of the tasks whose loss has fallen the least.

    ``p_k ~ n_k ** (1 / T) r_k ** strength`` with the relative inverse training rate
    ``r_k = (L_k / L_k(0)) / mean_j (L_j / L_j(0))`` of GradNorm, Chen et al. 2018, arXiv
    1711.02257, on smoothed losses. GradNorm turns it into weights of losses; here it is a rate of
    draws.

    :param strength: 0 is ``temperature``; GradNorm's alpha is 1.5.
    :param temperature: T of the rates before any loss is known.
    :param smoothing: the weight of a new loss in the running mean.
    """

    paper = "arXiv 1711.02257"
    learns = True

    def __init__(
        self,
        names: tuple[str, ...],
        strength: Annotated[float, Field(ge=0)] = 1.0,
        temperature: Annotated[float, Field(ge=1)] = 2.0,
        smoothing: Annotated[float, Field(gt=0, le=1)] = 0.1,
    ) -> None:
        self.strength = strength
        self.base = Temperature(temperature)
        self.losses = SmoothedLosses(len(names), smoothing)

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        ratios = self.losses.means / np.maximum(self.losses.first, 1e-12)
        known = ~np.isnan(ratios)
        rates = self.base.rates(step, tasks)
        if known.any():
            relative = np.where(known, np.maximum(ratios, 1e-6), 1.0) / max(
                ratios[known].mean(), 1e-6
            )
            rates = rates * relative**self.strength
        return np.asarray(rates / rates.sum())

    def observe(self, observation: Observation) -> None:
        self.losses.add(observation.losses)

    def state_dict(self) -> dict[str, Any]:
        return self.losses.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.losses.load_state_dict(state)
