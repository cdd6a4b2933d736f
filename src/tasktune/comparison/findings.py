"""What a comparison found: each task against its twin, and all tasks together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tasktune.comparison.statistics import (
    Change,
    changes,
    combine,
    delta_m,
    example_half_width,
    is_absolute,
    verdict,
)
from tasktune.comparison.store import Trained
from tasktune.comparison.twins import Budget
from tasktune.evaluation.chance import chance
from tasktune.evaluation.metrics import Metric

RESAMPLES = 400
OTHER_BUDGET = 0.1
"""A run that saw more or fewer examples than its twin by this part is marked."""


@dataclass(frozen=True)
class Scores:
    """One system's scores on one task.

    :param seeds: of all examples, ``[S]``.
    :param resampled: of the same resampled examples for every system, ``[B, S]``.
    :param examples: of training that it saw, the mean over seeds.
    :param steps: of training, the mean over seeds.
    """

    seeds: NDArray[np.float64]
    resampled: NDArray[np.float64]
    examples: float
    steps: float


@dataclass(frozen=True)
class TaskChange:
    """A task of one system against its twin.

    :param absolute: whether the change is in points, since the twin isn't surely above chance.
    :param twin_examples: the training examples that the twin saw.
    :param other_budget: whether the two saw numbers of examples that differ by a tenth or more.
    """

    metric: str
    score: float
    twin: float
    change: float
    low: float
    high: float
    absolute: bool
    verdict: str
    examples: float
    twin_examples: float
    twin_steps: float
    other_budget: bool


@dataclass(frozen=True)
class SystemResult:
    """One system against all its twins of one kind.

    :param delta_m: the mean relative change; none where no task has one.
    :param worst_task: of those that have one.
    :param below: tasks below their twin by more than the interval.
    :param spread: the standard deviation of the relative changes over tasks.
    :param left_out: tasks whose change is in points, and so in no mean.
    """

    tasks: dict[str, TaskChange]
    delta_m: Change | None
    worst_task: str | None
    below: list[str]
    above: list[str]
    spread: float | None
    left_out: list[str]


@dataclass(frozen=True)
class Findings:
    """All of a comparison.

    :param systems: by kind of twin, then by name: ``run`` is the run as it stands.
    :param ranks: each system's mean rank over tasks, 1 for the best; the twins are systems too.
    :param best: the variant with the best validation scores; ``run`` where none beats it.
    :param seconds: of training, each system's mean over seeds; of twins all tasks together.
    """

    split: str
    seeds: int
    examples: dict[str, int]
    systems: dict[Budget, dict[str, SystemResult]]
    ranks: dict[str, float]
    best: str
    selected_by: str
    validation: dict[str, float]
    seconds: dict[str, float]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """As ``comparison.json`` has it."""
        return asdict(self)

    def in_words(self, system: str, budget: Budget) -> str:
        """What one model for all tasks is worth, in a sentence or two."""
        found = self.systems[budget][system]
        total = len(found.tasks)
        words = (
            f"{len(found.above)} of {total} tasks helped, {len(found.below)} hurt,"
            f" {total - len(found.above) - len(found.below)} without a difference that shows"
        )
        if found.below:
            words += f" (hurt: {', '.join(found.below)})"
        if found.delta_m is not None:
            mean = found.delta_m
            words += (
                f"; delta-m {100 * mean.value:+.1f} %"
                f" ({100 * mean.low:+.1f} to {100 * mean.high:+.1f})"
            )
        return f"{words}, against twins {WORDS[budget]}"


WORDS: dict[Budget, str] = {
    "examples": "that saw the same examples of their task",
    "steps": "of as many steps of whole batches",
}


def scores_of(
    runs: Sequence[Trained], task: str, metric: Metric, seed: int, split_size: int
) -> Scores:
    """The scores of one system's runs, one a seed, on one task.

    :param seed: of the resampling; the same for all systems.
    :param split_size: examples that were scored.
    """
    generator = np.random.default_rng(seed)
    draws = [generator.integers(0, split_size, split_size) for _ in range(RESAMPLES)]
    seeds, resampled = [], []
    for run in runs:
        answers = run.answers(task)
        part = run.scores[task]["primary"]
        statistics = metric.statistics(
            [answer["prediction"] for answer in answers],
            [answer["reference"] for answer in answers],
        )
        seeds.append(metric.score(statistics)[part])
        resampled.append([metric.score(statistics[draw])[part] for draw in draws])
    return Scores(
        np.array(seeds),
        np.array(resampled).T,
        float(np.mean([run.seen(task)[0] for run in runs])),
        float(np.mean([run.log[-1]["step"] for run in runs])),
    )


def against_twin(
    ours: Scores, twin: Scores, metric: Metric, by_chance: float | None, name: str, budget: Budget
) -> TaskChange:
    """A task against its twin.

    :param by_chance: the best constant answer's score; none where there is none.
    :param name: what the task's score is called.
    :param budget: of the twin; one of equal steps saw another number of examples by design.
    """
    mean = float(twin.seeds.mean())
    near = by_chance is not None and is_absolute(surely(twin), by_chance, metric.top)
    absolute = near or not np.isfinite(mean) or mean == 0
    better = metric.higher_is_better
    values = changes(ours.seeds, twin.seeds, better, absolute)
    resampled = changes(ours.resampled, twin.resampled, better, absolute).mean(axis=1)
    found = combine(values, example_half_width(resampled))
    return TaskChange(
        metric=name,
        score=float(ours.seeds.mean()),
        twin=mean,
        change=found.value,
        low=found.low,
        high=found.high,
        absolute=absolute,
        verdict=verdict(found),
        examples=ours.examples,
        twin_examples=twin.examples,
        twin_steps=twin.steps,
        other_budget=budget == "examples"
        and abs(ours.examples - twin.examples) > OTHER_BUDGET * twin.examples,
    )


def surely(scores: Scores) -> float:
    """The lower end of the mean score's 95 % interval over test examples."""
    return float(np.percentile(scores.resampled.mean(axis=1), 2.5))


