"""From rows to examples: one rendered prompt with its target."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.config import TaskConfig
from tasktune.data.sources import Row
from tasktune.data.split import Example
from tasktune.data.templates import BadRow, Template, as_text
from tasktune.errors import UserError, nearest


class Renderer:
    """Renders the rows of one split.

    :param key: the split's YAML key, such as ``tasks.sst2.train``.
    :param target: the split's own target where it has one, else the task's.
    :param seed: decides which of several prompts a row is given; the first, where absent.
    :raises UserError: for a brace left open, or a ``truncate`` that some prompt hasn't.
    """

    def __init__(
        self, task: TaskConfig, key: str, target: str | Sequence[str], seed: int | None = None
    ) -> None:
        self.task = task
        self.key = key
        self.seed = seed
        self.task_key = ".".join(key.split(".")[:2])
        self.prompts = [Template(text, f"{self.task_key}.prompt") for text in task.prompts]
        texts = [target] if isinstance(target, str) else list(target)
        self.targets = [Template(text, f"{self.task_key}.target") for text in texts]
        self.check_truncate()
        self.alike = spelt_alike(task.labels or {})

    def check_truncate(self) -> None:
        """Refuses a column that is to give way and does not stand in every prompt.

        :raises UserError: naming the nearest one that does.
        """
        column = self.task.truncate
        in_all = set.intersection(*(set(prompt.columns) for prompt in self.prompts))
        if column is not None and column not in in_all:
            raise UserError(
                f"{self.task_key}.truncate: column '{column}' is not in the prompt"
                f" (null sets none); {nearest(column, in_all)}"
            )

    def check_columns(self, known: set[str], source: str, *, with_target: bool = True) -> None:
        """Refuses templates and settings that name columns which no row has.

        :param known: the columns that rows have.
        :raises UserError: naming the column and the nearest known one.
        """
        for template in (*self.prompts, *(self.targets if with_target else ())):
            template.check(known, source)
        if self.task.domain is not None and with_target:
            domain = f"{{{self.task.domain.column}}}"
            Template(domain, f"{self.task_key}.domain.column").check(known, source)
        if self.task.group is not None and with_target:
            Template(f"{{{self.task.group}}}", f"{self.task_key}.group").check(known, source)

    def one(self, row: Row, classes: Classes | None) -> Example:
        """One row as an example.

        :param classes: the task's, for a classification.
        :raises BadRow: if it can't be used.
        """
        if row.problem:
            raise BadRow(row.problem)
        references = [text for target in self.targets for text in target.references(row.values)]
        if any(not text.strip() for text in references):
            raise BadRow("the target is empty")
        if classes is not None:
            references = [self.label(text) for text in references]
        number = self.number(references[0]) if self.task.kind == "regression" else math.nan
        template = self.choose(row)
        domain = self.domain(row)
        prompt = self.prompt(row.values, template, domain)
        return Example(
            prompt=prompt,
            target=references[0],
            references=tuple(references),
            label=-1 if classes is None else classes.index(references[0]),
            value=number,
            domain=domain,
            place=row.place,
            template=template,
            group=self.group(row),
        )

    def question(self, row: Row) -> Example:
        """A row without a target, to be predicted.

        :raises BadRow: if a column of the prompt is missing.
        """
        if row.problem:
            raise BadRow(row.problem)
        template = self.choose(row)
        domain = "" if self.task.domain is None else self.task.domain.target
        if self.task.domain is not None and row.values.get(self.task.domain.column) is not None:
            domain = self.domain(row)
        prompt = self.prompt(row.values, template, domain)
        return Example(prompt, "", (), -1, math.nan, domain, row.place, template)

    def prompt(self, values: Mapping[str, Any], template: int, domain: str) -> str:
        """The prompt of a row: what goes before it, and the template with its values.

        :raises BadRow: if a column of the template is missing.
        """
        return before(self.task, domain) + self.prompts[template].render(values)

    def choose(self, row: Row) -> int:
        """Which of the prompts a row is given: at random, the same every time."""
        if self.seed is None or len(self.prompts) == 1:
            return 0
        return zlib.crc32(f"{self.seed} {row.place}".encode()) % len(self.prompts)

    def label(self, text: str) -> str:
        """The word that the model writes for a label of the data.

        :raises BadRow: if ``labels:`` doesn't have it.
        """
        mapping = self.task.labels
        if mapping is None:
            return text
        if text in mapping:
            return mapping[text]
        if canonical(text) in self.alike:
            return self.alike[canonical(text)]
        raise BadRow(f"label '{text}' is not in labels ({few(mapping)})")

    def number(self, text: str) -> float:
        """A regression's target.

        :raises BadRow: if it is no number or out of ``range:``.
        """
        try:
            value = float(text)
        except ValueError:
            raise BadRow(f"target '{text}' is not a number") from None
        if not math.isfinite(value):
            raise BadRow(f"target '{text}' is not a finite number")
        if self.task.range and not self.task.range[0] <= value <= self.task.range[1]:
            raise BadRow(f"target {value:g} is outside range {list(self.task.range)}")
        return value

    def domain(self, row: Row) -> str:
        """The row's domain, where the task has domains.

        :raises BadRow: if it is missing.
        """
        if self.task.domain is None:
            return ""
        column = self.task.domain.column
        return as_text(row.values.get(column), column)

    def group(self, row: Row) -> str:
        """What the row stays together with, where the task says so.

        :raises BadRow: if it is missing.
        """
        column = self.task.group
        return "" if column is None else as_text(row.values.get(column), column)


def before(task: TaskConfig, domain: str) -> str:
    """What goes before every prompt: a system message where there is no chat, the domain's tag."""
    system = f"{task.system}\n\n" if task.system is not None and task.format == "text" else ""
    tag = task.domain.tag if task.domain is not None else None
    return system + ("" if tag is None else tag.replace("{domain}", domain))


