"""What the data itself says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasktune.data import Row, Task, cleaned_rows
from tasktune.errors import UserError, nearest
from tasktune.sampling.difficulties.base import Difficulty, difficulties


@difficulties.register("column")
class Column(Difficulty):
    """A column of the training data that holds a number, such as a school grade.

    :param column: one name for all tasks, or task to name; tasks left out have no difficulty.
    :param folder: where relative data paths start.
    """

    def __init__(self, column: str | dict[str, str], folder: Path) -> None:
        self.column = column
        self.folder = folder

    def measure(self, task: Task) -> NDArray[np.float64] | None:
        """Reads the rows again: prepared tasks keep no columns.

        :raises UserError: naming the line that lacks the column or holds no number there.
        """
        name = self.column if isinstance(self.column, str) else self.column.get(task.name)
        if name is None:
            return None
        places = task.train.places
        wanted = set(places)
        rows = cleaned_rows(task.config, task.name, "train", self.folder)
        numbers = {row.place: number(row, name) for row in rows if row.place in wanted}
        return np.array([numbers[place] for place in places])


def number(row: Row, column: str) -> float:
    """A row's number in a column.

    :raises UserError: if there is none.
    """
    if column not in row.values:
        hint = nearest(column, row.values)
        raise UserError(f"curriculum.column: {row.place} has no column '{column}'; {hint}")
    text = row.values[column]
    if text is None or text == "":
        raise UserError(f"curriculum.column: {row.place}: column '{column}' is empty")
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        shown = str(text) if len(str(text)) <= 40 else f"{str(text)[:40]}..."
        raise UserError(
            f"curriculum.column: {row.place}: column '{column}' holds '{shown}', which is no finite"
            " number; mend it or choose another curriculum.difficulty"
        )
    return value
