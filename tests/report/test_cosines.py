"""A pair's mean and variance are those of its own series, whichever steps it was in."""

from __future__ import annotations

import random
import statistics
from itertools import combinations
from typing import Any

import pytest

from tasktune.report.cosines import pair_cosines, pair_series


def logged(step: int, chance: random.Random) -> dict[str, Any]:
    """A line of some of eight tasks; a cosine in ten is no number."""
    names = [f"task{k}" for k in range(8) if chance.random() < 0.6]
    cosines: list[list[float | None]] = [[1.0] * len(names) for _ in names]
    for i, j in combinations(range(len(names)), 2):
        value = None if chance.random() < 0.1 else round(chance.uniform(-1, 1), 4)
        cosines[i][j] = cosines[j][i] = value
    return {"step": step, "conflict": {"tasks": names, "cosines": cosines}}


@pytest.mark.parametrize("seed", range(5))
def test_sums_are_those_of_each_pairs_own_series(seed: int) -> None:
    chance = random.Random(seed)
    lines = [logged(step, chance) for step in range(12)]
    found = pair_cosines(lines)
    for first, second in combinations([f"task{k}" for k in range(8)], 2):
        values = pair_series(lines, first, second).values
        if not values:
            assert (first, second) not in found and (second, first) not in found
            continue
        cosine = found.get((first, second)) or found[second, first]
        assert cosine.steps == len(values)
        assert cosine.mean == pytest.approx(statistics.mean(values))
        if len(values) > 1:
            assert cosine.variance == pytest.approx(statistics.variance(values), abs=1e-12)
