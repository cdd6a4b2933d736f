"""Groups against every partition, written another way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tasktune.affinity.groups import best_groups, exact, gains, greedy, mean_gain


def partitions(items: list[int]) -> Iterator[list[list[int]]]:
    """All of them, by putting the first item into each block of a partition of the others."""
    if not items:
        yield []
        return
    first, *others = items
    for found in partitions(others):
        yield [[first], *found]
        for place in range(len(found)):
            yield [*found[:place], [first, *found[place]], *found[place + 1 :]]


def worth(affinity: np.ndarray, groups: list[list[int]]) -> float:
    """The mean over tasks of the mean of what their mates do for them, task by task."""
    total = 0.0
    for group in groups:
        for task in group:
            mates = [mate for mate in group if mate != task]
            total += sum(affinity[mate, task] for mate in mates) / len(mates) if mates else 0.0
    return total / len(affinity)


def random_affinity(count: int, seed: int, symmetric: bool = False) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, count))
    return (values + values.T) / 2 if symmetric else values


@pytest.mark.parametrize("count", [2, 3, 5, 7])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("symmetric", [True, False])
def test_exact_is_the_best_of_all_partitions(count: int, seed: int, symmetric: bool) -> None:
    affinity = random_affinity(count, seed, symmetric)
    for most in range(1, count + 1):
        allowed = [p for p in partitions(list(range(count))) if len(p) <= most]
        found = best_groups(affinity, most)
        assert len(found) <= most
        assert sorted(task for group in found for task in group) == list(range(count))
        best = max(worth(affinity, p) for p in allowed)
        assert worth(affinity, [list(g) for g in found]) == pytest.approx(best)
        assert mean_gain(affinity, found) == pytest.approx(best)


@pytest.mark.parametrize("count", [4, 13, 20])
@pytest.mark.parametrize("seed", range(3))
def test_greedy_is_never_worse_than_all_in_one_or_all_alone(count: int, seed: int) -> None:
    affinity = random_affinity(count, seed) - 0.5 * (seed % 3)
    for most in (1, 3, count):
        found = greedy(affinity, most)
        assert len(found) <= most
        assert sorted(task for group in found for task in group) == list(range(count))
        value = worth(affinity, [list(g) for g in found])
        assert value >= worth(affinity, [list(range(count))]) - 1e-12
        if most == count:
            assert value >= -1e-12


def test_greedy_is_near_the_best() -> None:
    shares = []
    for seed in range(20):
        affinity = random_affinity(8, seed)
        found, best = (mean_gain(affinity, f(affinity, 3)) for f in (greedy, exact))
        assert found <= best + 1e-12
        shares.append(found / best)
    assert np.mean(shares) > 0.9


def test_blocks_are_found_by_either() -> None:
    blocks = [(0, 5, 9), (1, 2, 3, 13), (4, 6, 7, 8), (10, 11, 12)]
    affinity = np.full((14, 14), -0.3)
    for block in blocks:
        affinity[np.ix_(block, block)] = 0.4
    assert best_groups(affinity, 4) == blocks
    small = affinity[:10, :10]
    assert best_groups(small, 3) == [(0, 5, 9), (1, 2, 3), (4, 6, 7, 8)]


def test_a_task_alone_gains_nothing() -> None:
    affinity = np.full((3, 3), 0.5)
    assert gains(affinity, [1]).tolist() == [0.0]
    assert gains(affinity, [0, 2]).tolist() == [0.5, 0.5]
