"""Each task by its size."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import TaskStatistics


@mixtures.register("proportional")
class Proportional(Mixture):
    """Draws each task by its number of examples: ``p_k ~ min(n_k, limit)``, as one big pile would.

    T5's examples-proportional mixing, Raffel et al. 2020, arXiv 1910.10683.

    :param limit: the artificial data set size limit, the paper's K: larger tasks count as this
        large; none where absent.
    """

    paper = "arXiv 1910.10683"

    def __init__(self, limit: Annotated[int, Field(ge=1)] | None = None) -> None:
        self.limit = limit

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        capped = tasks.sizes if self.limit is None else np.minimum(tasks.sizes, self.limit)
        return np.asarray(capped / capped.sum())
