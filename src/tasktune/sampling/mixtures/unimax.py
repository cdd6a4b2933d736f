"""As even as a number of epochs allows."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import TaskStatistics


@mixtures.register("unimax")
class UniMax(Mixture):
    """Draws tasks alike, but none more often than ``epochs`` times over; the rest is shared.

    From the smallest task to the largest, a task gets the smaller of an even share of the budget
    that is left and ``epochs * n_k``; rates are what each got. Chung et al. 2023, arXiv 2304.09151,
    where the budget is in characters; here it is in examples.

    :param epochs: the most that any task is repeated, the paper's N.
    :param budget: examples drawn in the whole run; estimated from ``training.steps``,
        ``batch_tokens`` and the tasks' mean length where absent.
    """

    paper = "arXiv 2304.09151"

    def __init__(
        self,
        epochs: Annotated[float, Field(gt=0)] = 4.0,
        budget: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        self.epochs = epochs
        self.budget = budget

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        draws = allot(tasks.sizes, self.budget or max(tasks.draws, 1.0), self.epochs)
        return np.asarray(draws / draws.sum())


def allot(sizes: NDArray[np.int64], budget: float, epochs: float) -> NDArray[np.float64]:
    """How many draws each task gets, ``[K]``."""
    draws = np.zeros(len(sizes))
    left = budget
    for position, task in enumerate(np.argsort(sizes, kind="stable")):
        share = left / (len(sizes) - position)
        draws[task] = min(share, epochs * sizes[task])
        left -= draws[task]
    return draws
