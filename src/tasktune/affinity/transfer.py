"""Transfer, measured: each pair of tasks trained together against each alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tasktune.affinity.measure import Affinity
from tasktune.comparison.store import Store, Trained
from tasktune.comparison.subset import subset
from tasktune.config import MixtureConfig, RunConfig
from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.evaluation.bootstrap import Score
from tasktune.evaluation.evaluate import task_metrics
from tasktune.evaluation.paired import paired_change
from tasktune.evaluation.relative import divisor


def measured(store: Store, config: RunConfig) -> Affinity:
    """Trains what is not trained yet and compares the scores.

    :param config: of the run with all tasks, as long as each training is to be.
    """
    tasks = store.run.tasks
    count = len(tasks)
    pairs = list(combinations(range(count), 2))
    store.say(
        f"transfer: {count} trainings of one task and {len(pairs)} of two, {config.training.steps}"
        f" steps each; those that {store.folder} holds are not trained again"
    )
    alone = [store.get(single(config, task.name), f"{task.name} alone") for task in tasks]
    value, low, high = (np.full((count, count), np.nan) for _ in range(3))
    observations = np.zeros((count, count), dtype=np.int64)
    furthest = 0.0
    for i, j in pairs:
        name = f"{tasks[i].name} and {tasks[j].name}"
        together = store.get(pair(config, tasks[i], tasks[j], alone[i], alone[j]), name)
        for helper, helped in ((i, j), (j, i)):
            found = change(tasks[helped], together, alone[helped], config)
            place = helper, helped
            value[place], low[place], high[place] = found.value, found.low, found.high
            observations[place] = len(alone[helped].answers(tasks[helped].name))
            seen = together.seen(tasks[helped].name)[0] / alone[helped].seen(tasks[helped].name)[0]
            furthest = max(furthest, abs(seen - 1))
    store.say(
        "transfer: in pairs, tasks saw as many examples of their own as alone to within"
        f" {100 * furthest:.1f} %"
    )
    names = tuple(task.name for task in tasks)
    return Affinity("transfer", names, value, low, high, observations)


def single(config: RunConfig, task: str) -> RunConfig:
    """The run of one task."""
    alone, _ = subset(config, [task])
    return alone.model_copy(update={"mixture": MixtureConfig(strategy="equal")})


def pair(
    config: RunConfig, first: Task, second: Task, alone_first: Trained, alone_second: Trained
) -> RunConfig:
    """The run of two tasks that draws of each as many examples as its own run did.

    Its batches are twice as large and its rates are as the two runs' examples, so that it has equal
    steps and, but for a rest of a batch, equal examples of either task.
    """
    together, _ = subset(config, [first.name, second.name])
    drawn = {
        first.name: float(alone_first.seen(first.name)[0]),
        second.name: float(alone_second.seen(second.name)[0]),
    }
    training = together.training
    wider = {"batch_tokens": 2 * training.batch_tokens}
    mixture = MixtureConfig.model_validate({"strategy": "fixed", "rates": drawn})
    return together.model_copy(
        update={"mixture": mixture, "training": training.model_copy(update=wider)}
    )


def change(task: Task, together: Trained, alone: Trained, config: RunConfig) -> Score:
    """The relative change of a task's primary score, with its interval over the examples.

    :raises UserError: if the two were not scored on the same examples.
    """
    metric = task_metrics(task)[0]
    ours, theirs = together.answers(task.name), alone.answers(task.name)
    if [line["index"] for line in ours] != [line["index"] for line in theirs]:
        raise UserError(
            f"tasks.{task.name}: {together.folder} and {alone.folder} were scored on other"
            " examples; remove both folders"
        )
    first, second = (
        metric.statistics([a["prediction"] for a in lines], [a["reference"] for a in lines])
        for lines in (ours, theirs)
    )
    primary = next(iter(metric.score(second)))
    sign = 1.0 if metric.higher_is_better else -1.0
    scale = sign / divisor(metric.score(second)[primary], metric.top)
    resamples = config.evaluation.bootstrap
    return paired_change(
        lambda rows: metric.score(rows)[primary], first, second, scale, resamples, config.seed
    )
