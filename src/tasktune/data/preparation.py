"""One task, from its files to its prepared splits on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasktune.config import SPLITS, RunConfig, SourceConfig, TaskConfig
from tasktune.data.carve import carve, digest
from tasktune.data.cleaning import Pipeline
from tasktune.data.encode import Encoder, Tokenizer
from tasktune.data.importance import most_alike
from tasktune.data.render import Classes, Renderer, few
from tasktune.data.sources import Row, check_settings, shown_path, stream_rows
from tasktune.data.split import Encoded, Example, Split
from tasktune.data.split_writer import SplitWriter
from tasktune.data.templates import BadRow
from tasktune.errors import UserError

AT_ONCE = 1000  # rows in memory


def sources(task: TaskConfig) -> Iterable[tuple[str, SourceConfig]]:
    """The splits that a task names, with their sources."""
    for split in SPLITS:
        source = getattr(task, split)
        if source is not None:
            yield split, source


def cleaned_rows(task: TaskConfig, name: str, split: str, folder: Path) -> Iterator[Row]:
    """The rows of a split as its templates see them; those that can't be read with their problem.

    :param name: the task's.
    :param folder: where relative paths start.
    :raises UserError: if they can't be read or cleaned.
    """
    key = f"tasks.{name}"
    read = partial(rows_as_they_stand, task, key, folder)
    cleaned = Pipeline(task, key, folder).split(
        split, read(split), lambda place, reason: None, read, shown_path(getattr(task, split))
    )
    return iter(cleaned)


def rows_as_they_stand(task: TaskConfig, key: str, folder: Path, split: str) -> Iterator[Row]:
    """The rows of a split before they are cleaned; none where the task has no such split.

    :param key: the task's YAML key, for messages.
    :raises UserError: if they can't be read.
    """
    source = getattr(task, split)
    return iter(()) if source is None else stream_rows(source, folder, f"{key}.{split}")


class Preparation:
    """Reads, cleans, renders and tokenises one task, some rows at a time.

    :raises UserError: for an unknown cleaning step, or a tokenizer that lacks what the task needs.
    """

    def __init__(
        self, config: RunConfig, name: str, task: TaskConfig, tokenizer: Tokenizer
    ) -> None:
        self.config = config
        self.task = task
        self.key = f"tasks.{name}"
        self.encoder = Encoder(task, tokenizer, self.key)
        self.pipeline = Pipeline(task, self.key, config.folder)
        self.notes: list[str] = []
        self.domains: set[str] = set()
        self.value_range = task.range or (0.0, 1.0)
        self.classes: Classes | None = None
        if task.kind == "classification":
            self.classes = Classes(list(task.labels.values()) if task.labels else None)

    def write(self, folder: Path) -> None:
        """Writes the task's splits and what there is to know about it.

        :raises UserError: for whatever is wrong with the data.
        """
        places = {split: split for split, _ in sources(self.task)}
        for split, source in sources(self.task):
            self.write_split(folder / split, source)
        self.write_unlabelled(folder / "unlabelled")
        self.choose(folder, places)
        labels = [] if self.classes is None else list(self.classes.words)
        meta = {
            "splits": places,
            "labels": labels,
            "label_ids": self.encoder.labels(labels) if labels else [],
            "value_range": self.value_range,
            "notes": self.notes,
        }
        (folder / "task.json").write_text(json.dumps(meta), encoding="utf-8")

    def write_split(self, folder: Path, source: SourceConfig) -> None:
        """One split; train settles the classes and the scale of numbers."""
        split = folder.name
        seed = self.config.seed if split == "train" else None
        target = source.target or self.task.target
        renderer = Renderer(self.task, f"{self.key}.{split}", target, seed)
        with SplitWriter(folder) as writer:
            texts = self.fill(
                writer, source, renderer, lambda row: renderer.one(row, self.classes), split
            )
            if split == "train":
                self.settle(writer)
        if len(writer) > texts:
            self.notes.append(
                f"{split}: {texts:,} texts were cut into {len(writer):,} examples of at most"
                f" {self.task.max_prompt_tokens:,} tokens"
            )
        self.domains |= writer.domains
        if split == "train":
            self.digests = np.array(writer.digests)

    def write_unlabelled(self, folder: Path) -> None:
        """The target domain's texts without targets, where the task names some.

        :raises UserError: if they have no use, or nothing is of the target domain.
        """
        domain = self.task.domain
        if domain is None:
            return
        if domain.unlabelled is not None and self.task.kind == "language_modeling":
            raise UserError(
                f"{self.key}.domain.unlabelled: kind language_modeling has no prompt to read such"
                " rows with; add them to train"
            )
        if domain.unlabelled is not None:
            renderer = Renderer(self.task, f"{self.key}.domain.unlabelled", self.task.target)
            with SplitWriter(folder) as writer:
                self.fill(writer, domain.unlabelled, renderer, renderer.question, "unlabelled")
            self.domains |= writer.domains
        if domain.target not in self.domains:
            raise UserError(
                f"{self.key}.domain.target: no row is of domain '{domain.target}'; there are"
                f" {few(sorted(self.domains))}"
            )

    def fill(
        self,
        writer: SplitWriter,
        source: SourceConfig,
        renderer: Renderer,
        make: Callable[[Row], Example],
        split: str,
    ) -> int:
        """Sends a source's rows through cleaning, template and tokenizer; returns their number.

        A first bad row ends the tokenising, unless such rows are skipped: what follows is only
        counted.

        :raises UserError: for a bad row, unless ``on_bad_rows: skip``; if no row is left.
        """
        check_settings(source, self.config.folder, renderer.key)
        shown = shown_path(source)
        cleaned = self.pipeline.split(
            split,
            stream_rows(source, self.config.folder, renderer.key),
            writer.drop,
            partial(rows_as_they_stand, self.task, self.key, self.config.folder),
            shown,
        )
        first_bad: tuple[str, str] | None = None
        known: set[str] = set()
        rows = texts = bad_count = 0
        for chunk in in_pieces(cleaned):
            examples, kept = [], []
            for row in chunk:
                known.update(row.values)
                try:
                    examples.append(make(row))
                    kept.append(row)
                except BadRow as reason:
                    bad_count += 1
                    first_bad = first_bad or (row.place, str(reason))
                    writer.drop(row.place, str(reason))
            rows += len(chunk)
            texts += len(examples)
            if examples and (not first_bad or self.task.on_bad_rows == "skip"):
                self.add(writer, examples, kept, renderer)
        if known:
            renderer.check_columns(known, shown, with_target=split != "unlabelled")
        self.refuse(renderer.key, first_bad, bad_count, rows, writer)
        writer.cleaning = cleaned.report()
        self.note(split, first_bad, bad_count, rows, writer)
        return texts

    def add(
        self, writer: SplitWriter, examples: list[Example], rows: list[Row], renderer: Renderer
    ) -> None:
        """Tokenises examples and writes them; a long text of language modelling as several."""
        if writer.folder.name == "unlabelled":
            prompts = self.encoder.questions(examples, rows, renderer)
            encoded = [[Encoded(ids, len(ids), False)] for ids in prompts]
        else:
            encoded = self.encoder.all(examples, rows, renderer)
        digests = [digest(f"{e.prompt}\0{e.target}", self.config.seed) for e in examples]
        counts = [len(pieces) for pieces in encoded]
        writer.write(
            [e for e, count in zip(examples, counts, strict=True) for _ in range(count)],
            [piece for pieces in encoded for piece in pieces],
            np.repeat(np.array(digests, dtype=np.uint64), counts),
        )

    def refuse(
        self,
        key: str,
        first_bad: tuple[str, str] | None,
        bad_count: int,
        rows: int,
        writer: SplitWriter,
    ) -> None:
        """Refuses a split with bad rows, unless they are skipped, and one that is empty.

        :raises UserError: naming the first row.
        """
        if first_bad and self.task.on_bad_rows == "stop":
            place, why = first_bad
            raise UserError(
                f"{key}: {place}: {why} ({bad_count:,} of {rows:,} rows). Set on_bad_rows: skip to"
                " drop such rows."
            )
        if len(writer) == 0:
            place, why = writer.first_dropped or ("", "there were none")
            raise UserError(
                f"{key}: no example is left of {writer.dropped:,} rows; the first was dropped"
                f" because {why} ({place})"
            )

    def note(
        self,
        split: str,
        first_bad: tuple[str, str] | None,
        bad_count: int,
        rows: int,
        writer: SplitWriter,
    ) -> None:
        """What the user should know of rows that are not there."""
        if first_bad:
            place, why = first_bad
            self.notes.append(
                f"{split}: {bad_count:,} of {rows:,} rows were dropped; the first: {place}: {why}"
            )
        for step in writer.cleaning:
            if step["removed"]:
                self.notes.append(
                    f"{split}: clean.{step['step']} took out {step['removed']:,} of"
                    f" {step['rows']:,} rows"
                )

    def settle(self, writer: SplitWriter) -> None:
        """What train decides: the order of classes; the scale of numbers where no range is set."""
        if self.classes is not None:
            writer.relabel(self.classes.settle())
        if self.task.kind == "regression" and self.task.range is None:
            values = writer.values()
            low, high = float(values.min()), float(values.max())
            self.notes.append(f"no range: the head's scale is train's, {low:g} to {high:g}")
            self.value_range = low, high if high > low else low + 1

    def choose(self, folder: Path, places: dict[str, str]) -> None:
        """Decides which of train's examples train, and which are set aside for validation."""
        kept = np.arange(len(self.digests))
        if "validation" not in places:
            fraction = self.task.validation_fraction
            kept, aside = carve(self.sides(folder), fraction, f"{self.key}.train")
            places["validation"] = "train"
            np.save(folder / "validation.chosen.npy", aside)
            self.notes.append(
                f"no validation split: {len(aside):,} of {len(self.digests):,} train examples were"
                " set aside"
            )
        domain = self.task.domain
        if domain is not None and domain.keep is not None:
            train = Split(folder / "train", kept)
            before = len(kept)
            alike = most_alike(
                train.targets if self.task.kind == "language_modeling" else train.prompts,
                train.domains,
                Split(folder / "unlabelled").prompts if domain.unlabelled is not None else [],
                domain.target,
                domain.keep,
                self.config.seed,
                f"{self.key}.domain.keep",
            )
            kept = kept[alike]
            self.notes.append(
                f"train: {len(kept):,} of {before:,} examples were kept as those most like"
                f" '{domain.target}'"
            )
        if len(kept) < len(self.digests):
            np.save(folder / "train.chosen.npy", kept)

    def sides(self, folder: Path) -> NDArray[np.uint64]:
        """What decides which side each train example falls on, ``[n]``: its group or its text.

        A few groups can't be cut by the fraction: then each example goes by its own text.
        """
        if self.task.group is None:
            return self.digests
        groups = Split(folder / "train").groups
        distinct = sorted(set(groups))
        if len(distinct) * self.task.validation_fraction < 1:
            self.notes.append(
                f"group: {len(distinct):,} groups are too few to set a share of"
                f" {self.task.validation_fraction:g} aside; rows of a group may be on both sides"
            )
            return self.digests
        by_group = {group: digest(group, self.config.seed) for group in distinct}
        return np.array([by_group[group] for group in groups], dtype=np.uint64)


def in_pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Some rows at a time."""
    following = iter(rows)
    while piece := list(islice(following, AT_ONCE)):
        yield piece
