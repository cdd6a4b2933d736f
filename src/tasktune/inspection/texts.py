"""What the checks look at: each split's texts, with the template's own words taken away.

Two reviews are alike by what they say, not by the "Review:" and "Sentiment:" around them, and a
sentence that two tasks share stands in two templates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from string import Formatter

import numpy as np

from tasktune.data import Split, Task
from tasktune.data.render import before

LIMIT = 200_000  # examples of a split that are looked at: evenly spaced, where there are more


@dataclass(frozen=True)
class Texts:
    """The texts of a split, or of ``LIMIT`` of its examples.

    :param rows: the examples' indices in the split.
    :param fields: the columns of each prompt, without the template; a text of language modelling.
    :param targets: each example's target; empty for language modelling.
    """

    task: Task
    name: str
    split: Split
    rows: Sequence[int]
    fields: list[tuple[str, ...]]
    targets: list[str]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def key(self) -> str:
        """The split's YAML key."""
        return f"tasks.{self.task.name}.{self.name}"

    @cached_property
    def contents(self) -> list[str]:
        """What each example says, in small letters and with single spaces."""
        return [folded(" \N{SYMBOL FOR UNIT SEPARATOR} ".join(fields)) for fields in self.fields]

    @cached_property
    def places(self) -> list[str]:
        """Where each example's row stands."""
        places = self.split.places
        return [places[row] for row in self.rows]


def read_texts(task: Task, name: str) -> Texts:
    """A split's texts, each text of language modelling once."""
    split = task.split(name)
    prompts, targets = split.prompts, split.targets
    rows = whole_texts(split) if task.kind == "language_modeling" else range(len(split))
    if len(rows) > LIMIT:
        rows = [rows[i] for i in np.linspace(0, len(rows) - 1, LIMIT).astype(int)]
    if task.kind == "language_modeling":
        return Texts(task, name, split, rows, [(targets[row],) for row in rows], [""] * len(rows))
    patterns = [pattern(text) for text in task.config.prompts]
    domains, templates = split.domains, split.templates
    fields = [
        columns(prompts[row], patterns[templates[row]], before(task.config, domains[row]))
        for row in rows
    ]
    return Texts(task, name, split, rows, fields, [targets[row] for row in rows])


def whole_texts(split: Split) -> list[int]:
    """The first piece of each text that was cut into several."""
    places = split.places
    return [row for row, place in enumerate(places) if row == 0 or places[row - 1] != place]


def pattern(template: str) -> re.Pattern[str]:
    """What a rendered template looks like, with a group for each column."""
    parts = list(Formatter().parse(template))
    return re.compile(
        "".join(re.escape(text) + ("" if name is None else "(.*?)") for text, name, _, _ in parts),
        re.DOTALL,
    )


def columns(prompt: str, rendered: re.Pattern[str], prefix: str) -> tuple[str, ...]:
    """The values of a prompt's columns; the whole prompt where they can't be told apart."""
    found = rendered.fullmatch(prompt.removeprefix(prefix))
    return found.groups() if found is not None and found.groups() else (prompt,)


def folded(text: str) -> str:
    """A text without what doesn't make it another: capitals and white space."""
    return " ".join(text.casefold().split())
