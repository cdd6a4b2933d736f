"""The tasks that are being learnt fastest."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.sampling.bandit import Bandit
from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import Observation, TaskStatistics


@mixtures.register("learning_progress")
class LearningProgress(Mixture):
    """Draws tasks by a bandit that is paid by how fast their losses fall, whatever their sizes.

    The rates are the policy of ``Bandit``, which has the formulas. Graves et al. 2017, arXiv
    1704.03003. As a task curriculum, the same bandit multiplies another mixture's rates.

    :param learning_rate: eta; the paper's 0.001 is for runs of 100,000 steps and more.
    :param exploration: the part of the policy that stays even.
    :param smoothing: the weight of a new loss in the running mean.
    """

    paper = "arXiv 1704.03003"
    learns = True

    def __init__(
        self,
        names: tuple[str, ...],
        learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05,
        exploration: Annotated[float, Field(gt=0, le=1)] = 0.05,
        smoothing: Annotated[float, Field(gt=0, le=1)] = 0.1,
    ) -> None:
        self.bandit = Bandit(len(names), learning_rate, exploration, smoothing)

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        return self.bandit.policy()

    def observe(self, observation: Observation) -> None:
        self.bandit.observe(observation)

    def check(self, steps: int) -> str | None:
        return self.bandit.check(steps, "mixture")

    def state_dict(self) -> dict[str, Any]:
        return self.bandit.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.bandit.load_state_dict(state)