def against_twins(
    ours: Mapping[str, Scores],
    twins: Mapping[str, Scores],
    metrics: Mapping[str, Metric],
    names: Mapping[str, str],
    by_chance: Mapping[str, float | None],
    budget: Budget,
) -> SystemResult:
    """All tasks of a system against their twins.

    :param names: what the tasks' scores are called.
    """
    tasks = {
        task: against_twin(
            ours[task], twins[task], metrics[task], by_chance[task], names[task], budget
        )
        for task in ours
    }
    relative = [task for task, found in tasks.items() if not found.absolute]
    mean, spread, worst = None, None, None
    if relative:
        values, halves = [], []
        for task in relative:
            better = metrics[task].higher_is_better
            pair = ours[task], twins[task]
            values.append(changes(pair[0].seeds, pair[1].seeds, better, False))
            resampled = changes(pair[0].resampled, pair[1].resampled, better, False)
            halves.append(example_half_width(resampled.mean(axis=1)))
        mean = delta_m(np.stack(values), np.array(halves))
        spread = float(np.std([tasks[task].change for task in relative]))
        worst = min(relative, key=lambda task: tasks[task].change)
    return SystemResult(
        tasks=tasks,
        delta_m=mean,
        worst_task=worst,
        below=[task for task, found in tasks.items() if found.verdict == "hurt"],
        above=[task for task, found in tasks.items() if found.verdict == "helped"],
        spread=spread,
        left_out=[task for task, found in tasks.items() if found.absolute],
    )


def mean_ranks(
    scores: Mapping[str, Mapping[str, Scores]], metrics: Mapping[str, Metric]
) -> dict[str, float]:
    """Each system's rank, 1 for the best, as the mean over tasks; equal scores share a rank.

    :param scores: by system, then by task.
    """
    ranks = []
    for task, metric in metrics.items():
        sign = -1.0 if metric.higher_is_better else 1.0
        ranks.append(rankdata([sign * scores[name][task].seeds.mean() for name in scores]))
    return dict(zip(scores, np.mean(ranks, axis=0).tolist(), strict=True))


def constant_scores(run: Trained, metrics: Mapping[str, Metric]) -> dict[str, float | None]:
    """Each task's score of the best constant answer, on the examples that were scored."""
    return {
        task: chance(metric, [answer["reference"] for answer in run.answers(task)])
        for task, metric in metrics.items()
    }
