"""Means and slopes with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; infinitely wide where too little was seen."""

    value: float
    low: float
    high: float

    @property
    def rises(self) -> bool:
        """Whether it is above 0 beyond chance."""
        return self.low > 0

    @property
    def falls(self) -> bool:
        """Whether it is below 0 beyond chance."""
        return self.high < 0


def mean_estimate(values: NDArray[np.float64]) -> Estimate:
    """The mean of independent values, ``[n]``, with Student's interval."""
    count = len(values)
    mean = float(values.mean())
    if count < 2:
        return Estimate(mean, -math.inf, math.inf)
    margin = quantile(count - 1) * float(values.std(ddof=1)) / math.sqrt(count)
    return Estimate(mean, mean - margin, mean + margin)


def quantile(freedom: int) -> float:
    """Student's two-sided 95 % quantile."""
    return float(student.ppf((1 + CONFIDENCE) / 2, freedom))


@dataclass
class Stretch:
    """Losses of the steps between two looks, as the sums that a mean and a slope need.

    :param sums: count, steps, losses, steps squared, steps times losses, losses squared.
    """

    sums: NDArray[np.float64]

    @classmethod
    def empty(cls) -> Stretch:
        """A stretch without steps."""
        return cls(np.zeros(6))

    def add(self, step: int, loss: float) -> None:
        """One more step."""
        self.sums += [1, step, loss, step**2, step * loss, loss**2]

    def __add__(self, other: Stretch) -> Stretch:
        return Stretch(self.sums + other.sums)

    @property
    def count(self) -> int:
        """The steps in it."""
        return int(self.sums[0])

    @property
    def mean(self) -> Estimate:
        """The mean loss; nan without a step."""
        count, _, total, _, _, squares = self.sums
        if count == 0:
            return Estimate(math.nan, -math.inf, math.inf)
        mean = total / count
        if count < 2:
            return Estimate(mean, -math.inf, math.inf)
        spread = max(squares / count - mean**2, 0) * count / (count - 1)
        margin = quantile(int(count) - 1) * math.sqrt(spread / count)
        return Estimate(mean, mean - margin, mean + margin)

    @property
    def slope(self) -> Estimate:
        """The least-squares slope of the loss, per step."""
        count, steps, losses, steps2, products, losses2 = self.sums
        if count < 3:
            return Estimate(math.nan, -math.inf, math.inf)
        width = steps2 - steps**2 / count
        slope = (products - steps * losses / count) / width
        residual = max(losses2 - losses**2 / count - slope**2 * width, 0)
        margin = quantile(int(count) - 2) * math.sqrt(residual / (count - 2) / width)
        return Estimate(slope, slope - margin, slope + margin)
