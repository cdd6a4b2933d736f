"""Each task by its size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasktune.sampling.mixtures.base import StaticMixture, TaskStatistics, mixtures


@mixtures.register("proportional")
class Proportional(StaticMixture):
    """Draws each task by its number of examples: ``p_k ~ n_k``, as one big pile would.

    T5, Raffel et al. 2020, arXiv 1910.10683.
    """

    paper = "arXiv 1910.10683"

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        return np.asarray(tasks.sizes / tasks.sizes.sum())
