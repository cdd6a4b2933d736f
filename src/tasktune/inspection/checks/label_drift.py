"""Whether a split's labels, or numbers, are spread as train's are.

Labels: Pearson's chi-squared test of both splits' counts, rare labels taken together. Numbers: the
two-sample Kolmogorov-Smirnov test. p-values are Holm's, over all comparisons of the run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tasktune.data import Split, Task
from tasktune.inspection.many_tests import holm
from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem, Severity

LEAST = 5.0  # expected count of a label, under which the test doesn't hold
CHANCE = 0.01  # of a false alarm in the whole run
SOME, MUCH = 0.05, 0.15  # distance: a share of examples that would have to change their label


def label_drift(material: Material) -> Finding:
    """The distance of each held-out split's labels from train's, and whether it is chance."""
    figures = [
        {"task": task.name, "split": name, **compare(task, split)}
        for task in material.tasks
        for name, split in task.splits.items()
        if name != "train" and task.kind in ("classification", "regression")
    ]
    for entry, corrected in zip(figures, holm([e["p"] for e in figures]), strict=True):
        entry["p_corrected"] = corrected
        entry["drifted"] = corrected < CHANCE and entry["distance"] >= SOME
    return Finding(figures, [problem(entry) for entry in figures if entry["drifted"]])


def compare(task: Task, split: Split) -> dict[str, Any]:
    """A split against its task's train."""
    if task.kind == "regression":
        test = stats.ks_2samp(task.train.values, split.values)
        return {"distance": float(test.statistic), "p": float(test.pvalue), "most": ""}
    size = len(task.labels)
    counts = np.stack([np.bincount(s.labels, minlength=size) for s in (task.train, split)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    change = shares[1] - shares[0]
    most = int(np.abs(change).argmax())
    return {
        "distance": float(np.abs(change).sum() / 2),
        "p": p_value(counts),
        "most": f"'{task.labels[most]}' {shares[0, most]:.1%} in train, {shares[1, most]:.1%} here",
    }


def p_value(counts: NDArray[np.int64]) -> float:
    """The chance of counts this different, ``[2, labels]``, if both splits were drawn alike."""
    counts = counts[:, counts.sum(axis=0) > 0]
    expected = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum()
    rare = expected < LEAST
    if rare.any():
        counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    if counts.shape[1] < 2:
        return 1.0
    return float(stats.chi2_contingency(counts, correction=False).pvalue)


def problem(entry: dict[str, Any]) -> Problem:
    """A drift, in words."""
    key = f"tasks.{entry['task']}"
    severity: Severity = "medium" if entry["distance"] >= MUCH else "low"
    what = "labels" if entry["most"] else "numbers"
    said = (
        f"{what} are spread otherwise than in train: distance {entry['distance']:.2f}, p ="
        f" {entry['p_corrected']:.1g}"
    ) + (f"; {entry['most']}" if entry["most"] else "")
    mend = f"{key}.metrics: [macro_f1]  # scores that do not depend on how frequent a label is"
    if entry["split"] == "validation":
        mend = f"{key}.validation: null  # a tenth of train is set aside instead"
    elif not entry["most"]:
        mend = f"{key}.train: {{path: [...]}}  # add rows with the numbers that are scarce"
    return Problem(
        severity, "label_drift", f"{key}.{entry['split']}", said, mend, entry["distance"]
    )
