"""One task of a starter: its files read, its settings guessed, its doubts said."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasktune.config import SourceConfig
from tasktune.data.templates import BadRow, as_text
from tasktune.starter.column import Column, as_number, look
from tasktune.starter.files import Files
from tasktune.starter.guess import Guess, guess
from tasktune.starter.source import describe, table

LOOKED_AT = 5000  # rows that show what a column holds


@dataclass
class StarterTask:
    """A task that is to be written down.

    :param sources: by split.
    :param guess: its settings.
    :param remarks: what the user should look at.
    """

    name: str
    sources: dict[str, SourceConfig]
    guess: Guess
    remarks: list[str] = field(default_factory=list)


def starter_task(files: Files) -> StarterTask | str:
    """The task of some files, or why there is none.

    :raises UserError: if a file can't be read.
    """
    key = f"{files.folder.name}"
    unlabelled = files.paths.get("unlabelled")
    splits = {split: path for split, path in files.paths.items() if split != "unlabelled"}
    if "train" not in splits:
        return f"{files.name}: no file is called train; {', '.join(splits) or 'none is a split'}"
    sources = {split: describe(path, key) for split, path in splits.items()}
    tables = {split: table(source, key) for split, source in sources.items()}
    values = {split: found for split, (found, _) in tables.items()}
    columns = look_at(values["train"][:LOOKED_AT])
    if sources["train"].columns:
        names = name_columns(columns)
        values = {
            s: [{names.get(k, k): v for k, v in row.items()} for row in values[s]] for s in values
        }
        sources = {split: with_names(source, names) for split, source in sources.items()}
        columns = look_at(values["train"][:LOOKED_AT])
    found = guess_for_all(columns, values, words_of(files.folder))
    if found is None:
        held = ", ".join(f"{column.name}: {column.described}" for column in columns)
        return f"{files.name}: no column looks like a text to learn from ({held})"
    task = StarterTask(files.name, sources, found)
    settle_splits(task, values)
    settle_values(task, values, files.folder, sum(broken for _, broken in tables.values()))
    others = [c for c in columns if c.name not in found.columns and c.holds != "nothing"]
    if others:
        unused = "; ".join(f"{column.name} ({column.described})" for column in others)
        task.remarks.append(f"not used: {unused}")
    if isinstance(unlabelled, Path):
        task.remarks.append(f"{unlabelled.name} has no part: see domain: in docs/run-file.md")
    return task


def guess_for_all(
    columns: list[Column], values: Mapping[str, list[dict[str, Any]]], words: list[str]
) -> Guess | None:
    """The guess from columns that every split can fill a prompt with."""
    found = guess(columns, words)
    if found is None:
        return None
    there = [{name for row in rows for name in row} for rows in values.values()]
    missing = {name for name in found.columns[:-1] if not all(name in names for names in there)}
    left = [column for column in columns if column.name not in missing]
    return (guess(left, words) or found) if missing else found


def with_names(source: SourceConfig, names: Mapping[str, str]) -> SourceConfig:
    """A source without a header, its columns named by what they hold."""
    columns = [names.get(column, column) for column in source.columns or []]
    return source.model_copy(update={"columns": columns or None})


def words_of(folder: Path) -> list[str]:
    """The words of a folder's name."""
    return folder.resolve().name.lower().replace("-", "_").split("_")


def look_at(values: list[dict[str, Any]]) -> list[Column]:
    """Every column of some rows."""
    names = dict.fromkeys(name for row in values for name in row)
    return [look(name, [row.get(name) for row in values]) for name in names]


def name_columns(columns: list[Column]) -> dict[str, str]:
    """Names for columns without a header: ``label`` and ``text`` for those that are used."""
    found = guess(columns)
    used = [] if found is None else found.columns
    names, taken = {}, Counter[str]()
    for column in columns:
        name = column.name
        if name in used:
            name = column.holds if column.holds in ("label", "number") else "text"
            taken[name] += 1
            name += "" if taken[name] == 1 else str(taken[name])
        names[column.name] = name
    return names


def settle_splits(task: StarterTask, values: Mapping[str, list[dict[str, Any]]]) -> None:
    """Leaves out splits that lack a column; several references are ``summary1``, ``summary2``."""
    target = task.guess.columns[-1]
    for split in list(task.sources):
        there = {name for row in values[split] for name in row}
        missing = [name for name in task.guess.columns if name not in there]
        numbered = sorted(name for name in there if name.rstrip("0123456789") == target)
        if missing == [target] and numbered:
            references = [f"{{{name}}}" for name in numbered]
            task.sources[split] = task.sources[split].model_copy(update={"target": references})
            task.remarks.append(f"{split} has {len(references)} references: any counts as right")
        elif missing:
            del task.sources[split]
            task.remarks.append(f"{split} is left out: it has no column '{missing[0]}'")
    if "validation" not in task.sources:
        task.remarks.append("no validation file: a tenth of train is set aside")


def settle_values(
    task: StarterTask, values: Mapping[str, list[dict[str, Any]]], folder: Path, broken: int
) -> None:
    """What all rows together say: labels, the range of numbers, rows that can't be used.

    :param broken: rows that can't even be read.
    """
    settings, reasons = task.guess.settings, task.guess.reasons
    target = task.guess.columns[-1]
    targets = {
        split: [row.get(target) for row in values[split]]
        for split, source in task.sources.items()
        if source.target is None
    }
    bad = broken + sum(
        any(not usable(row.get(name)) for name in task.guess.columns if name in row)
        for split in task.sources
        for row in values[split]
    )
    if settings["kind"] == "regression":
        numbers = [as_number(str(v)) for found in targets.values() for v in found]
        there = [number for number in numbers if number is not None]
        settings["range"] = [math.floor(min(there)), math.ceil(max(there))]
        reasons["range"] = "from the least to the largest number that there is"
        bad += sum(usable(v) and as_number(str(v)) is None for f in targets.values() for v in f)
    if settings["kind"] == "classification":
        bad += settle_labels(task, targets, folder)
    if bad:
        settings["on_bad_rows"] = "skip"
        reasons["on_bad_rows"] = f"{bad:,} rows can't be used; stop would name the first"


def settle_labels(task: StarterTask, targets: Mapping[str, list[Any]], folder: Path) -> int:
    """Words for labels that are numbers; returns how many rows have a label that train lacks."""
    settings, reasons = task.guess.settings, task.guess.reasons
    known = sorted({as_text(value, "") for value in targets["train"] if usable(value)})
    others = [as_text(v, "") for found in targets.values() for v in found if usable(v)]
    words = label_words(folder, known)
    if words and not settings.get("head"):
        settings["labels"] = words
        reasons["labels"] = "the words are those of the folder's mapping file"
    elif all(as_number(label) is not None for label in known):
        shown = ", ".join(f'"{label}": a_word' for label in known[:3])
        task.remarks.append(f"labels are numbers; say what they mean: labels: {{{shown}}}")
    return sum(label not in known for label in others)


def label_words(folder: Path, labels: list[str]) -> dict[str, str]:
    """The words of labels, where ``mapping.txt`` has a line for each: number, white space, word."""
    file = folder / "mapping.txt"
    if not file.is_file():
        return {}
    lines = [line.split(None, 1) for line in file.read_text("utf-8-sig", "replace").splitlines()]
    words = {line[0]: line[1].strip() for line in lines if len(line) == 2}
    return {label: words[label] for label in labels} if set(labels) <= words.keys() else {}


def usable(value: Any) -> bool:
    """Whether a template takes a value."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(usable(entry) for entry in value)
    try:
        return bool(as_text(value, "").strip())
    except BadRow:
        return False
