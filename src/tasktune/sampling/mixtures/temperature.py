"""Between proportional and equal."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.errors import UserError
from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import TaskStatistics


@mixtures.register("temperature")
class Temperature(Mixture):
    """Tempers the sizes: ``p_k ~ min(n_k, limit) ** (1 / T)``; T = 1 is proportional.

    With T to infinity, tasks are drawn alike. mT5's alpha is ``1 / T``: its 0.3 is T = 3.33. The
    limit comes before the root, as in seqio. T5, Raffel et al. 2020, arXiv 1910.10683; mT5, Xue et
    al. 2021, arXiv 2010.11934.

    :param temperature: T, 1 or more; 2 where neither is set.
    :param alpha: the same as its inverse.
    :param limit: larger tasks count as this large; none where absent.
    """

    paper = "arXiv 1910.10683, 2010.11934"

    def __init__(
        self,
        temperature: Annotated[float, Field(ge=1)] | None = None,
        alpha: Annotated[float, Field(ge=0, le=1)] | None = None,
        limit: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        if temperature is not None and alpha is not None:
            raise UserError("mixture: temperature and alpha say the same; set one of them")
        self.alpha = 1 / (temperature or 2.0) if alpha is None else alpha
        self.limit = limit

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        capped = tasks.sizes if self.limit is None else np.minimum(tasks.sizes, self.limit)
        tempered = capped**self.alpha
        return np.asarray(tempered / tempered.sum())
