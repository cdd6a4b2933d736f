"""Rates that the user sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasktune.errors import UserError, nearest
from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import TaskStatistics


@mixtures.register("fixed")
class Fixed(Mixture):
    """Draws each task at the rate that the run file gives it; rates are made to sum to 1.

    T5's comparison of mixing rates, Raffel et al. 2020, arXiv 1910.10683.

    :param rates: task to rate; every task has one, and at least one is above 0.
    """

    paper = "arXiv 1910.10683"

    def __init__(self, rates: dict[str, float], names: tuple[str, ...]) -> None:
        for name in rates:
            if name not in names:
                raise UserError(f"mixture.rates: unknown task '{name}'; {nearest(name, names)}")
        for name in names:
            if name not in rates:
                raise UserError(f"mixture.rates: tasks.{name} has no rate; 0 leaves it out")
            if not 0 <= rates[name] < float("inf"):
                raise UserError(f"mixture.rates: the rate of {name} is {rates[name]:g}; 0 or more")
        if not any(rates.values()):
            raise UserError("mixture.rates: every rate is 0; nothing would be drawn")
        chosen = np.array([rates[name] for name in names], dtype=np.float64)
        self.chosen = chosen / chosen.sum()

    def rates(self, step: int, tasks: TaskStatistics) -> NDArray[np.float64]:
        return np.asarray(self.chosen)
