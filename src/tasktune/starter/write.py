"""Writes the starter: YAML with a comment wherever something was guessed."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path
from typing import Any

from tasktune.config import SourceConfig
from tasktune.config_file import parse_config, parse_yaml
from tasktune.errors import UserError
from tasktune.starter.files import find_tasks
from tasktune.starter.task import StarterTask, starter_task

KEYS = (
    "kind", "head", "prompt", "target", "labels", "range", "truncate", "on_bad_rows", "metrics",
)  # fmt: skip


def write_starter(folder: Path, output: Path, *, overwrite: bool = False) -> list[str]:
    """Writes a run file for the data files of a folder.

    :param overwrite: replace ``output`` if it is there.
    :returns: what was found, and what was not, a line each.
    :raises UserError: if nothing can be guessed, or a file is in the way.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; name the one that holds your data files")
    if output.exists() and not overwrite:
        raise UserError(f"{output} is there; replace it with --overwrite, or set another --output")
    found: list[StarterTask] = []
    notes = []
    for files in find_tasks(folder):
        try:
            task = starter_task(files)
        except UserError as error:
            task = f"{files.name}: {error}"
        if isinstance(task, str):
            notes.append(f"left out: {task}")
            continue
        task.name = free_name(task.name, {other.name for other in found})
        found.append(task)
        notes.append(f"{task.name}: {task.guess.settings['kind']}, {', '.join(task.sources)}")
    if not found:
        reason = notes[0].removeprefix("left out: ") if notes else "it holds no data files"
        raise UserError(
            f"{folder}: no task can be guessed: {reason}; see docs/data-formats.md for what can be"
            " read"
        )
    text = render(found, folder, output)
    parse_config(parse_yaml(text, str(output)), str(output))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output: cannot write {output}: {error.strerror}") from None
    return notes


def free_name(name: str, taken: set[str]) -> str:
    """The name, with a number where another task has it."""
    if name not in taken:
        return name
    return next(f"{name}_{n}" for n in count(2) if f"{name}_{n}" not in taken)


def render(tasks: list[StarterTask], folder: Path, output: Path) -> str:
    """The whole file."""
    name = folder.resolve().name or "run"
    lines = [
        f"# A run on the data in {name}, guessed by `tasktune init`: look it over.",
        f"# `tasktune inspect {output.name}` says what is wrong with the data before you train.",
        f"output: {scalar(f'runs/{name}')}",
        "",
        "model:",
        "  base: builtin:tiny        # for a trial; then a hub id or a local folder",
        "",
        "tasks:",
    ]
    for task in tasks:
        lines += [*task_lines(task, output.parent), ""]
    lines += [
        "mixture: {strategy: temperature, temperature: 2.0}  # between sizes and equal shares",
        "",
        "training:",
        "  steps: 300                # tasktune inspect says how many epochs that makes",
        "  batch_tokens: 4096",
        "  learning_rate: 5.0e-4     # tasks.NAME.learning_rate: of one task alone",
        "  warmup_steps: 20",
        "",
        "evaluation:",
        "  every: 100",
        "  limit: 200                # examples a task while training; evaluate uses all",
    ]
    return "\n".join(lines) + "\n"


def task_lines(task: StarterTask, start: Path) -> list[str]:
    """One task of the file."""
    settings, reasons = task.guess.settings, task.guess.reasons
    lines = [f"  {task.name}:", *(f"    # {remark}" for remark in task.remarks)]
    for key in KEYS:
        if key == "prompt":
            lines += [
                f"    {split}: {source_line(source, start)}"
                for split, source in task.sources.items()
            ]
        if key in settings:
            reason = f"  # {reasons[key]}" if key in reasons else ""
            lines.append(f"    {key}: {scalar(settings[key])}{reason}")
    return [" ".join(line.splitlines()) for line in lines]


def source_line(source: SourceConfig, start: Path) -> str:
    """A source in braces, its paths from the YAML's folder."""
    given: dict[str, Any] = source.model_dump(exclude_defaults=True)
    path = given["path"]
    if isinstance(path, dict):
        given["path"] = {column: relative(file, start) for column, file in path.items()}
    else:
        given["path"] = relative(path, start)
    return scalar(given)


def relative(path: str, start: Path) -> str:
    """A path as it is found from a folder."""
    return Path(os.path.relpath(path, start)).as_posix()


def scalar(value: Any) -> str:
    """A value as YAML in one line; JSON's strings are YAML's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(scalar(entry) for entry in value) + "]"
    if isinstance(value, str) and is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def is_plain(text: str) -> bool:
    """Whether YAML reads the bare text as itself."""
    inside = text.replace("_", "").replace("/", "").replace(".", "").replace("-", "")
    simple = inside.isalnum() and inside.isascii() and inside[0].isalpha()
    return simple and bool(parse_yaml(text, "a value") == text)