class Classes:
    """A task's classes: the words of ``labels:``, or those that train turns out to have.

    :param words: where they are known.
    """

    def __init__(self, words: Sequence[str] | None) -> None:
        self.known = words is not None
        self.words = {word: index for index, word in enumerate(dict.fromkeys(words or ()))}

    def index(self, word: str) -> int:
        """The index of a class; a new one while train is being read.

        :raises BadRow: if train never has it.
        """
        if word not in self.words:
            if self.known:
                raise BadRow(f"label '{word}' does not occur in train")
            self.words[word] = len(self.words)
        return self.words[word]

    def settle(self) -> NDArray[np.int64]:
        """Ends the finding: classes are sorted, and later splits can have no other.

        :returns: the new index of each class by its old one.
        """
        order = list(self.words)
        if not self.known:
            self.words = {word: index for index, word in enumerate(sorted(order))}
            self.known = True
        return np.array([self.words[word] for word in order], dtype=np.int64)


def canonical(label: str) -> str:
    """A label without the marks of the program that wrote it: ``1.0`` and ``True`` are 1."""
    label = label.strip()
    label = {"true": "1", "false": "0"}.get(label.lower(), label)
    return re.sub(r"^(-?\d+)\.0+$", r"\1", label)


def spelt_alike(labels: Mapping[str, str]) -> dict[str, str]:
    """The words of ``labels`` by the labels' canonical spelling, where only one is meant by it."""
    words: dict[str, str] = {}
    doubtful = set()
    for label, word in labels.items():
        if words.setdefault(canonical(label), word) != word:
            doubtful.add(canonical(label))
    return {label: word for label, word in words.items() if label not in doubtful}


def few(names: Iterable[str]) -> str:
    """The first ten names, for a message."""
    first, others = (known := list(names))[:10], len(known) - 10
    return ", ".join(first) + (f" and {others} more" if others > 0 else "")
