"""From rows to examples: one rendered prompt with its target."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tasktune.config import TaskConfig
from tasktune.data.sources import Row
from tasktune.data.split import Example
from tasktune.data.templates import BadRow, Template, as_text
from tasktune.errors import UserError


@dataclass
class Rendered:
    """A split's examples, and the rows that could not become one.

    :param values: each example's row, for whoever truncates a column later.
    """

    examples: list[Example] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)


class Renderer:
    """Renders the rows of one split.

    :param key: the split's YAML key, such as ``tasks.sst2.train``.
    :param target: the split's own target where it has one, else the task's.
    """

    def __init__(self, task: TaskConfig, key: str, target: str | Sequence[str]) -> None:
        self.task = task
        self.key = key
        task_key = key.rsplit(".", 1)[0]
        self.prompt = Template(task.prompt, f"{task_key}.prompt")
        texts = [target] if isinstance(target, str) else list(target)
        self.targets = [Template(text, f"{task_key}.target") for text in texts]
        self.alike = spelt_alike(task.labels or {})

    def check_columns(self, rows: Sequence[Row], source: str) -> None:
        """Refuses templates and settings that name columns which no row has.

        :raises UserError: naming the column and the nearest known one.
        """
        known = {name for row in rows if not row.problem for name in row.values}
        for template in (self.prompt, *self.targets):
            template.check(known, source)
        task_key = self.prompt.key.rsplit(".", 1)[0]
        if self.task.truncate is not None:
            Template(f"{{{self.task.truncate}}}", f"{task_key}.truncate").check(known, source)
            if self.task.truncate not in self.prompt.columns:
                raise UserError(
                    f"{task_key}.truncate: column '{self.task.truncate}' is not in the prompt"
                )
        if self.task.domain is not None:
            column = f"{{{self.task.domain.column}}}"
            Template(column, f"{task_key}.domain.column").check(known, source)

    def all(self, rows: Sequence[Row], labels: Sequence[str] | None) -> Rendered:
        """Every row as an example, or counted with its reason.

        :param labels: the classes in order; ``None`` while they are being found out.
        :raises UserError: for a bad row, unless ``on_bad_rows: skip``; if no row is left.
        """
        result = Rendered()
        for row in rows:
            try:
                result.examples.append(self.one(row, labels))
                result.rows.append(row)
            except BadRow as reason:
                result.dropped.append((row.place, str(reason)))
        if result.dropped and self.task.on_bad_rows == "stop":
            place, why = result.dropped[0]
            raise UserError(
                f"{self.key}: {place}: {why} ({len(result.dropped):,} of {len(rows):,} rows)."
                " Set on_bad_rows: skip to drop such rows."
            )
        if not result.examples:
            place, why = result.dropped[0]
            raise UserError(
                f"{self.key}: no example is left of {len(rows):,} rows; the first was dropped"
                f" because {why} ({place})"
            )
        return result

    def one(self, row: Row, labels: Sequence[str] | None) -> Example:
        """One row as an example.

        :raises BadRow: if it can't be used.
        """
        if row.problem:
            raise BadRow(row.problem)
        references = [text for target in self.targets for text in target.references(row.values)]
        if any(not text.strip() for text in references):
            raise BadRow("the target is empty")
        kind = self.task.kind
        if kind == "classification":
            references = [self.label(text) for text in references]
        return Example(
            prompt=self.prompt.render(row.values),
            target=references[0],
            references=tuple(references),
            label=self.class_index(references[0], labels) if kind == "classification" else -1,
            value=self.number(references[0]) if kind == "regression" else math.nan,
            domain=self.domain(row),
            place=row.place,
        )

    def question(self, row: Row) -> Example:
        """A row without a target, to be predicted.

        :raises BadRow: if a column of the prompt is missing.
        """
        prompt = self.prompt.render(row.values)
        return Example(prompt, "", (), -1, math.nan, "", row.place)

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

    @staticmethod
    def class_index(label: str, labels: Sequence[str] | None) -> int:
        """The index of a class.

        :raises BadRow: if train never has it.
        """
        if labels is None:
            return -1
        if label not in labels:
            raise BadRow(f"label '{label}' does not occur in train")
        return labels.index(label)

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
