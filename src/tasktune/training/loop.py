"""The training loop, top to bottom."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGTERM
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from tasktune.config import TrainingConfig
from tasktune.data import Task
from tasktune.errors import Interrupted, UserError
from tasktune.model.task_model import TaskModel
from tasktune.objective.lookahead import lookahead
from tasktune.objective.losses import loss_counts
from tasktune.objective.penalties import Penalties
from tasktune.objective.update import NotFinite, Step, Update, backward, losses_again
from tasktune.objective.weightings import Weighting
from tasktune.sampling.sampler import Sampler
from tasktune.training.batches import Batches
from tasktune.training.checkpoint import (
    BEST,
    load_model,
    load_tensors,
    load_training_state,
    save_best,
    save_checkpoint,
)
from tasktune.training.cost import CostMeter
from tasktune.training.devices import autocast
from tasktune.training.interrupts import Interrupts
from tasktune.training.journal import Journal, flatten
from tasktune.training.monitor import Monitor
from tasktune.training.run_folder import writing
from tasktune.training.schedule import learning_rate
from tasktune.training.skipping import SkippedSteps
from tasktune.training.step_log import StepLog, ahead
from tasktune.training.task_rates import TaskRates

Evaluate = Callable[[], dict[str, dict[str, float]]]
Report = Callable[[dict[str, Any]], None]


@dataclass
class Loop:
    """What a run trains with.

    :param evaluate: each task's validation metrics, called every ``evaluate_every`` steps.
    :param monitor: watches how the tasks fit.
    :param rates: takes the optimiser's step.
    :param private_from: the step at which private adapters begin to train.
    :param penalties: extra terms of the tasks' losses.
    :param report: is shown each line of the log.
    """

    training: TrainingConfig
    seed: int
    folder: Path
    tasks: Sequence[Task]
    model: TaskModel
    sampler: Sampler
    weighting: Weighting
    accelerator: Accelerator
    evaluate: Evaluate
    evaluate_every: int
    report: Report
    monitor: Monitor
    rates: TaskRates
    private_from: int = 0
    penalties: Penalties | None = None

    def __post_init__(self) -> None:
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.parameters = parameters
        self.optimizer = torch.optim.AdamW(
            parameters,
            lr=self.training.learning_rate,
            betas=self.training.betas,
            weight_decay=self.training.weight_decay,
            fused=True,
        )
        self.batches = Batches(
            self.training,
            self.tasks,
            self.sampler,
            self.accelerator,
            self.seed,
            read_twice=self.penalties.read_twice if self.penalties is not None else set(),
            aligned=self.penalties.aligned if self.penalties is not None else [],
        )
        self.ahead: dict[str, Any] | None = None  # what the last step's look ahead found
        self.skipped = SkippedSteps(self.model, self.tasks)
        self.log = StepLog(self.tasks, self.sampler)

    def run(self, start: int = 0) -> None:
        """Trains to the last step.

        :param start: the step to go on from, as ``resume`` has it.
        """
        journal = None
        if self.accelerator.is_main_process:
            with writing(self.folder):
                journal = Journal(self.folder / "metrics.jsonl", resume_from=start)
        cost = CostMeter(self.folder, self.model.device, start)
        self.model.train()
        with Interrupts() as interrupts:
            if start == 0 and self.monitor.due(0):
                self.look(journal, 0)
            self.steps(start, journal, cost, interrupts)
        if self.monitor.config.keep == "best" and self.monitor.best is not None:
            self.keep_best()

    def steps(
        self, start: int, journal: Journal | None, cost: CostMeter, interrupts: Interrupts
    ) -> None:
        """All steps from ``start`` on.

        :raises Interrupted: after a signal, with everything saved.
        :raises UserError: if nothing but steps without a usable gradient is left, or a file can't
            be written.
        """
        log = self.log
        for step in range(start, self.training.steps):
            if self.finished:
                break
            try:
                update, norm = self.step(step)
            except NotFinite as problem:
                self.optimizer.zero_grad(set_to_none=True)
                norm = None
                found = self.skipped.skip(step, problem.tasks, self.batches.draws)
                self.publish(journal, {"step": step + 1, "skipped": found})
            else:
                self.skipped.taken()
                self.observe(step, update)
            cost.sample()
            done = step + 1
            if self.ahead is not None:
                self.publish(journal, {"step": done, "lookahead": self.ahead})
                log.restart_clock()
            if self.is_logged(done):
                line = log.line(done, learning_rate(step, self.training), norm, self.batches.tokens)
                for task, values in self.penalty_values().items():
                    line["tasks"][self.tasks[task].name]["penalties"] = values
                self.publish(journal, line)
            if self.monitor.due(done):
                self.look(journal, done)
                log.restart_clock()
            if self.evaluate_every and done % self.evaluate_every == 0:
                self.publish(journal, {"step": done, "evaluation": self.evaluate()})
                self.model.train()
                log.restart_clock()
            last = done == self.training.steps or self.finished
            signal = 0 if last else self.agreed(interrupts.noted, done)
            if done % self.training.checkpoint_every == 0 or last or signal:
                self.save(done)
                if self.accelerator.is_main_process:
                    with writing(self.folder):
                        cost.write()
                log.restart_clock()
            if signal:
                raise Interrupted(signal, f"stopped after step {done:,} and saved")

    @property
    def finished(self) -> bool:
        """Whether the monitor has frozen every task that ``max_epochs`` left to train."""
        frozen = np.array(self.monitor.frozen)
        return bool(frozen.any() and (frozen | self.sampler.used_up).all())

    def observe(self, step: int, update: Update) -> None:
        """Tells everything that learns from steps of one that was taken."""
        self.log.add(update, int(self.batches.tokens.sum()))
        self.monitor.observe(step, update)
        if self.sampler.learns:
            losses = zip(update.present, update.losses.tolist(), strict=True)
            self.sampler.observe(step, dict(losses))

    def agreed(self, signal: int, done: int) -> int:
        """The signal that some rank was sent, on all ranks after the same step; 0 for none.

        With several ranks they only ask each other where a line is logged: a step has no other
        reason to wait.
        """
        if self.accelerator.num_processes == 1:
            return signal
        if not self.is_logged(done):
            return 0
        noted = torch.tensor(float(signal), device=self.accelerator.device)
        return int(self.sum_over_ranks(noted)) and (signal or SIGTERM)

    def look(self, journal: Journal | None, done: int) -> None:
        """Lets the monitor look after step ``done``, and does as it says."""
        found = self.monitor.look(done, self.sampler.epochs())
        self.obey_monitor()
        self.publish(journal, {"step": done, "monitor": found})
        self.model.train()

    def obey_monitor(self) -> None:
        """Draws and trains tasks as the monitor has them."""
        self.sampler.cooling = self.monitor.rates
        self.rates.cooling = self.monitor.rates.tolist()

    def keep_best(self) -> None:
        """Leaves the best parameters in the model and in the run's folder."""
        found = self.monitor.compose()
        if self.accelerator.is_main_process:
            with writing(self.folder):
                save_best(self.folder, self.model.trainable_state(), found)
        self.accelerator.wait_for_everyone()

    def step(self, step: int) -> tuple[Update, float]:
        """One update; returns what went into it and the gradient's norm before clipping.

        :raises NotFinite: if a loss or gradient is no number; then nothing was changed.
        """
        torch.manual_seed(self.noise_seed(step))
        bundles = self.batches.draw(step)
        items = [item for bundle in bundles for item in bundle]
        if self.penalties is not None:
            self.penalties.begin(self.model, step)
        taken = Step(
            number=step,
            batches=[self.model.collate(micro) for micro in self.batches.micro_batches(bundles)],
            idle=[self.model.collate(bundles[0]) for _ in range(self.batches.idle_passes(bundles))],
            counts=loss_counts(items, len(self.tasks)),
            autocast=partial(autocast, self.model.device, self.training.precision),
            reduce=self.reduce,
            penalties=self.penalties,
            progress=step / self.training.steps,
            watch=self.training.watch_conflict and self.is_logged(step + 1),
        )
        self.ahead = self.look_ahead(taken)
        self.optimizer.zero_grad(set_to_none=True)
        update = backward(self.model, taken, self.weighting)
        if step < self.private_from:
            for parameter in self.model.private_parameters():
                parameter.grad = None  # which AdamW takes for no step at all
        norm = self.clip()
        if not math.isfinite(norm):
            raise NotFinite(update.present)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, self.training)
        self.rates.step(self.optimizer, learning_rate(step, self.training))
        if self.weighting.looks_back:
            torch.manual_seed(self.noise_seed(step))  # the same dropout as before the update
            found = losses_again(self.model, taken)
            if bool(found.losses.isfinite().all()):
                self.weighting.observe(found)
        return update, norm

    def look_ahead(self, step: Step) -> dict[str, Any] | None:
        """What a step for each task alone would do, every ``look_ahead_every`` steps."""
        every = self.training.look_ahead_every
        if not every or step.number % every:
            return None
        found = lookahead(self.model, step, learning_rate(step.number, self.training))
        return ahead(found, [self.tasks[k].name for k in step.present])

    def is_logged(self, done: int) -> bool:
        """Whether a line is written after step ``done``, counted from 1."""
        return done % self.training.log_every == 0 or done == self.training.steps

    def noise_seed(self, step: int) -> int:
        """Dropout is a function of seed, step and rank, so a checkpoint need not keep it."""
        rank = int(self.accelerator.process_index)
        return (self.seed * 1_000_003 + step) * 4_099 + rank

    @property
    def reduce(self) -> Callable[[Tensor], Tensor] | None:
        """Sums a tensor over ranks; ``None`` where there is one."""
        return self.sum_over_ranks if self.accelerator.num_processes > 1 else None

    def sum_over_ranks(self, tensor: Tensor) -> Tensor:
        """``tensor`` summed over ranks, on its device."""
        summed = tensor.to(self.accelerator.device)
        torch.distributed.all_reduce(summed)
        return summed.to(tensor.device)

    def penalty_values(self) -> dict[int, dict[str, float]]:
        """The penalties' mean values over the steps since the last line and over ranks, by task."""
        return {} if self.penalties is None else self.penalties.values(self.reduce)

    def clip(self) -> float:
        """Clips the gradient; returns its norm before."""
        limit = self.training.max_gradient_norm or float("inf")
        return float(torch.nn.utils.clip_grad_norm_(self.parameters, limit))

    def publish(self, journal: Journal | None, line: dict[str, Any]) -> None:
        """A line to the log, the trackers and whoever watches.

        :param journal: that of the first rank; the others have none and say nothing.
        """
        if journal is None:
            return
        with writing(self.folder):
            journal.write(line)
        self.report(line)
        if self.training.trackers:
            self.accelerator.log(flatten(line), step=line["step"])

    def save(self, step: int) -> None:
        """Writes a checkpoint from the first rank.

        :raises UserError: if the disk is full, say; the checkpoints before stay.
        """
        values = self.penalties.since_last_line(self.reduce) if self.penalties is not None else []
        if self.accelerator.is_main_process:
            state = {
                "sampler": self.sampler.state_dict(),
                "weighting": self.weighting.state_dict(),
                "targets": self.batches.targets.state_dict(),
                "monitor": self.monitor.state_dict(),
                "log": self.log.state_dict(),
                "skipped": self.skipped.state_dict(),
                "penalties": values,
                "tokens": self.batches.tokens.tolist(),
            }
            with writing(self.folder):
                save_checkpoint(
                    self.folder / "checkpoints",
                    step,
                    self.model.trainable_state(),
                    self.optimizer.state_dict(),
                    state,
                    keep=self.training.keep_checkpoints,
                    best=self.monitor.best.tensors() if self.monitor.best is not None else None,
                )
        self.accelerator.wait_for_everyone()

    def resume(self, checkpoint: Path) -> int:
        """Takes up everything that ``save`` wrote; returns the step to go on from.

        :raises UserError: if it is of another run than the YAML describes.
        """
        optimizer, state = load_training_state(checkpoint)
        try:
            self.model.load_trainable_state(load_model(checkpoint))
            self.optimizer.load_state_dict(optimizer)
            self.sampler.load_state_dict(state["sampler"])
            self.weighting.load_state_dict(state["weighting"])
            self.batches.targets.load_state_dict(state["targets"])
            best = load_tensors(checkpoint / BEST) if self.monitor.best is not None else {}
            self.monitor.load_state_dict(state["monitor"], best)
            self.batches.tokens = torch.tensor(state["tokens"])
            self.log.load_state_dict(state["log"], int(self.batches.tokens.sum()))
            self.skipped.load_state_dict(state["skipped"])
            if self.penalties is not None and self.accelerator.is_main_process:
                self.penalties.go_on(state["penalties"])
        except (ValueError, RuntimeError, KeyError) as error:
            said = f"it holds no {error}" if isinstance(error, KeyError) else error
            raise UserError(f"{checkpoint}: {said}; resume with the YAML of that run") from None
        for group in self.optimizer.param_groups:  # which may be others from now on
            group.update(betas=self.training.betas, weight_decay=self.training.weight_decay)
        self.obey_monitor()
        return int(state["step"])
