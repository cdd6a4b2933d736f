"""Which tasks to train together: the partition with the largest mean gain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

EXACT_UP_TO = 12
Group = tuple[int, ...]


def gains(affinity: NDArray[np.float64], group: Sequence[int]) -> NDArray[np.float64]:
    """What each task of a group is predicted to gain: the mean of what its mates do for it.

    :param affinity: ``[K, K]``, of the row's task for the column's; its diagonal does not count.
    :returns: ``[len(group)]``; 0 for a task that is alone.
    """
    if len(group) < 2:
        return np.zeros(len(group))
    part = affinity[np.ix_(group, group)]
    return np.asarray((part.sum(axis=0) - part.diagonal()) / (len(group) - 1))


def mean_gain(affinity: NDArray[np.float64], groups: Sequence[Sequence[int]]) -> float:
    """The mean over all tasks of what they are predicted to gain."""
    return float(sum(gains(affinity, group).sum() for group in groups) / len(affinity))


def best_groups(affinity: NDArray[np.float64], most: int) -> list[Group]:
    """The partition into at most ``most`` groups that has the largest mean gain.

    All partitions are weighed for up to 12 tasks, by dynamic programming over subsets; beyond, it
    is the best found from a hierarchical clustering and from all tasks in one group by moving tasks
    one at a time, as far as that gains something. Such a grouping is the one of Fifty et al. 2021,
    arXiv 2109.04617, which lets a task serve in several groups; here it is trained in one.

    :param affinity: ``[K, K]``, finite.
    :returns: ascending tasks, groups by their first task.
    """
    found = exact(affinity, most) if len(affinity) <= EXACT_UP_TO else greedy(affinity, most)
    return sorted(tuple(sorted(group)) for group in found if group)


def exact(affinity: NDArray[np.float64], most: int) -> list[Group]:
    """The best of all partitions: the best of every subset into ever more groups, ``O(G 3^K)``."""
    count = len(affinity)
    every = 1 << count
    members = [tuple(k for k in range(count) if mask >> k & 1) for mask in range(every)]
    worth = [float(gains(affinity, members[mask]).sum()) for mask in range(every)]
    best, chosen = list(worth), [list(range(every))]
    for _ in range(most - 1):
        better, split = list(best), list(chosen[-1])
        for mask in range(1, every):
            lowest = mask & -mask
            rest = mask ^ lowest
            part = rest
            while part:  # the group of the lowest task is what is not in ``part``
                total = worth[mask ^ part] + best[part]
                if total > better[mask] + 1e-12:
                    better[mask], split[mask] = total, mask ^ part
                part = (part - 1) & rest
        best = better
        chosen.append(split)
    groups = []
    left = every - 1
    for split in reversed(chosen):
        if not left:
            break
        groups.append(members[split[left]])
        left ^= split[left]
    return groups


def greedy(affinity: NDArray[np.float64], most: int) -> list[Group]:
    """The best found by moving single tasks from several starts."""
    return max(
        (moved(affinity, start, most) for start in starts(affinity, most)),
        key=lambda groups: mean_gain(affinity, groups),
    )


def starts(affinity: NDArray[np.float64], most: int) -> list[list[Group]]:
    """All in one; each alone, where that is allowed; and every cut of a clustering."""
    count = len(affinity)
    found: list[list[Group]] = [[tuple(range(count))]]
    if most >= count:
        found.append([(k,) for k in range(count)])
    likeness = (affinity + affinity.T) / 2
    distance = likeness.max() - likeness
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="average")
    for number in range(2, most + 1):
        labels = fcluster(tree, number, criterion="maxclust")
        found.append([tuple(np.flatnonzero(labels == label)) for label in np.unique(labels)])
    return found


def moved(affinity: NDArray[np.float64], start: Sequence[Group], most: int) -> list[Group]:
    """Moves one task at a time to where the mean gain grows most, until it grows no more."""
    groups = [set(group) for group in start]
    groups += [set() for _ in range(most - len(groups))]
    while True:
        best, move = 1e-12, None
        for k in range(len(affinity)):
            home = next(group for group in groups if k in group)
            for other in groups:
                if other is not home:
                    change = gain_of(affinity, home - {k}, other | {k})
                    change -= gain_of(affinity, home, other)
                    if change > best:
                        best, move = change, (k, home, other)
        if move is None:
            return [tuple(sorted(group)) for group in groups if group]
        task, home, other = move
        home.remove(task)
        other.add(task)


def gain_of(affinity: NDArray[np.float64], *groups: set[int]) -> float:
    """The summed gain of groups."""
    return float(sum(gains(affinity, sorted(group)).sum() for group in groups))
