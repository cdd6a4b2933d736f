"""The tasks that are being learnt fastest."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.sampling.bandit import Bandit
from tasktune.sampling.observation import Observation, TaskStatistics
from tasktune.sampling.task_curricula.base import TaskCurriculum, task_curricula


@task_curricula.register("learning_progress")
class LearningProgress(TaskCurriculum):
    """Draws more of the tasks whose losses are falling: a bandit over tasks, Exp3.S.

    The mixture's rates are multiplied by the bandit's policy (``Bandit`` has the formulas). Graves
    et al. 2017, arXiv 1704.03003.

    :param learning_rate: eta; the paper's 0.001 is for runs of 100,000 steps and more.
    :param exploration: e, the part of the policy that stays even.
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

    def rates(
        self, step: int, rates: NDArray[np.float64], tasks: TaskStatistics
    ) -> NDArray[np.float64]:
        return np.asarray(rates * self.bandit.policy())

    def observe(self, observation: Observation) -> None:
        self.bandit.observe(observation)

    def check(self, steps: int) -> str | None:
        return self.bandit.check(steps, "curriculum.tasks")

    def state_dict(self) -> dict[str, Any]:
        return self.bandit.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.bandit.load_state_dict(state)
