"""Parts of a task's examples, each with its own scores: its domains, its groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasktune.evaluation.bootstrap import Score
from tasktune.evaluation.metrics import Metric

LEAST = 10  # examples of a group that is scored: fewer say nothing
MOST = 50  # groups of a task that are scored
RESAMPLES = 200  # for a group's interval at most: 50 groups take as long as ten domains


@dataclass(frozen=True)
class PartResult:
    """The scores of one domain, or one group, of a task."""

    examples: int
    metrics: dict[str, Score]


def rows_by_name(names: Sequence[str]) -> dict[str, list[int]]:
    """Which rows are of each name; nothing where there is only one."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        rows[name].append(row)
    return {name: rows[name] for name in sorted(rows)} if len(rows) > 1 else {}


def largest(parts: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """The 50 largest parts at most, of ten rows at least, the largest first."""
    big = {name: rows for name, rows in parts.items() if len(rows) >= LEAST}
    ordered = sorted(big, key=lambda name: (-len(big[name]), name))
    return {name: big[name] for name in ordered[:MOST]}


def from_worst(parts: Mapping[str, PartResult], metric: Metric) -> dict[str, PartResult]:
    """The parts, the worst by the first name of its metrics first.

    :param metric: the one that the name is of.
    """
    values = {name: next(iter(part.metrics.values())).value for name, part in parts.items()}
    ordered = sorted(values, key=lambda name: values[name], reverse=not metric.higher_is_better)
    return {name: parts[name] for name in ordered}
