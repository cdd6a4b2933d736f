"""What it takes to predict a task, kept in the run's folder: its data may be gone by then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasktune.config import RunConfig
from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.evaluation.generation import new_tokens
from tasktune.report.run_files import read_json

OUTLINES = "tasks.json"


def outlines(tasks: Sequence[Task]) -> dict[str, Any]:
    """What ``tasks.json`` holds: all that the data has decided and prediction needs, by task."""
    return {
        task.name: {
            "labels": task.labels,
            "label_ids": task.label_ids,
            "value_range": task.value_range,
            "max_new_tokens": new_tokens(task) if task.kind == "generation" else None,
        }
        for task in tasks
    }


def read_outlines(folder: Path, config: RunConfig) -> list[Task] | None:
    """A run's tasks without their data; None where its folder does not describe them all.

    :raises UserError: if the file is damaged.
    """
    kept = read_json(folder / OUTLINES)
    if kept is None or set(kept) != set(config.tasks):
        return None
    try:
        return [outline(name, index, config, kept[name]) for index, name in enumerate(config.tasks)]
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{folder / OUTLINES}: damaged; delete it, and the data is read again instead"
        ) from None


def outline(name: str, index: int, config: RunConfig, kept: dict[str, Any]) -> Task:
    """One task without its data."""
    low, high = kept["value_range"]
    settled = {"max_new_tokens": kept["max_new_tokens"]}
    return Task(
        name=name,
        index=index,
        config=config.tasks[name].model_copy(update=settled),
        labels=tuple(kept["labels"]),
        label_ids=tuple(tuple(ids) for ids in kept["label_ids"]),
        value_range=(float(low), float(high)),
        splits={},
        notes=(),
    )
