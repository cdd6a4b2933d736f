"""How evenly a task's labels, or its numbers, are spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasktune.data import Split, Task
from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem, Severity

UNEVEN = 10.0  # the largest class against the smallest
FEW = 5  # examples of a class


def labels(material: Material) -> Finding:
    """Counts of each label, or quartiles of a regression's numbers."""
    figures: dict[str, dict[str, Any]] = {}
    problems = []
    for task in material.tasks:
        if task.kind not in ("classification", "regression"):
            continue
        measure = counts if task.kind == "classification" else spread
        figures[task.name] = {name: measure(task, split) for name, split in task.splits.items()}
        if task.kind == "classification":
            problems += imbalance(task, figures[task.name]["train"])
    return Finding(figures, problems)


def counts(task: Task, split: Split) -> dict[str, Any]:
    """A classification's labels, the most frequent first."""
    found = np.bincount(split.labels, minlength=len(task.labels))
    order = np.argsort(-found, kind="stable")
    smallest = int(found.min())
    return {
        "counts": {task.labels[i]: int(found[i]) for i in order},
        "ratio": float(found.max() / smallest) if smallest else None,
    }


def spread(task: Task, split: Split) -> dict[str, Any]:
    """A regression's numbers."""
    quartiles = np.quantile(split.values, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return dict(zip(("least", "p25", "median", "p75", "most"), quartiles, strict=True))


def imbalance(task: Task, train: dict[str, Any]) -> list[Problem]:
    """What is wrong with the labels of a training set."""
    key = f"tasks.{task.name}"
    found = list(train["counts"].items())
    (most, many), (least, few) = found[0], found[-1]
    absent = [label for label, count in found if count == 0]
    if absent:
        words = ", ".join(f"'{label}'" for label in absent[:5])
        said = f"{len(absent)} of {len(found)} labels never occur in train: {words}"
        mend = f"{key}.labels: # without {words}, or with the data's own spelling"
        return [Problem("high", "labels", f"{key}.train", said, mend, len(absent) / len(found))]
    problems = []
    if many >= UNEVEN * few:
        said = f"labels are uneven: {many:,} '{most}' against {few:,} '{least}'"
        severity: Severity = "medium"
        if {"macro_f1", "matthews"} & set(task.config.metrics):
            severity = "low"
            mend = f"{key}.metrics: {metrics(task)}  # as it is: it counts every label alike"
        else:
            mend = f"{key}.metrics: {metrics(task)}  # accuracy hides the small labels"
        problems.append(Problem(severity, "labels", f"{key}.train", said, mend))
    scarce = [label for label, count in found if count < FEW]
    if scarce:
        words = ", ".join(f"'{label}'" for label in scarce[:5])
        said = f"{len(scarce)} labels have fewer than {FEW} training examples: {words}"
        mend = f"{key}.labels:  # give them the word of a neighbouring label"
        problems.append(
            Problem("medium", "labels", f"{key}.train", said, mend, len(scarce) / len(found))
        )
    return problems


def metrics(task: Task) -> str:
    """The task's metrics, with one that counts every label alike."""
    return f"[{', '.join(dict.fromkeys([*task.config.metrics, 'macro_f1']))}]"
