"""Runs that are trained once and scored once, kept by their configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tasktune.atomic import write_json
from tasktune.config import RunConfig
from tasktune.config_file import fingerprint
from tasktune.data import fingerprints
from tasktune.errors import UserError
from tasktune.evaluation import EvaluationResult
from tasktune.evaluation.answers import read_answers
from tasktune.locks import FileLock
from tasktune.model.build import build_base
from tasktune.model.loading import BaseModel
from tasktune.report.headline import elapsed
from tasktune.report.run_files import read_json
from tasktune.run import Run
from tasktune.training.checkpoint import checkpoints
from tasktune.training.journal import read_journal

SCORED, VALIDATION = "scored.json", "validation.json"


@dataclass(frozen=True)
class Trained:
    """A run that was trained and scored.

    :param folder: the run's, as ``tasktune train`` and ``tasktune evaluate`` leave it.
    """

    folder: Path

    @cached_property
    def scores(self) -> dict[str, Any]:
        """Each task's part of ``evaluation.json``."""
        content = json.loads((self.folder / "evaluation.json").read_text(encoding="utf-8"))
        return dict(content["tasks"])

    def answers(self, task: str) -> list[dict[str, Any]]:
        """What it said of each example that was scored, in the examples' order."""
        return read_answers(self.folder, task)

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl`` about training."""
        return [line for line in read_journal(self.folder / "metrics.jsonl") if "tasks" in line]

    def seen(self, task: str) -> tuple[int, int]:
        """The task's training examples and tokens that it saw, each as often as it did."""
        last = self.log[-1]["tasks"][task]
        return int(last["examples"]), int(last["tokens"])

    @cached_property
    def validation(self) -> dict[str, float]:
        """Each task's primary score on its validation split; empty where nobody asked."""
        place = self.folder / VALIDATION
        return dict(json.loads(place.read_text(encoding="utf-8"))) if place.is_file() else {}

    @property
    def seconds(self) -> float:
        """Of training, in all its sessions."""
        return elapsed(self.log)


class Store:
    """Trains what it is asked for unless it has it; several processes may share one.

    A run is known by its configuration and its data, so that asking for one more leaves the others
    as they are. One that was cut off goes on from its last checkpoint.

    :param run: the run as it stands, whose base model and device the others use.
    :param folder: where the runs are kept.
    :param split: what they are scored on.
    :param limit: examples of each task to score; all where absent.
    """

    def __init__(
        self,
        run: Run,
        folder: Path,
        *,
        split: str,
        limit: int | None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.run = run
        self.folder = folder
        self.split = split
        self.limit = limit
        self.say = say
        self.base: tuple[str, BaseModel] | None = None

    def place(self, config: RunConfig) -> Path:
        """The folder of the run of this configuration."""
        return self.folder / fingerprint(config.bare(self.folder))

    def has(self, config: RunConfig) -> bool:
        """Whether it is trained, on the data as it is now, and scored on what is asked."""
        marker = self.place(config) / SCORED
        return marker.is_file() and json.loads(marker.read_text()) == self.mark(Run(config))

    def get(self, config: RunConfig, name: str, *, validated: bool = False) -> Trained:
        """The run of a configuration; trained and scored now if it wasn't.

        :param name: what it is, for messages.
        :param validated: whether it is to be scored on the validation splits as well.
        :raises UserError: if it can't be trained.
        """
        found = self.take(config, name, validated=validated)
        assert found is not None
        return found

    def take(
        self, config: RunConfig, name: str, *, validated: bool = False, wait: bool = True
    ) -> Trained | None:
        """As ``get``; none where another process is at it and this one isn't to wait."""
        place = self.place(config)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--output: cannot write {self.folder}: {error.strerror}") from None
        lock = FileLock(place.with_suffix(".lock"))
        if not lock.acquire(wait=wait):
            return None
        try:
            run = self.open(config, place)
            mark = self.mark(run)
            marker = place / SCORED
            known = json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else None
            if known != mark or (validated and not (place / VALIDATION).is_file()):
                self.train_and_score(run, known, mark, name, validated)
                write_json(marker, mark)
        finally:
            lock.release()
        return Trained(place)

    def open(self, config: RunConfig, place: Path) -> Run:
        """The run, with the common device; its base model is asked for when it is needed."""
        run = Run(config.bare(place))
        run.accelerator = self.run.accelerator
        return run

    def mark(self, run: Run) -> dict[str, Any]:
        """What a run's scores are of: the data's hashes, the split and how much of it."""
        files = hashes(fingerprints(run.tasks, run.config.folder))
        return {"split": self.split, "limit": self.limit, "data": files}

    def train_and_score(
        self,
        run: Run,
        known: dict[str, Any] | None,
        mark: dict[str, Any],
        name: str,
        validated: bool,
    ) -> None:
        """Trains what is not trained on this data, and scores it.

        :param known: what the folder's scores are of; none where it has none.
        """
        run.base = self.base_of(run.config)
        trained = known is not None and known["data"] == mark["data"]
        try:
            if not trained:
                begun = known is None and was_cut_off(run.folder, mark["data"])
                self.say(f"{name}: {'going on' if begun else 'training'}")
                run.train(resume=begun, overwrite=not begun)
            self.say(f"{name}: scoring")
            if trained:  # a kill from here on leaves old scores beside new ones
                write_json(run.folder / SCORED, {"data": mark["data"]})
            seed = self.run.config.seed  # the same examples whatever a run's own seed is
            run.evaluate(self.split, self.limit, seed)
            (run.folder / VALIDATION).unlink(missing_ok=True)  # of other weights or another limit
            if validated:
                model = run.trained_model()
                found = run.scores(model, "validation", self.limit, bootstrap=0, draw=seed)
                write_json(run.folder / VALIDATION, primary_scores(found))
            run.model.release()
        except BaseException:
            self.base = None  # nobody knows in which state the model was left
            raise

    def base_of(self, config: RunConfig) -> BaseModel:
        """The base model; loaded again only if a run names another."""
        key = config.model.model_dump_json()
        if self.base is None or self.base[0] != key:
            self.base = None  # one at a time: it is most of the memory
            named = self.run.config.model_copy(update={"model": config.model})
            self.base = key, build_base(named, self.run.accelerator.device, self.folder)
        return self.base[1]


def was_cut_off(folder: Path, files: dict[str, Any]) -> bool:
    """Whether a folder holds a checkpoint of a training on this data."""
    if not any(checkpoints(folder / "checkpoints")):
        return False
    return hashes(read_json(folder / "data.json") or {}) == files


def hashes(data: dict[str, Any]) -> dict[str, Any]:
    """The hashes of each task's files, of what ``data.json`` holds."""
    return {name: found["files"] for name, found in data.items()}


def primary_scores(result: EvaluationResult) -> dict[str, float]:
    """Each task's first score."""
    return {name: task.metrics[task.primary].value for name, task in result.tasks.items()}
