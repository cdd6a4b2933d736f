"""Each task by its size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import TaskStatistics


@mixtures.register("proportional")
class Proportional(Mixture):
    """Draws each task by its number of examples: ``p_k ~ n_k``, as one big pile would.

    T5, Raffel et al. 2020, arXiv 1910.10683.
    """

    paper = "arXiv 1910.10683"

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        return np.asarray(tasks.sizes / tasks.sizes.sum())
