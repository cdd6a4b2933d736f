"""Which tokens belong to which task: one plain object that every adapted layer reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Routing:
    """The routing of the batch under way.

    It stays as it is until the backward pass has ended: gradient checkpointing reads it again in
    the recomputation, and a routing that moved meanwhile would give silently wrong gradients.

    :param tasks: the tasks present, ascending, ``[K]``.
    :param offsets: ``[K + 1]`` where each begins, in tokens of a packed row or rows of a padded
        batch: a layer scales them by its own number of tokens per unit.
    :param dropouts: the rate at which each task's adapter loses inputs in training, ``[tasks]``.
    :param enabled: whether adapters apply; if not, the base model answers.
    :param views: while per-task gradients are taken, each shared parameter's leaf ``[S, ...]`` with
        one view a task of the step, by the parameter's ``id``.
    :param view_tasks: the step's tasks, to whom the ``S`` views belong.
    """

    tasks: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    dropouts: list[float] = field(default_factory=list)
    enabled: bool = True
    views: Mapping[int, Tensor] = field(default_factory=dict)
    view_tasks: tuple[int, ...] = ()

    def point(self, tasks: Sequence[int], offsets: Sequence[int]) -> None:
        """Routes the next forward pass."""
        self.tasks = tuple(tasks)
        self.offsets = tuple(offsets)

    @property
    def task_dropouts(self) -> list[float]:
        """The dropout of each task of this batch, ``[K]``."""
        return [self.dropouts[task] for task in self.tasks] if self.dropouts else []

    @property
    def view_rows(self) -> tuple[int, ...]:
        """Which of the ``S`` views the tasks of this batch take."""
        return tuple(self.view_tasks.index(task) for task in self.tasks)

    def token_offsets(self, tokens: int) -> tuple[int, ...]:
        """``[K + 1]`` flat token offsets for a layer whose input has ``tokens`` rows."""
        scale = tokens // self.offsets[-1]
        if scale == 1:
            return self.offsets
        return tuple(offset * scale for offset in self.offsets)
