"""How long prompts and targets are in tokens, and how many are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.data import Split, Task
from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem

QUANTILES = {"p5": 0.05, "median": 0.5, "p95": 0.95, "p99": 0.99, "longest": 1.0}
SOME = 0.01  # of a split's examples


def lengths(material: Material) -> Finding:
    """Quantiles of each split's prompts and targets, and the share that lost something."""
    figures = {
        task.name: {name: measure(task, split) for name, split in task.splits.items()}
        for task in material.tasks
    }
    problems = []
    for task in material.tasks:
        for part in ("prompt", "target"):
            shares = {
                n: figures[task.name][n][f"{part}s_cut"] / len(s) for n, s in task.splits.items()
            }
            worst = max(shares, key=lambda name: shares[name])
            if shares[worst] >= SOME:
                problems.append(cut(task, worst, part, shares[worst]))
    return Finding(figures, problems)


def measure(task: Task, split: Split) -> dict[str, Any]:
    """One split's lengths."""
    prompt, whole = split.prompt_lengths, split.lengths
    target = whole - prompt
    cut, limit = split.cut, task.config.max_target_tokens
    targets_cut = cut & (target >= limit)
    return {
        "prompt": quantiles(prompt),
        "target": quantiles(target),
        "prompts_cut": int((cut & ~targets_cut).sum()),
        "targets_cut": int(targets_cut.sum()),
        "cut_share": split.truncated / len(split),
    }


def quantiles(values: NDArray[np.int64]) -> dict[str, int]:
    """Some quantiles, of the values that there are."""
    found = np.quantile(values, list(QUANTILES.values()), method="inverted_cdf")
    return dict(zip(QUANTILES, found.astype(int).tolist(), strict=True))


def cut(task: Task, split: str, part: str, share: float) -> Problem:
    """The problem of a split that loses much."""
    config, key = task.config, f"tasks.{task.name}"
    limit = getattr(config, f"max_{part}_tokens")
    mend = f"{key}.max_{part}_tokens: {2 * limit}"
    said = f"{share:.1%} of {part}s are longer than {limit} tokens and lose their "
    if part == "target":
        return Problem("medium", "lengths", f"{key}.{split}", said + "end", mend, share)
    if config.truncate is not None:
        said += f"{config.truncate}'s end"
        return Problem("low", "lengths", f"{key}.{split}", said, mend, share)
    said += "start; name a column that gives way, or raise the limit"
    return Problem("medium", "lengths", f"{key}.{split}", said, mend, share)
