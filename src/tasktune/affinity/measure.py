"""What a measure of affinity is: a matrix with intervals, and what its numbers mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from tasktune.training.monitor.statistics import Estimate, mean_estimate

By = Literal["cosine", "lookahead", "transfer"]
BATCHES = 10
MEANING: dict[By, str] = {
    "cosine": "the mean cosine of two tasks' gradients, -1 to 1: above 0 a step for one goes the"
    " other's way",
    "lookahead": "the part of a task's loss that one step for the other alone takes away, in"
    " millionths: below 0 it adds to it",
    "transfer": "the relative change of a task's score when it is trained together with the other"
    " instead of alone, on equally many examples of its own",
}


@dataclass(frozen=True)
class Affinity:
    """What training each task does for each other.

    :param tasks: ``[K]`` names.
    :param value: ``[K, K]``, of the row's task for the column's; not a number on the diagonal and
        where two were never seen together.
    :param low: the lower ends of 95 % intervals, ``[K, K]``.
    :param high: their upper ends.
    :param observations: how many steps or examples each value is of, ``[K, K]``.
    """

    by: By
    tasks: tuple[str, ...]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    observations: NDArray[np.int64]

    @property
    def symmetric(self) -> bool:
        """Whether it is the same either way."""
        return self.by == "cosine"

    def pairs(self) -> list[tuple[int, int]]:
        """Who may help whom, each pair once where it is the same either way; the best first."""
        count = range(len(self.tasks))
        found = [(i, j) for i in count for j in count if (i < j if self.symmetric else i != j)]
        known = [pair for pair in found if np.isfinite(self.value[pair])]
        return sorted(known, key=lambda pair: -self.value[pair])

    def apart(self) -> list[tuple[int, int]]:
        """The pairs that are surely apart from 0: of them, about 5 % by chance alone.

        Of a hundred pairs five intervals leave 0 out by chance. So each pair's p-value, read off
        its interval, is adjusted for their number (Benjamini and Hochberg 1995).
        """
        pairs = self.pairs()
        if not pairs:
            return []
        adjusted = false_discovery_control([self.chance(pair) for pair in pairs])
        return [pair for pair, p in zip(pairs, adjusted, strict=True) if p < 0.05]

    @cached_property
    def sure(self) -> frozenset[tuple[int, int]]:
        """The pairs that are surely apart from 0, named both ways where that is the same."""
        apart = self.apart()
        return frozenset(apart + [(j, i) for i, j in apart if self.symmetric])

    def chance(self, pair: tuple[int, int]) -> float:
        """How likely it is that a pair without affinity is as far from 0: a two-sided p-value."""
        value = float(self.value[pair])
        margin = value - float(self.low[pair]) if value > 0 else float(self.high[pair]) - value
        if value == 0 or math.isinf(margin):
            return 1.0
        freedom = self.freedom(int(self.observations[pair]))
        ratio = abs(value) / margin if margin > 0 else math.inf
        return float(2 * student.sf(ratio * student.ppf(0.975, freedom), freedom))

    def freedom(self, observations: int) -> float:
        """The degrees of freedom of an interval of so many steps; the bootstrap's is normal."""
        return math.inf if self.by == "transfer" else max(stretches(observations) - 1, 1)

    def known(self) -> NDArray[np.float64]:
        """The values with 0 for what is not known and for the diagonal, ``[K, K]``."""
        return np.nan_to_num(self.value, nan=0.0)

    def format(self, value: float) -> str:
        """A value in the measure's own unit."""
        return format_value(self.by, value)


def format_value(by: By, value: float) -> str:
    """A value as people read it; a dash where it is not known."""
    if not math.isfinite(value):
        return "\N{EN DASH}"
    if by == "cosine":
        return f"{value:+.2f}"
    if by == "transfer":
        return f"{100 * value:+.1f} %"
    return f"{1e6 * value:+,.0f} ppm"


def batch_means(values: NDArray[np.float64]) -> Estimate:
    """The mean of a series of steps, ``[n]``, with a 95 % interval.

    Neighbouring steps are alike, so they don't count as independent: the series is cut into at most
    ten stretches, and Student's interval is of the stretches' means. A drift over the run makes it
    wider. Law and Kelton 1979, the method of batch means. No interval of fewer than 4 values.
    """
    mean = float(values.mean())
    count = stretches(len(values))
    if count < 2:
        return Estimate(mean, -math.inf, math.inf)
    found = mean_estimate(np.array([part.mean() for part in np.array_split(values, count)]))
    return Estimate(mean, mean - (found.value - found.low), mean + (found.high - found.value))


def stretches(observations: int) -> int:
    """Into how many stretches a series of so many steps is cut."""
    return min(BATCHES, observations // 2)
