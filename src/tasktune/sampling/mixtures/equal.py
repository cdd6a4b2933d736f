"""Each task alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasktune.sampling.mixtures.base import StaticMixture, TaskStatistics, mixtures


@mixtures.register("equal")
class Equal(StaticMixture):
    """Draws every task alike, ``p_k = 1 / K``: fair to small tasks, which it repeats the most.

    T5, Raffel et al. 2020, arXiv 1910.10683.
    """

    paper = "arXiv 1910.10683"

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        return np.full(len(tasks.names), 1 / len(tasks.names))
