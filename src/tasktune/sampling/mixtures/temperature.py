"""Between proportional and equal."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import TaskStatistics


@mixtures.register("temperature")
class Temperature(Mixture):
    """Tempers the sizes: ``p_k ~ n_k ** (1 / T)``; T = 1 is proportional, T to infinity equal.

    mT5's alpha is ``1 / T``: its 0.3 is T = 3.33. T5, Raffel et al. 2020, arXiv 1910.10683; mT5,
    Xue et al. 2021, arXiv 2010.11934.

    :param temperature: T, 1 or more.
    """

    paper = "arXiv 1910.10683, 2010.11934"

    def __init__(self, temperature: Annotated[float, Field(ge=1)] = 2.0) -> None:
        self.temperature = temperature

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        tempered = tasks.sizes ** (1 / self.temperature)
        return np.asarray(tempered / tempered.sum())
