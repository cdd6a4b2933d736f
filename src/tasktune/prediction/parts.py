"""A file's rows and their predictions, a part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tasktune.config import SourceConfig
from tasktune.data import Row, Task
from tasktune.data.sources import ENDINGS, ending, stream_rows
from tasktune.data.templates import Template
from tasktune.errors import UserError
from tasktune.evaluation import Prediction
from tasktune.run import Run

AT_ONCE = 1024  # rows in memory, sorted by length among themselves
OWN = {"prompt", "prediction", "probabilities"}  # columns that are added
Values = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Some rows of a file, predicted.

    :param read: how many rows of the file it covers.
    :param rows: those that were predicted: their columns, ``prompt`` and ``prediction``.
    :param bad: the places of the others, each with what is wrong.
    """

    read: int
    rows: list[Values]
    bad: list[tuple[str, str]]


def source_of(task: Task, file: Path) -> SourceConfig:
    """A file of rows, read as the task's training file was where that says how.

    Of a task that was read from a plain-text file a column, such a file is the prompt's column.
    """
    train = task.config.train
    whole = str(file.resolve())
    plain = isinstance(train.path, dict) and ENDINGS.get(ending(file), "text") == "text"
    columns = Template(task.config.prompts[0], f"tasks.{task.name}.prompt").columns
    nested = train.format == "squad" and ending(file) == ".json"
    return SourceConfig(
        path={columns[0]: whole} if plain and len(columns) == 1 else whole,
        format="squad" if nested else None,
        columns=train.columns,
        encoding=train.encoding,
    )  # type: ignore[call-arg]  # the rest has defaults that mypy doesn't see


def rows_of(task: Task, file: Path) -> Iterator[Row]:
    """The rows of a file, one at a time.

    :raises UserError: if it can't be read.
    """
    return stream_rows(source_of(task, file), Path(), str(file))


def predicted(run: Run, task: str, rows: Iterable[Row], *, skip_bad: bool) -> Iterator[Part]:
    """Predicts rows; at most ``AT_ONCE`` of them are in memory.

    :param skip_bad: leave out rows that can't be predicted.
    :raises UserError: for such a row otherwise.
    """
    questions = run.questions(task)
    following = iter(rows)
    warned = False
    while chunk := list(islice(following, AT_ONCE)):
        if not warned and (taken := OWN & chunk[0].values.keys()):
            run.say(f"the rows' own {' and '.join(sorted(taken))} give way to columns of ours")
            warned = True
        asked = questions.ask(chunk)
        if asked.bad and not skip_bad:
            raise UserError(f"{asked.complaint}. --skip-bad-rows leaves such rows out.")
        answers = run.answer(task, asked.questions)
        found = [
            {**question.row.values, "prompt": question.prompt, **columns(answer)}
            for question, answer in zip(asked.questions, answers, strict=True)
        ]
        yield Part(len(chunk), found, asked.bad)


def columns(prediction: Prediction) -> Values:
    """A prediction as columns."""
    found: Values = {"prediction": prediction.answer}
    if prediction.probabilities is not None:
        found["probabilities"] = prediction.probabilities
    return found
