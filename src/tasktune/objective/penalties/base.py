"""What a penalty is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from tasktune.batching.batch import Batch
from tasktune.config import Kind
from tasktune.model.layouts import Layout
from tasktune.model.task_model import Outputs, TaskModel
from tasktune.registry import Registry


@dataclass(frozen=True)
class TaskFacts:
    """What is known of a task before the first step, to say whether a penalty can apply to it.

    :param index: its place among the run's tasks.
    :param labels: the classes; empty for other kinds.
    :param class_counts: training examples of each class.
    :param examples: all training examples.
    :param aligned: whether its batches hold features of two domains.
    :param layout: of the run's adapters.
    """

    name: str
    index: int
    kind: Kind
    head: bool
    labels: tuple[str, ...]
    class_counts: tuple[int, ...]
    examples: int
    aligned: bool
    layout: Layout

    @property
    def predicts_classes(self) -> bool:
        """Whether its loss is a cross-entropy, over tokens or over a head's classes."""
        return self.kind != "regression"


@dataclass(frozen=True)
class PenaltyInput:
    """What a penalty of one task may look at, in one batch.

    :param base_logits: the base model's logits of the task's own targets, ``[N_k, V]``, where some
        penalty of the task reads them.
    :param progress: how much of the run is behind, 0 to 1.
    """

    model: TaskModel
    task: int
    batch: Batch
    outputs: Outputs
    base_logits: Tensor | None
    progress: float


class Penalty(nn.Module, ABC):
    """An extra loss term of a task; its parameters, if it has some, train beside the model."""

    paper: ClassVar[str]
    cost: ClassVar[str] = "nothing"
    """What it takes in a step, in words."""
    reads_base: ClassVar[bool] = False
    """Whether it needs the base model's logits: one more pass over the task's examples."""
    reads_twice: ClassVar[bool] = False
    """Whether each example of the task is in the batch twice, under different dropout."""
    largest_weight: ClassVar[float] = float("inf")

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        """Why it can't apply to a task."""
        del task
        return None

    @abstractmethod
    def forward(self, seen: PenaltyInput) -> Tensor:
        """The term, before its weight: a number."""


class Noise(ABC):
    """Disturbs a task's forward pass in training; its weight is how much."""

    paper: ClassVar[str]
    cost: ClassVar[str] = "nothing"
    largest_weight: ClassVar[float] = float("inf")

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        """Why it can't apply to a task."""
        del task
        return None

    @abstractmethod
    def apply(self, model: TaskModel, task: int, weight: float) -> None:
        """Sets the model's next forward passes."""


penalties: Registry[Penalty | Noise] = Registry("penalty", "tasktune.objective.penalties")
