"""Affinities from a run's log: cosines of gradients, and looks ahead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasktune.affinity.measure import Affinity, By, batch_means
from tasktune.errors import UserError
from tasktune.training.journal import read_journal

ENTRY: dict[By, tuple[str, str]] = {
    "cosine": ("conflict", "cosines"),
    "lookahead": ("lookahead", "gains"),
}
WAY_OUT: dict[By, str] = {
    "cosine": "train with training.watch_conflict=true and a layout that has shared parameters",
    "lookahead": "train with training.look_ahead_every=10",
}


def from_log(folder: Path, tasks: Sequence[str], by: By) -> Affinity:
    """The mean over a run of what its log says of each pair of tasks.

    :raises UserError: if the log says nothing of it.
    """
    entry, key = ENTRY[by]
    lines = [line[entry] for line in read_journal(folder / "metrics.jsonl") if entry in line]
    series = pair_series(lines, key, tasks)
    if not series:
        raise UserError(
            f"{folder / 'metrics.jsonl'} holds no '{entry}' of two tasks; {WAY_OUT[by]}, or name"
            " the run's YAML file, which is then trained for it"
        )
    count = len(tasks)
    value, low, high = (np.full((count, count), np.nan) for _ in range(3))
    observations = np.zeros((count, count), dtype=np.int64)
    for pair, values in series.items():
        found = batch_means(np.array(values, dtype=np.float64))
        value[pair], low[pair], high[pair] = found.value, found.low, found.high
        observations[pair] = len(values)
    return Affinity(by, tuple(tasks), value, low, high, observations)


def pair_series(
    lines: Sequence[dict[str, Any]], key: str, tasks: Sequence[str]
) -> dict[tuple[int, int], list[float]]:
    """What the log says of each ordered pair, step after step."""
    place = {task: index for index, task in enumerate(tasks)}
    series: dict[tuple[int, int], list[float]] = {}
    for line in lines:
        known = [(k, place[task]) for k, task in enumerate(line["tasks"]) if task in place]
        for i, row in known:
            for j, column in known:
                found = line[key][i][j]
                if i != j and found is not None and np.isfinite(found):
                    series.setdefault((row, column), []).append(float(found))
    return series
