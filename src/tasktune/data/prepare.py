"""Prepares a run's tasks: read, rendered, tokenised, and kept on disk for the next time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tasktune.config import SPLITS, RunConfig, SourceConfig, TaskConfig
from tasktune.data.carve import carve
from tasktune.data.encode import Encoder, Tokenizer, tokenizer_fingerprint
from tasktune.data.render import Rendered, Renderer, few
from tasktune.data.sources import Row, check_settings, read_rows, shown_path, source_files
from tasktune.data.split import Encoded, Example, Split, write_split
from tasktune.data.task import Task
from tasktune.data.templates import BadRow, Template
from tasktune.errors import UserError

FORMAT = 2  # raise it when what is written changes


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
        files = file_hashes(task, config.folder)
        key = task_fingerprint(task, files, words, config.seed)
        home = folder / f"{name}-{key[:20]}"
        if not (home / "task.json").exists():
            write_atomically(home, _Preparation(config, name, task, tokenizer))
        tasks.append(open_task(home, name, index, task))
    return tasks


def default_cache() -> Path:
    """Where prepared tasks are kept."""
    named = os.environ.get("TASKTUNE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "tasktune"


def sources(task: TaskConfig) -> Iterable[tuple[str, SourceConfig]]:
    """The splits that a task names, with their sources."""
    for split in SPLITS:
        source = getattr(task, split)
        if source is not None:
            yield split, source


def file_hashes(task: TaskConfig, folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a task, by path, in the order of the splits.

    :raises UserError: if a file can't be read.
    """
    every = [source for _, source in sources(task)]
    if task.domain is not None and task.domain.unlabelled is not None:
        every.append(task.domain.unlabelled)
    hashes = {}
    for source in every:
        for path in source_files(source, folder):
            try:
                hashes[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                raise UserError(f"cannot read {path}: {error.strerror}") from None
    return hashes


def task_fingerprint(task: TaskConfig, files: dict[str, str], words: str, seed: int) -> str:
    """Changes whenever the prepared task would: also when two files swap their content.

    A folder that is moved with its files keeps its fingerprint, so only names count.
    """
    named = [(Path(path).name, digest) for path, digest in files.items()]
    parts = [FORMAT, task.model_dump(mode="json"), named, words, seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def write_atomically(home: Path, preparation: _Preparation) -> None:
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
        if home.exists():
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


class _Preparation:
    """Reads, renders and tokenises one task."""

    def __init__(
        self, config: RunConfig, name: str, task: TaskConfig, tokenizer: Tokenizer
    ) -> None:
        self.config = config
        self.name = name
        self.task = task
        self.key = f"tasks.{name}"
        self.encoder = Encoder(task, tokenizer)
        self.notes: list[str] = []
        self.labels: list[str] | None = None
        if task.kind == "classification" and task.labels is not None:
            self.labels = list(dict.fromkeys(task.labels.values()))

    def write(self, folder: Path) -> None:
        """Writes the task's splits and what there is to know about it."""
        rendered = {split: self.render(split, source) for split, source in sources(self.task)}
        self.check_domain(rendered)
        parts = {split: (r, list(range(len(r.examples)))) for split, r in rendered.items()}
        if "validation" not in rendered:
            train = rendered["train"]
            kept, aside = carve(
                train.examples, self.task.validation_fraction, self.config.seed, f"{self.key}.train"
            )
            parts["train"], parts["validation"] = (train, kept), (train, aside)
            self.notes.append(
                f"no validation split: {len(aside):,} of {len(train.examples):,} train examples"
                " were set aside"
            )
        for split, (source, indices) in parts.items():
            carved = split not in rendered  # what train dropped is counted with train
            dropped = [] if carved else source.dropped
            self.write_one(folder / split, source, indices, dropped)
        labels = self.labels or []
        meta = {
            "labels": labels,
            "label_ids": self.encoder.labels(labels) if labels else [],
            "value_range": self.value_range(rendered["train"].examples),
            "notes": self.notes,
        }
        (folder / "task.json").write_text(json.dumps(meta), encoding="utf-8")

    @property
    def renderers(self) -> dict[str, Renderer]:
        """How each split is rendered; a carved one as train is."""
        made = {}
        for split in SPLITS:
            source = getattr(self.task, split) or self.task.train
            target = source.target or self.task.target
            made[split] = Renderer(self.task, f"{self.key}.{split}", target)
        return made

    def render(self, split: str, source: SourceConfig) -> Rendered:
        """A split's rows as examples."""
        key = f"{self.key}.{split}"
        check_settings(source, self.config.folder, key)
        rows = read_rows(source, self.config.folder, key, damaged=True)
        renderer = self.renderers[split]
        renderer.check_columns(rows, shown_path(source))
        if self.task.kind == "classification" and self.labels is None:
            found = {e.target for e in renderer.all(rows, None).examples}
            self.labels = sorted(found)
        rendered = renderer.all(rows, self.labels)
        if rendered.dropped:
            self.notes.append(
                f"{split}: {len(rendered.dropped):,} of {len(rows):,} rows were dropped; the first:"
                f" {rendered.dropped[0][0]}: {rendered.dropped[0][1]}"
            )
        return rendered

    def write_one(
        self,
        folder: Path,
        rendered: Rendered,
        indices: Sequence[int],
        dropped: Sequence[tuple[str, str]],
    ) -> None:
        """Tokenises and writes one split."""
        renderer = self.renderers[folder.name]
        examples = [rendered.examples[index] for index in indices]
        rows = [rendered.rows[index] for index in indices]
        encoded = self.encoder.all(examples, rows, renderer)
        flat_examples: list[Example] = []
        flat: list[Encoded] = []
        for example, pieces in zip(examples, encoded, strict=True):
            flat_examples += [example] * len(pieces)
            flat += pieces
        if len(flat) > len(examples):
            self.notes.append(
                f"{folder.name}: {len(examples):,} texts were cut into {len(flat):,} examples of at"
                f" most {self.task.max_prompt_tokens:,} tokens"
            )
        write_split(folder, flat_examples, flat, dropped)

    def value_range(self, examples: Sequence[Example]) -> tuple[float, float]:
        """What the head's 0 and 1 stand for: the range that is set, else train's extremes."""
        if self.task.kind != "regression":
            return 0.0, 1.0
        if self.task.range is not None:
            return self.task.range
        low = min(example.value for example in examples)
        high = max(example.value for example in examples)
        self.notes.append(f"no range: the head's scale is train's, {low:g} to {high:g}")
        return low, high if high > low else low + 1

    def check_domain(self, rendered: dict[str, Rendered]) -> None:
        """Refuses a target domain that no example and no unlabelled row belongs to.

        :raises UserError: naming the domains that there are.
        """
        domain = self.task.domain
        if domain is None:
            return
        known = {e.domain for r in rendered.values() for e in r.examples}
        if domain.unlabelled is not None:
            key = f"{self.key}.domain.unlabelled"
            check_settings(domain.unlabelled, self.config.folder, key)
            rows = read_rows(domain.unlabelled, self.config.folder, key)
            columns = {name for row in rows for name in row.values}
            shown = shown_path(domain.unlabelled)
            Template(f"{{{domain.column}}}", f"{self.key}.domain.column").check(columns, shown)
            known |= {str(row.values[domain.column]) for row in rows if domain.column in row.values}
        if domain.target not in known:
            raise UserError(
                f"{self.key}.domain.target: no row is of domain '{domain.target}'; there are"
                f" {few(sorted(known))}"
            )


def open_task(home: Path, name: str, index: int, config: TaskConfig) -> Task:
    """A prepared task from its folder."""
    meta = json.loads((home / "task.json").read_text(encoding="utf-8"))
    found = [split for split in SPLITS if (home / split).is_dir()]
    low, high = meta["value_range"]
    return Task(
        name=name,
        index=index,
        config=config,
        labels=tuple(meta["labels"]),
        label_ids=tuple(tuple(ids) for ids in meta["label_ids"]),
        value_range=(low, high),
        splits={split: Split(home / split) for split in found},
        notes=tuple(meta["notes"]),
    )


def render_prompts(
    task: Task, rows: Sequence[Row], tokenizer: Tokenizer
) -> tuple[list[Example], list[np.ndarray[Any, np.dtype[np.int32]]]]:
    """Rows to be predicted, whether or not they have a target.

    :returns: the examples and each one's prompt tokens.
    :raises UserError: if a row misses a column of the prompt.
    """
    renderer = Renderer(task.config, f"tasks.{task.name}.prompt", task.config.target)
    encoder = Encoder(task.config, tokenizer)
    examples = []
    for row in rows:
        try:
            examples.append(renderer.question(row))
        except BadRow as reason:
            raise UserError(f"tasks.{task.name}.prompt: {row.place}: {reason}") from None
    ids = encoder.prompts([example.prompt for example in examples])
    cut = [
        encoder.shorten(prompt, row, renderer)
        if len(prompt) > task.config.max_prompt_tokens
        else prompt
        for prompt, row in zip(ids, rows, strict=True)
    ]
    return examples, [np.array(prompt, dtype=np.int32) for prompt in cut]


def fingerprints(tasks: Sequence[Task], folder: Path) -> dict[str, Any]:
    """What ``data.json`` holds: hashes of every file, counts, and what was dropped and cut.

    :param folder: where relative data paths start.
    """
    return {
        task.name: {
            "kind": task.kind,
            "labels": list(task.labels),
            "notes": list(task.notes),
            "files": file_hashes(task.config, folder),
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
    }
