"""Admission: the two curricula of a run, from its YAML to what the sampler needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.config import CurriculumConfig, RunConfig
from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.sampling.curricula import Curriculum, curricula
from tasktune.sampling.difficulties import difficulties
from tasktune.sampling.difficulties.loss import ExampleLosses
from tasktune.sampling.order import easiest_first
from tasktune.sampling.task_curricula import TaskCurriculum, task_curricula
from tasktune.sampling.task_curricula.base import check_names


@dataclass(frozen=True)
class Admission:
    """Which examples of which tasks the sampler may draw.

    :param examples: the share of each task's examples.
    :param tasks: the tasks and their rates.
    :param orders: each task's examples, easiest first, ``[n]``; ``None`` for a task whose examples
        are all admitted from the start.
    :param difficulty: each task's mean difficulty, ``[K]``, where it was measured.
    """

    examples: Curriculum
    tasks: TaskCurriculum
    orders: Sequence[NDArray[np.int64] | None]
    difficulty: NDArray[np.float64] | None = None


class RunCurriculum:
    """What ``curriculum:`` names, checked before any data is read.

    :raises UserError: for an unknown method, option or task.
    """

    def __init__(self, config: RunConfig) -> None:
        self.section = config.curriculum
        self.seed = config.seed
        self.folder = config.folder
        names = tuple(config.tasks)
        check_difficulty(self.section, names)
        self.examples = curricula.build(
            self.section.pacing,
            self.section.options,
            "curriculum",
            beside=self.section.own_keys,
        )
        self.tasks = task_curricula.build(
            self.section.tasks.method,
            self.section.tasks.options,
            "curriculum.tasks",
            {"names": names},
            self.section.tasks.own_keys,
        )

    @property
    def measures(self) -> bool:
        """Whether any example's difficulty is asked for."""
        return self.section.pacing != "none" or self.tasks.needs_difficulty

    @property
    def needs_losses(self) -> bool:
        """Whether that difficulty is the base model's loss."""
        return self.measures and self.section.difficulty == "loss"

    def check(self, steps: int) -> list[str]:
        """What the user should know before a run of ``steps`` steps."""
        notes = [self.examples.check(steps), self.tasks.check(steps)]
        return [note for note in notes if note]

    def admission(
        self,
        tasks: Sequence[Task],
        *,
        losses: ExampleLosses | None = None,
        base: str = "",
        cache: Path | None = None,
    ) -> tuple[Admission, list[str]]:
        """Measures what is asked for.

        :param losses: the base model's loss of each training example; needed if ``needs_losses``.
        :param base: the base model's fingerprint.
        :param cache: where such losses are kept; needed if ``needs_losses``.
        :returns: what the sampler needs, and what the user should know.
        :raises UserError: if the data lacks what the difficulty is read from.
        """
        if not self.measures:
            return Admission(self.examples, self.tasks, [None] * len(tasks)), []
        context: dict[str, Any] = {"column": self.section.column, "folder": self.folder}
        if self.needs_losses:
            context |= {"losses": losses, "base": base, "cache": cache}
        measure = difficulties.build(self.section.difficulty, {}, "curriculum", context).measure
        measured = [measure(task) for task in tasks]
        means = np.array([np.nan if found is None else found.mean() for found in measured])
        orders: list[NDArray[np.int64] | None] = [None] * len(tasks)
        if self.section.pacing == "none":
            return Admission(self.examples, self.tasks, orders, means), []
        notes = []
        for k, found in enumerate(measured):
            if found is None:
                notes.append(
                    f"curriculum: tasks.{tasks[k].name} has no difficulty of kind"
                    f" {self.section.difficulty}; all its examples are admitted from the start"
                )
                continue
            orders[k] = easiest_first(found, (self.seed, k), self.section.hard_first)
            note = check_first(tasks[k].name, len(found), self.examples.share(0))
            if note:
                notes.append(note)
        return Admission(self.examples, self.tasks, orders, means), notes


FEWEST = 16


def check_first(name: str, size: int, share: float) -> str | None:
    """A note where a task begins with so few examples that it can only learn them by heart."""
    admitted = int(np.ceil(share * size))
    if admitted >= min(FEWEST, size):
        return None
    return (
        f"curriculum: tasks.{name} begins with {admitted} of its {size:,} examples; a larger first"
        " share (initial or shares) keeps it from learning them by heart"
    )


def check_difficulty(section: CurriculumConfig, names: tuple[str, ...]) -> None:
    """Refuses a difficulty that can't be measured.

    :raises UserError: for an unknown one, or a column that is missing, unused or of no task.
    """
    difficulties.get(section.difficulty, "curriculum.difficulty")
    if (section.difficulty == "column") != (section.column is not None):
        raise UserError(
            f"curriculum.column: difficulty is {section.difficulty} and column is"
            f" {section.column or 'not set'}; set both difficulty: column and column, or neither"
        )
    if isinstance(section.column, dict):
        check_names(section.column, names, "curriculum.column")
