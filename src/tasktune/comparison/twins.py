"""Twins: the single-task models that a task of a run is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from tasktune.comparison.subset import subset
from tasktune.config import RunConfig
from tasktune.config_file import parse_config, plain
from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.model.build import build_layout
from tasktune.objective.build_penalties import sections, subjects
from tasktune.run import Run
from tasktune.training.receipt import plan
from tasktune.training.task_facts import task_facts

Budget = Literal["examples", "steps"]
CLOSE = 0.02
"""A batch whose examples are within this part of the wanted number is near enough."""


def budgets(twins: str) -> tuple[Budget, ...]:
    """The kinds of twins that ``compare.twins`` asks for."""
    if twins == "both":
        return ("examples", "steps")
    return ("steps",) if twins == "steps" else ("examples",)


class TwinMaker:
    """Makes twins of the tasks of a run as it stands.

    A twin keeps the model, the layout and its rank, the learning rate, and all that the run says of
    its task; what speaks of several tasks - weighting, mixture, task curriculum - is left out.

    :param config: the run.
    :param tasks: its tasks, prepared.
    """

    def __init__(self, config: RunConfig, tasks: Sequence[Task]) -> None:
        self.config = config
        self.tasks = {task.name: task for task in tasks}
        self.notes: list[str] = []
        self.alone = {name: self.single(name) for name in self.tasks}

    def single(self, name: str) -> RunConfig:
        """The run with one of its tasks alone."""
        config, _ = subset(self.config, [name])
        content = plain(config)
        content["weighting"] = {"method": "equal"}
        content["mixture"] = {"strategy": "proportional"}
        content["curriculum"]["tasks"] = {"method": "none"}
        content["tune"] = {}
        content["penalties"] = [
            entry
            for number, entry in enumerate(content["penalties"])
            if self.applies(config, number, name)
        ]
        return parse_config(content, f"the twin of {name}")

    def applies(self, config: RunConfig, number: int, name: str) -> bool:
        """Whether a penalty can act on the task alone; noted where it can't."""
        place, section = list(sections(config))[number]
        task = replace(self.tasks[name], index=0)
        try:
            list(subjects(place, section, task_facts([task], build_layout(config))))
        except UserError:
            self.notes.append(f"the twin of {name} goes without {section.method}")
            return False
        return True

    def twin(self, name: str, budget: Budget, seed: int, seen: int) -> RunConfig:
        """The twin of a task.

        :param budget: ``examples``: the other tasks are taken away, and each step keeps its number
            of examples of this one; ``steps``: as many steps of whole batches of its own.
        :param seen: examples of the task that the run of the same seed saw.
        """
        config = self.alone[name].model_copy(update={"seed": seed})
        if budget == "steps":
            return self.within_epochs(config, name)
        free = self.without_cap(config, name)
        size = batch_for(free, self.tasks[name], seen)
        steps = config.training.steps
        drawn = examples_of(sized(free, size, steps), self.tasks[name])
        if drawn > (1 + CLOSE) * seen:  # even one example a step is too many
            steps = max(1, round(steps * seen / drawn))
        return sized(free, size, steps)

    def without_cap(self, config: RunConfig, name: str) -> RunConfig:
        """A twin of equal examples needs no end of its own."""
        task = config.tasks[name].model_copy(update={"max_epochs": None})
        return config.model_copy(update={"tasks": {name: task}})

    def within_epochs(self, config: RunConfig, name: str) -> RunConfig:
        """As many steps as the task's ``max_epochs`` leaves, where it has one."""
        cap = config.tasks[name].max_epochs
        if cap is None:
            return config
        free = self.without_cap(config, name)
        training = config.training
        drawn = examples_of(free, self.tasks[name])
        most = int(cap * len(self.tasks[name].train))
        steps = min(training.steps, max(1, int(training.steps * most / drawn)))
        return sized(free, training.batch_tokens, steps)


def batch_for(config: RunConfig, task: Task, seen: int) -> int:
    """The ``batch_tokens`` at which the run's steps draw ``seen`` examples, by bisection.

    At least the longest example's tokens, at most the run's.
    """
    low = int(task.train.lengths.max())
    high = max(config.training.batch_tokens, low)
    steps = config.training.steps
    while low < high:
        middle = (low + high) // 2
        drawn = examples_of(sized(config, middle, steps), task)
        if abs(drawn - seen) <= CLOSE * seen:
            return middle
        low, high = (middle + 1, high) if drawn < seen else (low, middle)
    return low


def examples_of(config: RunConfig, task: Task) -> int:
    """How many examples a single-task run is going to draw."""
    run = Run(config)
    run.tasks = [replace(task, index=0, config=config.tasks[task.name])]
    if run.curriculum.needs_losses:  # which says in what order, not how many
        content = plain(config)
        content["curriculum"] = {}
        return examples_of(parse_config(content, "a twin"), task)
    return plan(run.sampler, config.training.steps)[0].examples


def sized(config: RunConfig, batch_tokens: int, steps: int) -> RunConfig:
    """The run with another batch and number of steps; warm-up keeps its share of the steps."""
    training = config.training
    scale = steps / training.steps
    update = {
        "batch_tokens": batch_tokens,
        "steps": steps,
        "warmup_steps": round(training.warmup_steps * scale),
    }
    adapter = config.adapter.model_copy(
        update={"private_from": int(config.adapter.private_from * scale)}
    )
    resized = training.model_copy(update=update)
    return config.model_copy(update={"training": resized, "adapter": adapter})
