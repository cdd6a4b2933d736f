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
    :param notes: what the run said about the data.
    :param dropped: the dropped rows that ``data.json`` names, each with its reason.
    """

    task: str
    cells: list[SplitCell | None]
    notes: list[str]
    dropped: list[str]


def data_rows(run: RunFiles) -> list[DataRow]:
    """A row a task, from ``data.json``; empty where that is not written yet."""
    return [data_row(name, run.data[name]) for name in run.tasks if name in run.data]


def data_row(name: str, entry: Mapping[str, Any]) -> DataRow:
    """One task's row."""
    splits = entry["splits"]
    dropped = [
        f"{split}: {row['place']}: {row['reason']}"
        for split in SPLITS
        for row in splits.get(split, {}).get("dropped_rows", [])
    ]
    cells = [split_cell(splits.get(split)) for split in SPLITS]
    return DataRow(name, cells, list(entry["notes"]), dropped)


def split_cell(split: Mapping[str, Any] | None) -> SplitCell | None:
    """One split's counts."""
    if split is None:
        return None
    return SplitCell(
        examples=int(split["examples"]),
        tokens=short_count(split["tokens"]),
        truncated=int(split["truncated"]),
        dropped=int(split["dropped"]),
    )
