"""The models that a server has: each task, and the base without adapters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from tasktune.data.questions import Questions
from tasktune.data.task import Task
from tasktune.errors import nearest
from tasktune.evaluation.generation import new_tokens
from tasktune.serving.errors import ApiError

BASE = "base"


@dataclass(frozen=True)
class Served:
    """One of the models.

    :param adapter: its task's index; of the base, the number of tasks.
    :param task: None for the base.
    """

    name: str
    adapter: int
    task: Task | None
    tokenizer: PreTrainedTokenizerBase
    folder: Path

    @cached_property
    def questions(self) -> Questions:
        """What makes a task's rows into prompts."""
        assert self.task is not None
        return Questions(self.task, self.tokenizer, self.folder)

    @cached_property
    def columns(self) -> list[str]:
        """The columns that a task's first prompt names."""
        if self.task is None or self.task.kind == "language_modeling":
            return []
        return list(dict.fromkeys(self.questions.renderer.prompts[0].columns))

    @property
    def writes(self) -> bool:
        """Whether it can be asked for text."""
        return self.task is None or not self.task.head

    @property
    def classifies(self) -> bool:
        """Whether it can be asked for a label or a number."""
        return self.task is not None and self.task.kind in ("classification", "regression")

    @property
    def usual_room(self) -> int | None:
        """How many tokens an answer gets where a request does not say; None if all there is."""
        if self.task is None or self.task.kind == "language_modeling":
            return None
        if self.task.kind == "classification":
            return max((len(ids) for ids in self.task.label_ids), default=0) + 1
        return new_tokens(self.task)

    @property
    def stops(self) -> list[str]:
        """Strings that end its answers where a request names none."""
        return [] if self.task is None else list(self.task.config.stop)

    def describe(self) -> dict[str, Any]:
        """What a client may want to know, beyond OpenAI's fields."""
        if self.task is None:
            return {"kind": BASE}
        content: dict[str, Any] = {"kind": self.task.kind, "head": self.task.head}
        content["columns"] = self.columns
        if self.task.kind == "classification":
            content["labels"] = list(self.task.labels)
        if self.task.kind == "regression":
            content["range"] = list(self.task.value_range)
        return content


class Catalogue:
    """All models of a server, by name.

    :param writes: whether the base can write text.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        tokenizer: PreTrainedTokenizerBase,
        folder: Path,
        *,
        writes: bool,
    ) -> None:
        self.models = {
            task.name: Served(task.name, task.index, task, tokenizer, folder) for task in tasks
        }
        if writes:
            self.models[BASE] = Served(BASE, len(tasks), None, tokenizer, folder)

    def find(self, name: str) -> Served:
        """The model called ``name``.

        :raises ApiError: 404 if there is none.
        """
        if name not in self.models:
            shown = name if len(name) <= 100 else f"{name[:100]}..."
            message = f"unknown model '{shown}'; {nearest(name[:100], self.models)}"
            raise ApiError(404, message, param="model", code="model_not_found")
        return self.models[name]

    def template(self, model: Served, name: str | None) -> Served:
        """Whose template renders a row: the model's own, unless another is named.

        :raises ApiError: if there is none.
        """
        chosen = model if name is None else self.find(name)
        if chosen.task is None:
            message = "base has no template of its own; name a task in 'template'"
            raise ApiError(400, message, param="template")
        return chosen
