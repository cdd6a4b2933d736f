"""Scores every task on a split."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.config import EvaluationConfig, Kind, RunConfig
from tasktune.data import Split, Task
from tasktune.errors import UserError
from tasktune.evaluation.bootstrap import Score, bootstrap
from tasktune.evaluation.losses import example_losses
from tasktune.evaluation.metrics import Metric, metrics
from tasktune.evaluation.predict import predict_task
from tasktune.model.task_model import TaskModel

DEFAULTS: dict[Kind, str] = {
    "classification": "accuracy",
    "regression": "spearman",
    "generation": "rouge",
    "language_modeling": "perplexity",
}


@dataclass(frozen=True)
class DomainResult:
    """The scores of one domain of a task."""

    examples: int
    metrics: dict[str, Score]


@dataclass(frozen=True)
class TaskResult:
    """A task's scores.

    :param primary: the metric that stands for the task: the first it names.
    :param domains: the scores of each domain, where the split has several.
    """

    kind: Kind
    examples: int
    metrics: dict[str, Score]
    primary: str
    seconds: float
    domains: dict[str, DomainResult] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationResult:
    """All tasks' scores on a split."""

    split: str
    tasks: dict[str, TaskResult]

    def values(self) -> dict[str, dict[str, float]]:
        """The scores alone, by task and metric."""
        return {
            name: {metric: score.value for metric, score in task.metrics.items()}
            for name, task in self.tasks.items()
        }

    def to_json(self) -> dict[str, Any]:
        """As ``evaluation.json`` has it."""
        return asdict(self)


def check_metrics(config: RunConfig) -> None:
    """Refuses unknown metrics, and metrics that say nothing of a task's kind.

    :raises UserError: naming what fits.
    """
    for name, task in config.tasks.items():
        for metric in task.metrics:
            place = f"tasks.{name}.metrics"
            if task.kind not in metrics.get(metric, place).kinds:
                fitting = [n for n, known in metrics.items() if task.kind in known.kinds]
                raise UserError(
                    f"{place}: {metric} does not score kind {task.kind}; {', '.join(fitting)} do"
                )


def task_metrics(task: Task) -> list[Metric]:
    """The metrics that a task names, or its kind's default."""
    names = task.config.metrics or [DEFAULTS[task.kind]]
    return [metrics.build(name, {}, f"tasks.{task.name}.metrics") for name in names]


def evaluate(
    model: TaskModel,
    tasks: Sequence[Task],
    split: str,
    options: EvaluationConfig,
    *,
    limit: int | None,
    seed: int,
) -> EvaluationResult:
    """Scores every task.

    :param limit: examples per task, the same ones every time; all where absent.
    :raises UserError: if a task doesn't have the split.
    """
    data = [task.split(split) for task in tasks]
    results = {
        task.name: evaluate_task(model, task, examples, options, limit, seed)
        for task, examples in zip(tasks, data, strict=True)
    }
    return EvaluationResult(split, results)


def evaluate_task(
    model: TaskModel,
    task: Task,
    split: Split,
    options: EvaluationConfig,
    limit: int | None,
    seed: int,
) -> TaskResult:
    """Scores one task."""
    started = time.perf_counter()
    chosen = choose(len(split), limit, seed)
    if task.kind == "language_modeling":
        found = example_losses(model, task, split, chosen, options.batch_tokens)
        predictions, references = found.sums.tolist(), found.counts.tolist()
    else:
        prompts = [split.input_ids(i)[: split.prompt_length(int(i))] for i in chosen]
        answers = predict_task(model, task, prompts, options.batch_tokens)
        predictions = [prediction.answer for prediction in answers]
        references = [reference(task, split, int(index)) for index in chosen]

    def scores_of(rows: Sequence[int]) -> dict[str, Score]:
        found: dict[str, Score] = {}
        for metric in task_metrics(task):
            statistics = metric.statistics(
                [predictions[row] for row in rows], [references[row] for row in rows]
            )
            found.update(bootstrap(metric, statistics, options.bootstrap, seed))
        return found

    scores = scores_of(range(len(chosen)))
    return TaskResult(
        kind=task.kind,
        examples=len(chosen),
        metrics=scores,
        primary=next(iter(scores)),
        seconds=round(time.perf_counter() - started, 3),
        domains={
            name: DomainResult(len(rows), scores_of(rows))
            for name, rows in rows_by_domain(task, split, chosen).items()
        },
    )


def rows_by_domain(task: Task, split: Split, chosen: NDArray[np.int64]) -> dict[str, list[int]]:
    """Which of the chosen examples are of each domain; nothing where there is only one."""
    if task.config.domain is None:
        return {}
    domains = np.array(split.domains)[chosen]
    names = np.unique(domains).tolist()
    if len(names) < 2:
        return {}
    return {name: np.flatnonzero(domains == name).tolist() for name in names}


def choose(count: int, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Which examples to score: all, or ``limit`` drawn by the seed, never just the first rows."""
    if limit is None or limit >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[:limit])


def reference(task: Task, split: Split, index: int) -> Any:
    """What is right: a label, a number, or all texts that count."""
    if task.kind == "regression":
        return split.value(index)
    if task.kind == "classification":
        return task.labels[split.label(index)]
    return split.example(index).references
