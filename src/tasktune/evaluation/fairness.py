"""How evenly a run serves its tasks: each one's score in a unit that all tasks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tasktune.evaluation.metrics import Metric
from tasktune.evaluation.relative import change, divisor


@dataclass(frozen=True)
class Fairness:
    """All tasks' relative scores, by the primary metric of each.

    :param against: ``before``: each score's relative change against the base model's; ``chance``:
        its place between the best constant answer, 0, and the best score there is, 1.
    :param worst: the task that is worst off.
    :param spread: the standard deviation over tasks.
    :param ratio: the worst task's level over the best one's, where a level is the place, or one
        plus the change; None where the best one's is not above 0.
    :param left_out: tasks that have no such score.
    """

    against: Literal["before", "chance"]
    tasks: dict[str, float]
    worst: str
    spread: float
    ratio: float | None
    left_out: list[str]


def fairness(
    after: Mapping[str, Any], before: Mapping[str, Any] | None, primaries: Mapping[str, Metric]
) -> Fairness | None:
    """The tasks' scores against those before training, or against chance where there are none.

    :param after: the ``tasks`` of ``evaluation.json``.
    :param before: the ``tasks`` of ``evaluation_before.json``, scored on the same examples.
    :param primaries: each task's first metric.
    :returns: None where fewer than two tasks can be compared.
    """
    if before is None:
        found = {name: place(task, primaries[name]) for name, task in after.items()}
    else:
        found = {
            name: improvement(task, before[name], primaries[name]) for name, task in after.items()
        }
    tasks = {name: value for name, value in found.items() if value is not None}
    if len(tasks) < 2:
        return None
    values = np.array(list(tasks.values()))
    levels = values + (0 if before is None else 1)
    return Fairness(
        against="chance" if before is None else "before",
        tasks=tasks,
        worst=min(tasks, key=lambda name: tasks[name]),
        spread=float(values.std(ddof=1)),
        ratio=float(levels.min() / levels.max()) if levels.max() > 0 else None,
        left_out=[name for name in found if name not in tasks],
    )


def same_examples(after: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether two evaluations are of the same split, tasks, metrics and numbers of examples."""
    return after["split"] == before["split"] and all(
        name in before["tasks"] and alike(task, before["tasks"][name])
        for name, task in after["tasks"].items()
    )


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two scores of a task are of as many examples and by the same metric."""
    return all(one[key] == other[key] for key in ("examples", "primary"))


def improvement(after: Mapping[str, Any], before: Mapping[str, Any], metric: Metric) -> float:
    """The relative change of a task's primary score; above 0 where it is better."""
    reference = primary(before)
    scores = change(
        np.array([primary(after)]),
        np.array([reference]),
        metric.higher_is_better,
        divisor(reference, metric.top),
    )
    return float(scores[0])


def place(task: Mapping[str, Any], metric: Metric) -> float | None:
    """``(score - chance) / (top - chance)``; None where chance has no score or the best one."""
    chance = task["chance"]
    if chance is None or not metric.higher_is_better or chance >= metric.top:
        return None
    return float((primary(task) - chance) / (metric.top - chance))


def primary(task: Mapping[str, Any]) -> float:
    """A task's primary score."""
    return float(task["metrics"][task["primary"]]["value"])
