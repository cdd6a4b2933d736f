"""Scores every task on a split."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.config import EvaluationConfig, Kind, RunConfig, TaskConfig
from tasktune.data import Split, Task
from tasktune.errors import UserError
from tasktune.evaluation.answers import Answer
from tasktune.evaluation.bootstrap import Score, bootstrap
from tasktune.evaluation.calibration import Calibration, calibration
from tasktune.evaluation.chance import chance
from tasktune.evaluation.fairness import Fairness
from tasktune.evaluation.losses import example_losses
from tasktune.evaluation.metrics import Metric, metrics
from tasktune.evaluation.metrics.base import Scale
from tasktune.evaluation.parts import RESAMPLES, PartResult, from_worst, largest, rows_by_name
from tasktune.evaluation.predict import predict_task
from tasktune.model.task_model import TaskModel

DEFAULTS: dict[Kind, str] = {
    "classification": "accuracy",
    "regression": "spearman",
    "generation": "rouge",
    "language_modeling": "perplexity",
}


@dataclass(frozen=True)
class TaskResult:
    """A task's scores.

    :param scales: how each metric's numbers are to be read.
    :param primary: the metric that stands for the task: the first it names.
    :param chance: the primary score of the best constant answer; None where there is none.
    :param calibration: of a classification's confidence; None for other kinds.
    :param domains: the scores of each domain, where the split has several.
    :param groups: the scores of the largest groups, where the split has several; the worst by the
        primary metric first.
    :param groups_left_out: how many groups have no scores: too small, or too many of them.
    :param worst_group: where several have scores.
    :param answers: what was said of each example that was scored.
    """

    kind: Kind
    examples: int
    metrics: dict[str, Score]
    scales: dict[str, Scale]
    primary: str
    seconds: float
    chance: float | None = None
    calibration: Calibration | None = None
    domains: dict[str, PartResult] = field(default_factory=dict)
    groups: dict[str, PartResult] = field(default_factory=dict)
    groups_left_out: int = 0
    worst_group: str | None = None
    answers: list[Answer] = field(default_factory=list, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The scores; the answers have a file of their own."""
        content = asdict(replace(self, answers=[]))
        del content["answers"]
        return content


@dataclass(frozen=True)
class EvaluationResult:
    """All tasks' scores on a split.

    :param fairness: between the tasks; None where nobody asked, or no two can be compared.
    """

    split: str
    tasks: dict[str, TaskResult]
    fairness: Fairness | None = None

    def values(self) -> dict[str, dict[str, float]]:
        """The scores alone, by task and metric."""
        return {
            name: {metric: score.value for metric, score in task.metrics.items()}
            for name, task in self.tasks.items()
        }

    def to_json(self) -> dict[str, Any]:
        """As ``evaluation.json`` has it."""
        tasks = {name: task.to_json() for name, task in self.tasks.items()}
        fairness = None if self.fairness is None else asdict(self.fairness)
        return {"split": self.split, "tasks": tasks, "fairness": fairness}


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


def metric_names(config: TaskConfig) -> list[str]:
    """The metrics that a task names, or its kind's default; the first stands for the task."""
    return list(config.metrics) or [DEFAULTS[config.kind]]


def task_metrics(task: Task) -> list[Metric]:
    """The metrics that a task is scored by; the first stands for the task."""
    place = f"tasks.{task.name}.metrics"
    return [metrics.build(name, {}, place) for name in metric_names(task.config)]


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
    answers = answers_of(model, task, split, chosen, options.batch_tokens)
    predictions = [answer.prediction for answer in answers]
    references = [answer.reference for answer in answers]
    scored = [(m, m.statistics(predictions, references)) for m in task_metrics(task)]

    def scores_of(rows: Sequence[int] | slice, resamples: int) -> dict[str, Score]:
        found: dict[str, Score] = {}
        for metric, statistics in scored:
            found.update(bootstrap(metric, statistics[rows], resamples, seed))
        return found

    def results_of(parts: dict[str, list[int]], resamples: int) -> dict[str, PartResult]:
        return {
            name: PartResult(len(rows), scores_of(rows, resamples)) for name, rows in parts.items()
        }

    scores = scores_of(slice(None), options.bootstrap)
    in_groups = rows_by_name(names_of(split.groups, chosen)) if task.config.group else {}
    in_large = results_of(largest(in_groups), min(RESAMPLES, options.bootstrap))
    groups = from_worst(in_large, scored[0][0])
    in_domains = rows_by_name(names_of(split.domains, chosen)) if task.config.domain else {}
    classifies = task.kind == "classification"
    return TaskResult(
        kind=task.kind,
        examples=len(chosen),
        metrics=scores,
        scales={name: metric.scale for metric, kept in scored for name in metric.score(kept)},
        primary=next(iter(scores)),
        seconds=round(time.perf_counter() - started, 3),
        chance=chance(scored[0][0], references),
        calibration=calibration(answers, options.bootstrap, seed) if classifies else None,
        domains=results_of(in_domains, options.bootstrap),
        groups=groups,
        groups_left_out=len(in_groups) - len(groups),
        worst_group=next(iter(groups)) if len(groups) > 1 else None,
        answers=answers,
    )


def answers_of(
    model: TaskModel, task: Task, split: Split, chosen: NDArray[np.int64], batch_tokens: int
) -> list[Answer]:
    """What the model says of the chosen examples, beside what is right.

    Of language modelling: the summed loss of a text, beside the number of its tokens.
    """
    if task.kind == "language_modeling":
        found = example_losses(model, task, split, chosen, batch_tokens)
        pairs = zip(chosen.tolist(), found.sums.tolist(), found.counts.tolist(), strict=True)
        return [Answer(index, loss, count) for index, loss, count in pairs]
    prompts = [split.input_ids(i)[: split.prompt_length(int(i))] for i in chosen]
    answers = []
    for index, said in zip(
        chosen.tolist(), predict_task(model, task, prompts, batch_tokens), strict=True
    ):
        right = reference(task, split, index)
        shares = said.probabilities or {}
        answers.append(
            Answer(index, said.answer, right, shares.get(str(said.answer)), shares.get(str(right)))
        )
    return answers


def names_of(names: Sequence[str], chosen: NDArray[np.int64]) -> list[str]:
    """The chosen examples' domains or groups."""
    return [names[index] for index in chosen.tolist()]


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
