"""The steps of a task's ``clean:``, in order, each counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasktune.config import TaskConfig
from tasktune.data.cleaning.base import Cleaner, Mistake, Removed, Values, cleaners
from tasktune.data.cleaning.deduplicate import Deduplicate
from tasktune.data.sources import Row
from tasktune.data.templates import BadRow
from tasktune.errors import UserError, nearest
from tasktune.registry import constructor_options

Open = Callable[[str], Iterator[Row]]
Drop = Callable[[str, str], None]


@dataclass
class StepCount:
    """What one step did to a split.

    :param changed: rows that left it otherwise than they came.
    :param removed: rows that it took out.
    :param added: rows that it made beside those that came.
    """

    step: str
    rows: int = 0
    changed: int = 0
    removed: int = 0
    added: int = 0


class Pipeline:
    """A task's cleaning.

    Steps apply to the splits that they name, and those that apply to train to unlabelled rows too.

    :param key: the task's YAML key, for messages.
    :param folder: where a user's functions are looked for.
    :raises UserError: for an unknown step or option.
    """

    def __init__(self, task: TaskConfig, key: str, folder: Path) -> None:
        self.key = key
        self.names: list[str] = []
        self.steps: list[Cleaner] = []
        for number, entry in enumerate(task.clean, start=1):
            name, options = read_entry(entry)
            place = f"{key}.clean.{number}"
            cleaner = cleaners.get(name, place)
            self.names.append(f"{number}.{name}")
            try:
                given = name_options(cleaner, options)
                step = cleaners.build(name, given, f"{place}.{name}", {"folder": folder})
            except Mistake as mistake:
                raise UserError(f"{place}.{name}: {mistake}") from mistake.__cause__
            self.steps.append(step)

    def split(
        self, split: str, rows: Iterator[Row], drop: Drop, open_split: Open, shown: str
    ) -> Cleaned:
        """A split's rows, cleaned as they are asked for.

        :param drop: is told the place of each row that is taken out, and why.
        :param open_split: the rows of another split, for steps that look at it.
        """
        chosen = [
            (name, step)
            for name, step in zip(self.names, self.steps, strict=True)
            if (split if split != "unlabelled" else "train") in step.splits
        ]
        for position, (_, step) in enumerate(chosen):
            if isinstance(step, Deduplicate):
                step.begin()
                earlier = [named for named in chosen[:position] if named[1].at_prediction]
                for other in step.against:
                    for row in open_split(other):
                        for values in [] if row.problem else through(self.key, earlier, row):
                            step.forbid(values)
        return Cleaned(self.key, chosen, rows, drop, shown)

    def one(self, row: Row) -> Row:
        """A row that is to be predicted: changed like the others, but never taken out.

        :raises BadRow: if it can't be read, or a user's function makes none or several of it.
        """
        if row.problem:
            raise BadRow(row.problem)
        values = [row.values]
        for step in self.steps:
            if not step.at_prediction:
                continue
            try:
                values = step.clean(values[0])
            except (Removed, Mistake) as reason:
                raise BadRow(f"clean: {reason}") from None
            if len(values) != 1:
                raise BadRow(f"clean: it became {len(values)} rows")
        return Row(values[0], row.place)

    def fingerprint(self) -> list[str]:
        """Changes with the users' functions."""
        return [step.fingerprint() for step in self.steps]


class Cleaned:
    """The rows of a split as they come out of the steps; ``counts`` is whole when they have.

    :param shown: what the rows are read from, for messages.
    """

    def __init__(
        self,
        key: str,
        steps: Sequence[tuple[str, Cleaner]],
        rows: Iterator[Row],
        drop: Drop,
        shown: str,
    ) -> None:
        self.key = key
        self.steps = steps
        self.rows = rows
        self.drop = drop
        self.shown = shown
        self.counts = [StepCount(name) for name, _ in steps]
        self.unseen = [set(step.named_columns()) for _, step in steps]
        self.columns: list[set[str]] = [set() for _ in steps]

    def __iter__(self) -> Iterator[Row]:
        for row in self.rows:
            if row.problem or not self.steps:
                yield row
                continue
            for number, values in enumerate(self.clean(row), start=1):
                yield Row(values, row.place if number == 1 else f"{row.place} ({number})")
        self.check_columns()

    def clean(self, row: Row) -> list[Values]:
        """What the steps make of a row.

        :raises UserError: if a step can't work.
        """
        made = [row.values]
        for position, (name, step) in enumerate(self.steps):
            count, left = self.counts[position], []
            for values in made:
                count.rows += 1
                self.look(position, values)
                try:
                    result = step.clean(values)
                except Removed as reason:
                    count.removed += 1
                    self.drop(row.place, f"clean.{name}: {reason}")
                    continue
                except Mistake as mistake:
                    raise failed(self.key, name, row, mistake) from mistake.__cause__
                count.changed += result[0] != values
                count.added += len(result) - 1
                left += result
            made = left
        return made

    def look(self, position: int, values: Values) -> None:
        """Notes which columns a step has seen, as long as one that it names is missing."""
        if self.unseen[position]:
            self.unseen[position] -= values.keys()
            self.columns[position] |= values.keys()

    def check_columns(self) -> None:
        """Refuses a column that a step names and no row has.

        :raises UserError: naming the nearest one.
        """
        for (name, _), unseen, known in zip(self.steps, self.unseen, self.columns, strict=True):
            if unseen and known:
                column = min(unseen)
                raise UserError(
                    f"{self.key}.clean.{name}: unknown column '{column}' in {self.shown};"
                    f" {nearest(column, known)}"
                )

    def report(self) -> list[dict[str, Any]]:
        """The counts, for ``data.json``."""
        return [asdict(count) for count in self.counts]


def through(key: str, steps: Sequence[tuple[str, Cleaner]], row: Row) -> list[Values]:
    """A row after steps that change it; nothing if one takes it out all the same.

    :raises UserError: if a step can't work.
    """
    made = [row.values]
    for name, step in steps:
        try:
            made = [cleaned for values in made for cleaned in step.clean(values)]
        except Removed:
            return []
        except Mistake as mistake:
            raise failed(key, name, row, mistake) from mistake.__cause__
    return made


def failed(key: str, name: str, row: Row, mistake: Mistake) -> UserError:
    """What is said of a step that can't work on a row."""
    return UserError(f"{key}.clean.{name}: {row.place}: {mistake}")


def read_entry(entry: str | dict[str, Any]) -> tuple[str, Any]:
    """A step's name, and what the YAML says of it."""
    if isinstance(entry, str):
        return entry, None
    ((name, options),) = entry.items()
    return name, options


def name_options(cleaner: type[Cleaner], given: Any) -> dict[str, Any]:
    """Options by name: ``where: "stars > 3"`` sets the one that a bare value stands for.

    :raises Mistake: if a bare value stands for none.
    """
    if given is None:
        return {}
    if isinstance(given, dict) and not (cleaner.takes_mapping and cleaner.shorthand not in given):
        return given
    if cleaner.shorthand is None:
        known = ", ".join(constructor_options(cleaner, frozenset()))
        raise Mistake(f"{given!r} is no mapping; name its options: {known}")
    return {cleaner.shorthand: given}
