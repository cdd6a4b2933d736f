"""Each task alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import TaskStatistics


@mixtures.register("equal")
class Equal(Mixture):
    """Draws every task alike, ``p_k = 1 / K``: fair to small tasks, which it repeats the most.

    T5, Raffel et al. 2020, arXiv 1910.10683.
    """

    paper = "arXiv 1910.10683"

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        return np.full(len(tasks.names), 1 / len(tasks.names))
