"""Prepares a run's tasks: read, rendered, tokenised, and kept on disk for the next time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tasktune.config import SPLITS, RunConfig, TaskConfig
from tasktune.data.cleaning import Pipeline
from tasktune.data.encode import Tokenizer, tokenizer_fingerprint
from tasktune.data.preparation import Preparation, sources
from tasktune.data.sources import source_files
from tasktune.data.split import Split
from tasktune.data.task import Task
from tasktune.errors import UserError

FORMAT = 5  # raise it when what is written changes


def prepare(
    config: RunConfig, tokenizer: Tokenizer, *, cache: Path | None = None, progress: bool = False
) -> list[Task]:
    """All tasks of a run, tokenised; from the cache where files, YAML and tokenizer are the same.

    :param cache: where prepared tasks are kept; ``$TASKTUNE_CACHE`` or ``~/.cache/tasktune``.
    :param progress: whether to show a bar while there is something to prepare.
    :raises UserError: for whatever is wrong with the data.
    """
    folder = cache or default_cache()
    words = tokenizer_fingerprint(tokenizer)
    tasks = []
    bar = tqdm(config.tasks.items(), "preparing", disable=None if progress else True, leave=False)
    for index, (name, task) in enumerate(bar):
        bar.set_postfix_str(name)
        files = file_hashes(task, f"tasks.{name}", config.folder)
        functions = Pipeline(task, f"tasks.{name}", config.folder).fingerprint()
        key = task_fingerprint(task, files, words, config.seed, functions)
        home = folder / f"{name}-{key[:20]}"
        if not (home / "task.json").exists():
            write_atomically(home, Preparation(config, name, task, tokenizer))
        tasks.append(open_task(home, name, index, task))
    return tasks


def default_cache() -> Path:
    """Where prepared tasks are kept."""
    named = os.environ.get("TASKTUNE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "tasktune"


def file_hashes(task: TaskConfig, key: str, folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a task, by path, in the order of the splits.

    :param key: the task's YAML key, for messages.
    :raises UserError: if a file can't be read.
    """
    every = list(sources(task))
    if task.domain is not None and task.domain.unlabelled is not None:
        every.append(("domain.unlabelled", task.domain.unlabelled))
    hashes = {}
    for split, source in every:
        for path in source_files(source, folder, f"{key}.{split}"):
            try:
                with path.open("rb") as file:
                    hashes[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise UserError(f"{key}.{split}: cannot read {path}: {error.strerror}") from None
    return hashes


def task_fingerprint(
    task: TaskConfig, files: dict[str, str], words: str, seed: int, functions: Sequence[str]
) -> str:
    """Changes whenever the prepared task would: also when two files swap their content.

    A folder that is moved with its files keeps its fingerprint, so only names count.

    :param functions: what the users' cleaning functions are.
    """
    named = [(Path(path).name, digest) for path, digest in files.items()]
    parts = [FORMAT, task.model_dump(mode="json"), named, words, seed, list(functions)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def write_atomically(home: Path, preparation: Preparation) -> None:
    """Prepares aside and renames, so that a kill or a second process leaves nothing half done.

    :raises UserError: if the cache can't be written.
    """
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".preparing-", dir=home.parent))
    except OSError as error:
        raise UserError(unwritable(home.parent, error)) from None
    try:
        preparation.write(aside)
        if home.exists() and not (home / "task.json").exists():  # somebody half deleted it
            shutil.rmtree(home)
        aside.rename(home)
    except OSError as error:
        if not (home / "task.json").exists():  # else another process was faster
            raise UserError(unwritable(home.parent, error)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def unwritable(folder: Path, error: OSError) -> str:
    """The message for a cache that can't be written."""
    reason = error.strerror or error
    return f"cannot write the cache {folder}: {reason}; set TASKTUNE_CACHE to another folder"


def open_task(home: Path, name: str, index: int, config: TaskConfig) -> Task:
    """A prepared task from its folder."""
    meta = json.loads((home / "task.json").read_text(encoding="utf-8"))
    low, high = meta["value_range"]
    unlabelled = home / "unlabelled"
    return Task(
        name=name,
        index=index,
        config=config,
        labels=tuple(meta["labels"]),
        label_ids=tuple(tuple(ids) for ids in meta["label_ids"]),
        value_range=(low, high),
        splits={
            split: open_split(home, split, meta) for split in SPLITS if split in meta["splits"]
        },
        notes=tuple(meta["notes"]),
        unlabelled=Split(unlabelled) if unlabelled.is_dir() else None,
    )


def open_split(home: Path, split: str, meta: dict[str, Any]) -> Split:
    """A split, which may be a part of what another one's folder holds."""
    place = meta["splits"][split]
    chosen = home / f"{split}.chosen.npy"
    part = np.load(chosen) if chosen.exists() else None
    return Split(home / place, part, carved=place != split)


def fingerprints(tasks: Sequence[Task], folder: Path) -> dict[str, Any]:
    """What ``data.json`` holds: hashes of every file, counts, and what was dropped and cut.

    :param folder: where relative data paths start.
    """
    return {
        task.name: {
            "kind": task.kind,
            "labels": list(task.labels),
            "notes": list(task.notes),
            "files": file_hashes(task.config, f"tasks.{task.name}", folder),
            "splits": {name: split_counts(split) for name, split in task.splits.items()},
        }
        for task in tasks
    }


def split_counts(split: Split) -> dict[str, Any]:
    """One split in numbers; the first 20 dropped rows by name."""
    return {
        "examples": len(split),
        "tokens": int(split.lengths.sum()),
        "longest": int(split.lengths.max()),
        "truncated": split.truncated,
        "dropped": len(split.dropped),
        "dropped_rows": [{"place": p, "reason": r} for p, r in split.dropped[:20]],
        "cleaning": split.cleaning,
        "templates": np.bincount(split.templates).tolist(),
    }
