"""What the checks look at: the run's tasks and their texts, each read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from tasktune.data import Task
from tasktune.inspection.similarity import Pair, near_pairs
from tasktune.inspection.texts import Texts, read_texts


class Material:
    """The tasks of a run, with what several checks need."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = list(tasks)
        self._read: dict[tuple[str, str], Texts] = {}

    def texts(self, task: Task, split: str) -> Texts:
        """The texts of a split."""
        key = task.name, split
        if key not in self._read:
            self._read[key] = read_texts(task, split)
        return self._read[key]

    def splits(self) -> Iterator[Texts]:
        """Every split of every task."""
        for task in self.tasks:
            for name in task.splits:
                yield self.texts(task, name)

    @cached_property
    def near_pairs(self) -> list[Pair]:
        """Examples that say nearly the same, within and across splits and tasks."""
        return near_pairs(list(self.splits()))
