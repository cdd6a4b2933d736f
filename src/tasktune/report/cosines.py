"""What the log says of each pair of tasks' gradients, summed up over its lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasktune.report.series import Series, series, thin

Pair = tuple[str, str]


@dataclass(frozen=True)
class PairCosine:
    """A pair's cosine over the logged steps that both tasks were in.

    :param variance: of one step's cosine, around the mean; 0 where there is one step.
    """

    mean: float
    variance: float
    steps: int


def pair_cosines(lines: list[dict[str, Any]]) -> dict[Pair, PairCosine]:
    """Every pair that was ever in a step together, in one of its two orders.

    Summed as matrices: of 200 tasks a line has 20,000 pairs.
    """
    names = list(dict.fromkeys(name for line in lines for name in line["conflict"]["tasks"]))
    place = {name: index for index, name in enumerate(names)}
    sums, squares, counts = (np.zeros((len(names), len(names))) for _ in range(3))
    for line in lines:
        where = np.ix_(*[[place[name] for name in line["conflict"]["tasks"]]] * 2)
        cosines = np.array(line["conflict"]["cosines"], dtype=np.float64)
        counts[where] += np.isfinite(cosines)
        cosines[~np.isfinite(cosines)] = 0.0
        sums[where] += cosines
        squares[where] += cosines**2
    counted = np.maximum(counts, 1)
    means = sums / counted
    variances = np.maximum(squares - counted * means**2, 0) / np.maximum(counts - 1, 1)
    return {
        (names[i], names[j]): PairCosine(means[i, j], variances[i, j], int(counts[i, j]))
        for i, j in np.argwhere(np.triu(counts, 1) > 0).tolist()
    }


def pair_series(lines: list[dict[str, Any]], first: str, second: str) -> Series:
    """One pair's cosine over the logged steps that both tasks were in, thin enough to draw."""
    seen = [(line["step"], line["conflict"]) for line in lines]
    return thin(
        series(
            (step, found["cosines"][found["tasks"].index(first)][found["tasks"].index(second)])
            for step, found in seen
            if first in found["tasks"] and second in found["tasks"]
        )
    )
