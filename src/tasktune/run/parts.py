"""A run's parts: tasks, model, sampler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from tasktune.config import RunConfig
from tasktune.config_file import load_config
from tasktune.data import Task, prepare
from tasktune.data.prepare import default_cache
from tasktune.errors import UserError, nearest
from tasktune.evaluation import check_metrics
from tasktune.evaluation.losses import example_losses
from tasktune.evaluation.outlines import read_outlines
from tasktune.model.build import build_base, build_layout, build_model, check_kinds
from tasktune.model.loading import BaseModel, load_tokenizer, model_fingerprint
from tasktune.model.task_model import TaskModel
from tasktune.objective.build import (
    build_weighting,
    check_look_ahead,
)
from tasktune.objective.build_penalties import build_penalties, check_penalties
from tasktune.objective.penalties import Penalties
from tasktune.sampling.admission import Admission, RunCurriculum
from tasktune.sampling.balance import groups_of
from tasktune.sampling.mixtures import Mixture, mixtures
from tasktune.sampling.sampler import Sampler
from tasktune.training.checkpoint import (
    load_tensors,
    trained_parameters,
)
from tasktune.training.devices import build_accelerator
from tasktune.training.monitor import check_monitor
from tasktune.training.receipt import Plan, check_budget, plan
from tasktune.training.sharding import check_sharding, shard_base
from tasktune.training.task_facts import task_facts

CONFIG = "config.yaml"
Say = Callable[[str], None]


class Parts:
    """What a run is made of; each part is made when it is first asked for.

    :param config: the whole description.
    :param say: is told, in a line each, what the user should know.
    """

    def __init__(self, config: RunConfig, say: Say = lambda line: None) -> None:
        self.config = config
        self.folder = Path(config.output)
        self.say = say
        self.opened = False  # whether from the folder of a run that has begun
        self.trained = False  # whether the model holds trained parameters
        self.loaded: Path | None = None
        self.layout = build_layout(config)  # misspelt methods are refused before anything heavy
        self.mixture: Mixture = mixtures.build(
            config.mixture.strategy,
            config.mixture.options,
            "mixture",
            {"names": tuple(config.tasks)},
            config.mixture.own_keys,
        )
        self.curriculum = RunCurriculum(config)
        self.weighting = build_weighting(config, self.layout)
        steps = config.training.steps
        checks = self.mixture.check(steps), self.weighting.check(steps)
        for note in (*self.curriculum.check(steps), *checks):
            if note:
                say(note)
        if self.weighting.looks_back:
            say(f"weighting: {config.weighting.method} takes one more forward pass a step")
        check_look_ahead(config, self.layout)
        check_penalties(config)
        check_sharding(config, self.curriculum)
        check_monitor(config)
        check_metrics(config)

    @classmethod
    def open(cls, path: Path, overrides: Sequence[str] = (), say: Say = lambda line: None) -> Self:
        """Opens a YAML file, or the folder of a run that has begun.

        :raises UserError: if there is no such file or it can't be run.
        """
        if not path.is_dir():
            return cls(load_config(path, list(overrides)), say)
        if not (path / CONFIG).is_file():
            raise UserError(f"{path} holds no {CONFIG}; name a run's folder or its YAML file")
        run = cls(load_config(path / CONFIG, list(overrides)), say)
        if not any(override.startswith("output=") for override in overrides):
            run.folder, run.opened = path, True
        return run

    @cached_property
    def accelerator(self) -> Accelerator:
        """Device, precision and ranks."""
        return build_accelerator(self.config.training, self.folder)

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks, read, rendered and tokenised; from the cache where nothing changed."""
        check_kinds(self.config)
        tokenizer = load_tokenizer(self.config.model, self.config.folder)
        # one rank of a machine prepares and its others read what it wrote
        with self.accelerator.local_main_process_first():
            first = self.accelerator.is_main_process
            tasks = prepare(self.config, tokenizer, cache=None, progress=first)
        for task in tasks:
            for note in task.notes:
                self.say(f"tasks.{task.name}: {note}")
        return tasks

    @cached_property
    def outlines(self) -> list[Task]:
        """The tasks as far as predicting goes: from the run's folder, where it has them."""
        kept = read_outlines(self.folder, self.config) if self.opened else None
        return self.tasks if kept is None else kept

    @cached_property
    def base(self) -> BaseModel:
        """The frozen base model."""
        draws = self.config.model.random_weights  # which the first rank writes and others read
        with self.accelerator.main_process_first() if draws else nullcontext():
            place = torch.device("cpu") if self.is_sharded else None  # cut before it is moved
            return build_base(self.config, self.accelerator.device, self.folder, place)

    @property
    def is_sharded(self) -> bool:
        """Whether the base is cut over the processes that a launcher started.

        One may be all there are: it can leave its part in CPU memory.
        """
        self.accelerator  # noqa: B018  which makes the group
        return self.config.training.sharding == "base" and torch.distributed.is_initialized()

    @cached_property
    def model(self) -> TaskModel:
        """The model with fresh adapters; training changes it in place."""
        model, notes = build_model(self.config, self.outlines, self.base)
        for note in notes:
            self.say(note)
        if self.is_sharded:
            processes = self.accelerator.num_processes
            offload = self.config.training.offload
            shard_base(model, self.accelerator.device, processes, offload=offload)
        return model

    @cached_property
    def penalties(self) -> Penalties | None:
        """Further terms of the losses; their parameters train and are saved with the model's."""
        torch.manual_seed(self.config.seed)
        facts = task_facts(self.tasks, self.layout)
        penalties = build_penalties(self.config, facts, self.model)
        if penalties is not None:
            self.model.beside["penalties"] = penalties.to(self.model.device)
        return penalties

    def trained_model(self) -> TaskModel:
        """The model as far as the run's last checkpoint.

        :raises UserError: if there is none yet.
        """
        parameters = trained_parameters(self.folder, self.config.monitor.keep)
        if parameters != self.loaded:
            self.model.load_trainable_state(load_tensors(parameters), beside=False)
            self.loaded = parameters
            self.trained = True
        return self.model

    @cached_property
    def sampler(self) -> Sampler:
        """Draws the batches.

        :raises UserError: if ``batch_tokens`` is smaller than the longest example.
        """
        training = self.config.training
        check_budget(self.tasks, training)
        return Sampler(
            [task.name for task in self.tasks],
            [task.train.lengths for task in self.tasks],
            self.mixture,
            training.batch_tokens,
            self.config.seed,
            self.admission(),
            steps=training.steps,
            groups=[groups_of(task) for task in self.tasks],
            max_epochs=np.array([task.config.max_epochs or np.inf for task in self.tasks]),
        )

    def admission(self) -> Admission:
        """What the curriculum lets the sampler draw, its difficulties measured."""
        losses = None
        base = ""
        if self.curriculum.needs_losses:
            self.say("curriculum: measuring the base model's loss of each training example")
            losses = self.base_losses
            base = model_fingerprint(self.model.source)
        # the first rank measures losses and the others read them: they must agree to the last bit
        with self.accelerator.main_process_first():
            admission, notes = self.curriculum.admission(
                self.tasks, losses=losses, base=base, cache=default_cache()
            )
        for note in notes:
            self.say(note)
        return admission

    def base_losses(self, task: Task) -> NDArray[np.float64]:
        """The base model's mean loss of each training example of a task, ``[n]``."""
        budget = self.config.evaluation.batch_tokens
        with self.model.base_only():
            chosen = np.arange(len(task.train))
            return example_losses(self.model, task, task.train, chosen, budget).means

    def plan(self) -> list[Plan]:
        """What each task is going to see: examples, tokens and epochs."""
        return plan(self.sampler, self.config.training.steps)

    def task(self, name: str) -> Task:
        """The task called ``name``.

        :raises UserError: if there is none.
        """
        return named(self.tasks, name)

    def outline(self, name: str) -> Task:
        """The task called ``name`` as far as predicting goes: its data may be gone.

        :raises UserError: if there is none.
        """
        return named(self.outlines, name)


def named(tasks: Sequence[Task], name: str) -> Task:
    """The task called ``name``.

    :raises UserError: if there is none.
    """
    for task in tasks:
        if task.name == name:
            return task
    raise UserError(f"unknown task '{name}'; {nearest(name, [task.name for task in tasks])}")
