"""The receipt: what a run is going to see, said before it starts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from tasktune.config import TrainingConfig
from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.sampling.sampler import Sampler

REHEARSED_STEPS = 500


@dataclass(frozen=True)
class Plan:
    """What a task gets over the whole run.

    :param rate: its share of draws.
    :param tokens: prompt and target together.
    :param epochs: how often its training set is seen.
    """

    task: str
    available: int
    rate: float
    examples: int
    tokens: int
    epochs: float


def plan(sampler: Sampler, steps: int) -> list[Plan]:
    """Rehearses the sampler, which costs no model: exact up to 500 steps, extrapolated beyond.

    With a curriculum it is rehearsed to the end: what is drawn later is not what is drawn first.
    """
    rehearsal = copy.deepcopy(sampler)
    count = len(sampler.statistics.names)
    examples, tokens = np.zeros(count), np.zeros(count)
    rehearsed = min(steps, REHEARSED_STEPS) if sampler.is_even else steps
    for step in range(rehearsed):
        for draw in rehearsal.batch(step):
            examples[draw.task] += 1
            tokens[draw.task] += sampler.lengths[draw.task][draw.example]
    scale = steps / rehearsed
    return [
        Plan(
            task=name,
            available=int(sampler.statistics.sizes[k]),
            rate=float(examples[k] / examples.sum()),
            examples=round(examples[k] * scale),
            tokens=round(tokens[k] * scale),
            epochs=float(examples[k] * scale / sampler.statistics.sizes[k]),
        )
        for k, name in enumerate(sampler.statistics.names)
    ]


def receipt(plans: list[Plan], steps: int, batch_tokens: int) -> Table:
    """The plan as a table."""
    table = Table(title=f"{steps} steps of at most {batch_tokens:,} tokens", title_justify="left")
    table.add_column("task")
    for heading in ("available", "rate", "examples", "tokens", "epochs"):
        table.add_column(heading, justify="right")
    for row in plans:
        table.add_row(
            row.task,
            f"{row.available:,}",
            f"{row.rate:.1%}",
            f"{row.examples:,}",
            f"{row.tokens:,}",
            f"{row.epochs:.2f}",
        )
    return table


def check_budget(tasks: Sequence[Task], training: TrainingConfig) -> None:
    """Refuses a token budget that some example alone exceeds.

    :raises UserError: naming the task, the length and the setting.
    """
    for key in ("batch_tokens", "micro_batch_tokens"):
        budget = getattr(training, key)
        for task in tasks:
            longest = int(task.train.lengths.max())
            if budget is not None and longest > budget:
                raise UserError(
                    f"training.{key}: {budget} is smaller than the longest example of"
                    f" tasks.{task.name} ({longest} tokens); raise it or lower max_prompt_tokens"
                )
