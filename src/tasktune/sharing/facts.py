"""What a run's folder says about its tasks, for cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasktune.config import RunConfig, TaskConfig
from tasktune.data import Task
from tasktune.data.preparation import sources
from tasktune.data.sources import guess_format
from tasktune.data.sources.files import resolve
from tasktune.report.run_files import read_json
from tasktune.run import Run
from tasktune.training.checkpoint import trained_parameters

DIGITS = 12  # of a file's SHA-256, enough to recognise it


@dataclass(frozen=True)
class Score:
    """One metric of one task, with its 95 % interval."""

    metric: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TaskFacts:
    """What a card says of one task.

    :param answered_by: how an answer comes about, in words.
    :param splits: name, examples, tokens and dropped rows of each.
    :param files: name and the start of the SHA-256 of each data file.
    :param datasets: the hub's data sets that it was trained on.
    :param scores: empty where it was not evaluated.
    :param scored: how many examples the scores are of.
    :param split: which split they are of.
    """

    task: Task
    answered_by: str
    splits: list[tuple[str, int, int, int]]
    files: list[tuple[str, str]]
    datasets: list[str]
    scores: list[Score]
    scored: int
    split: str

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def config(self) -> TaskConfig:
        """What the run file says of it."""
        return self.task.config

    @property
    def pipeline_tag(self) -> str:
        """What the hub calls such a task."""
        if self.task.kind in ("classification", "regression"):
            return "text-classification"
        of_preset = {"translation": "translation", "summarisation": "summarization"}
        return of_preset.get(self.config.preset or "", "text-generation")


def task_facts(run: Run) -> list[TaskFacts]:
    """The facts of each of a run's tasks."""
    data = read_json(run.folder / "data.json") or {}
    evaluation = current_evaluation(run)
    return [
        TaskFacts(
            task=task,
            answered_by=answered_by(task),
            splits=[
                (name, split["examples"], split["tokens"], split["dropped"])
                for name, split in data.get(task.name, {}).get("splits", {}).items()
            ],
            files=[
                (Path(path).name, digest[:DIGITS])
                for path, digest in data.get(task.name, {}).get("files", {}).items()
            ],
            datasets=list(dict.fromkeys(hub_datasets(task.config, run.config))),
            scores=scores(evaluation.get("tasks", {}).get(task.name, {})),
            scored=evaluation.get("tasks", {}).get(task.name, {}).get("examples", 0),
            split=evaluation.get("split", ""),
        )
        for task in run.outlines
    ]


def current_evaluation(run: Run) -> dict[str, Any]:
    """``evaluation.json``, unless the model has been trained since; empty where there is none."""
    file = run.folder / "evaluation.json"
    found = read_json(file)
    if found is None:
        run.say("cards are without scores: tasktune evaluate has not been run")
        return {}
    trained = trained_parameters(run.folder, run.config.monitor.keep)
    if file.stat().st_mtime < trained.stat().st_mtime:
        run.say("cards are without scores: evaluation.json is older than the trained parameters")
        return {}
    return found


def scores(found: dict[str, Any]) -> list[Score]:
    """A task's scores in ``evaluation.json``."""
    return [
        Score(metric, score["value"], score["low"], score["high"])
        for metric, score in found.get("metrics", {}).items()
    ]


def answered_by(task: Task) -> str:
    """How an answer comes about."""
    if task.head:
        return "a head"
    return "the likeliest label" if task.kind == "classification" else "text"


def hub_datasets(task: TaskConfig, config: RunConfig) -> Iterator[str]:
    """The ids of the hub's data sets that a task is read from."""
    for split, source in sources(task):
        path = source.path
        if not isinstance(path, str) or resolve(path, config.folder).exists():
            continue
        if (source.format or guess_format(source, config.folder, split)) == "datasets":
            yield path
