"""Rows to be predicted, as prompts: whether or not they have a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasktune.data.cleaning import Pipeline
from tasktune.data.encode import Encoder, Tokenizer
from tasktune.data.render import Renderer
from tasktune.data.sources import Row
from tasktune.data.task import Task
from tasktune.data.templates import BadRow


@dataclass(frozen=True)
class Question:
    """A row that is to be predicted.

    :param row: as it was given.
    :param prompt: rendered, before it was cut.
    :param input_ids: the prompt's tokens, cut to their limit.
    """

    row: Row
    prompt: str
    input_ids: NDArray[np.int32]


@dataclass(frozen=True)
class Asked:
    """Some rows, as far as they can be predicted.

    :param bad: the places of the other rows, each with what is wrong.
    """

    task: str
    questions: list[Question]
    bad: list[tuple[str, str]]

    @property
    def complaint(self) -> str:
        """What is wrong with the first bad row."""
        place, why = self.bad[0]
        return f"tasks.{self.task}.prompt: {place}: {why}"


class Questions:
    """Makes a task's rows into questions: cleaned, rendered and tokenised.

    :param folder: where a user's cleaning functions are looked for.
    """

    def __init__(self, task: Task, tokenizer: Tokenizer, folder: Path) -> None:
        key = f"tasks.{task.name}"
        self.name = task.name
        self.renderer = Renderer(task.config, f"{key}.prompt", task.config.target)
        self.encoder = Encoder(task.config, tokenizer, key)
        self.pipeline = Pipeline(task.config, key, folder)

    def ask(self, rows: Sequence[Row]) -> Asked:
        """The rows as questions, in order; those that can't be, with what is wrong."""
        good, cleaned, examples = [], [], []
        bad: list[tuple[str, str]] = []
        for row in rows:
            try:
                clean = self.pipeline.one(row)
                examples.append(self.renderer.question(clean))
            except BadRow as reason:
                bad.append((row.place, str(reason)))
                continue
            good.append(row)
            cleaned.append(clean)
        tokens = self.encoder.questions(examples, cleaned, self.renderer) if examples else []
        questions = [
            Question(row, example.prompt, np.array(ids, dtype=np.int32))
            for row, example, ids in zip(good, examples, tokens, strict=True)
        ]
        return Asked(self.name, questions, bad)
