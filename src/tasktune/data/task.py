"""A task, ready to train on."""

from __future__ import annotations

from dataclasses import dataclass

from tasktune.config import Kind, TaskConfig
from tasktune.data.split import Split
from tasktune.errors import UserError


@dataclass(frozen=True)
class Task:
    """One task with its data.

    :param index: its place among the run's tasks.
    :param labels: the classes in order; empty for other kinds.
    :param label_ids: the tokens that each label is written with, without the end-of-text token.
    :param value_range: what a regression's head predicts 0 and 1 for.
    :param splits: by name; ``train`` and ``validation`` are always there.
    :param notes: what the user should know of the data.
    :param unlabelled: prompts of the target domain that have no target, where there are some.
    """

    name: str
    index: int
    config: TaskConfig
    labels: tuple[str, ...]
    label_ids: tuple[tuple[int, ...], ...]
    value_range: tuple[float, float]
    splits: dict[str, Split]
    notes: tuple[str, ...]
    unlabelled: Split | None = None

    @property
    def kind(self) -> Kind:
        """What is predicted."""
        return self.config.kind

    @property
    def head(self) -> bool:
        """Whether a head predicts it, instead of tokens."""
        return self.config.head

    @property
    def train(self) -> Split:
        """The examples to train on."""
        return self.splits["train"]

    def split(self, name: str) -> Split:
        """The split called ``name``.

        :raises UserError: if the task has none of that name.
        """
        if name not in self.splits:
            known = ", ".join(self.splits)
            raise UserError(f"tasks.{self.name} has no {name} split (it has {known})")
        return self.splits[name]
