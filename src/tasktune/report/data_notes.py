"""What was read, what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasktune.report.format import short_count
from tasktune.report.run_files import RunFiles

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class SplitCell:
    """One split of one task: its examples, and what was cut or dropped."""

    examples: int
    tokens: str
    truncated: int
    dropped: int


@dataclass(frozen=True)
class DataRow:
    """One task's data.

    :param cells: one for each of ``SPLITS``; None where the task has no such split.
    :param remarks: notes and dropped rows with their reasons, a line each.
    """

    task: str
    cells: list[SplitCell | None]
    remarks: list[str]


def data_rows(run: RunFiles) -> list[DataRow]:
    """A row a task, from ``data.json``; empty where that is not written yet."""
    tasks = run.data.get("tasks", run.data)
    return [data_row(name, tasks[name]) for name in run.tasks if isinstance(tasks.get(name), dict)]


def data_row(name: str, entry: Mapping[str, Any]) -> DataRow:
    """One task's row."""
    splits = entry.get("splits", {})
    remarks = [str(note) for note in entry.get("notes", [])]
    for split in SPLITS:
        remarks += dropped_lines(split, splits.get(split, {}).get("dropped"))
    return DataRow(name, [split_cell(splits.get(split)) for split in SPLITS], remarks)


def split_cell(split: Mapping[str, Any] | None) -> SplitCell | None:
    """One split's counts."""
    if not split:
        return None
    return SplitCell(
        examples=int(split.get("examples") or 0),
        tokens=short_count(split.get("tokens") or 0),
        truncated=int(split.get("truncated") or 0),
        dropped=dropped_count(split.get("dropped")),
    )


def dropped_count(dropped: Any) -> int:
    """How many rows were dropped."""
    if isinstance(dropped, Mapping):
        return int(dropped.get("count") or 0)
    return len(dropped) if isinstance(dropped, list) else int(dropped or 0)


def dropped_lines(split: str, dropped: Any) -> list[str]:
    """The dropped rows that ``data.json`` lists, each with its reason."""
    listed = dropped.get("first", []) if isinstance(dropped, Mapping) else dropped
    if not isinstance(listed, list):
        return []
    return [f"{split}: dropped {' · '.join(str(part) for part in row)}" for row in listed]
