"""What penalties may know of the tasks before the first step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasktune.data import Task
from tasktune.model.layouts import Layout
from tasktune.objective.penalties import TaskFacts
from tasktune.training.domains import aligned_tasks


def task_facts(tasks: Sequence[Task], layout: Layout) -> list[TaskFacts]:
    """The facts of each task.

    :param layout: of the run's adapters.
    """
    aligned = aligned_tasks(tasks)
    return [
        TaskFacts(
            name=task.name,
            index=task.index,
            kind=task.kind,
            head=task.head,
            labels=task.labels,
            class_counts=class_counts(task),
            examples=len(task.train),
            aligned=task.name in aligned,
            layout=layout,
        )
        for task in tasks
    ]


def class_counts(task: Task) -> tuple[int, ...]:
    """Training examples of each class; empty for other kinds."""
    if not task.labels:
        return ()
    return tuple(np.bincount(task.train.labels, minlength=len(task.labels)).tolist())
