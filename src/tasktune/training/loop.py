"""The training loop, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from tasktune.batching.examples import training_item
from tasktune.batching.packing import Item
from tasktune.config import TrainingConfig
from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts
from tasktune.objective.update import Update, backward
from tasktune.objective.weightings import Weighting
from tasktune.sampling.sampler import Sampler
from tasktune.training.checkpoint import load_model, load_training_state, save_checkpoint
from tasktune.training.journal import Journal
from tasktune.training.schedule import learning_rate

Evaluate = Callable[[], dict[str, dict[str, float]]]
Report = Callable[[dict[str, Any]], None]


@dataclass
class Loop:
    """What a run trains with.

    :param evaluate: each task's validation metrics, called every ``evaluate_every`` steps.
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
        self.tokens = torch.zeros(len(self.tasks), dtype=torch.int64)

    def run(self, checkpoint: Path | None = None) -> None:
        """Trains to the last step, from the start or from a checkpoint."""
        start = self.resume(checkpoint) if checkpoint else 0
        journal = Journal(self.folder / "metrics.jsonl", resume_from=start)
        log = StepLog(self)
        self.model.train()
        for step in range(start, self.training.steps):
            update, norm = self.step(step)
            log.add(update)
            done = step + 1
            if done % self.training.log_every == 0 or done == self.training.steps:
                self.publish(journal, log.line(done, norm))
            if self.evaluate_every and done % self.evaluate_every == 0:
                self.publish(journal, {"step": done, "evaluation": self.evaluate()})
                self.model.train()
                log.restart_clock()
            if done % self.training.checkpoint_every == 0 or done == self.training.steps:
                self.save(done)
                log.restart_clock()

    def step(self, step: int) -> tuple[Update, float]:
        """One update; returns what went into it and the gradient's norm before clipping."""
        torch.manual_seed(self.noise_seed(step))
        items = self.items(step)
        counts = loss_counts(items, len(self.tasks))
        mine = self.micro_batches(items)
        self.optimizer.zero_grad(set_to_none=True)
        update = backward(
            self.model,
            (self.model.collate(micro) for micro in mine),
            counts,
            self.weighting,
            step,
            autocast=self.accelerator.autocast,
            reduce=self.sum_over_ranks,
        )
        self.reduce_gradients()
        norm = self.clip()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, self.training)
        self.optimizer.step()
        return update, norm

    def items(self, step: int) -> list[Item]:
        """The examples of the whole effective batch: the same on every rank."""
        draws = self.sampler.batch(step)
        items = []
        for draw in draws:
            task = self.tasks[draw.task]
            items.append(training_item(task, task.train, draw.example))
            self.tokens[draw.task] += len(items[-1].input_ids)
        return items

    def micro_batches(self, items: Sequence[Item]) -> list[list[Item]]:
        """This rank's share of the step, in pieces of at most ``micro_batch_tokens``.

        Each rank takes every n-th example and cuts what it has into pieces, so no rank waits for a
        token count: what a loss is divided by was counted before.
        """
        limit = self.training.micro_batch_tokens or self.training.batch_tokens
        share = items[self.accelerator.process_index :: self.accelerator.num_processes]
        pieces: list[list[Item]] = []
        room = 0
        for item in share:
            if len(item.input_ids) > room:
                pieces.append([])
                room = limit
            pieces[-1].append(item)
            room -= len(item.input_ids)
        return pieces

    def noise_seed(self, step: int) -> int:
        """Dropout is a function of seed, step and rank, so a checkpoint need not keep it."""
        rank = int(self.accelerator.process_index)
        return (self.seed * 1_000_003 + step) * 4_099 + rank

    def sum_over_ranks(self, tensor: Tensor) -> Tensor:
        """``tensor`` summed over ranks."""
        if self.accelerator.num_processes == 1:
            return tensor
        summed: Tensor = self.accelerator.reduce(tensor, reduction="sum")
        return summed

    def reduce_gradients(self) -> None:
        """Sums the gradients over ranks in one collective, in the parameters' own order."""
        if self.accelerator.num_processes == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        summed = self.sum_over_ranks(torch.cat([g.flatten() for g in gradients]))
        pieces = summed.split([g.numel() for g in gradients])
        for parameter, piece in zip(self.parameters, pieces, strict=True):
            parameter.grad = piece.view_as(parameter)

    def clip(self) -> float:
        """Clips the gradient; returns its norm before."""
        limit = self.training.max_gradient_norm or float("inf")
        return float(torch.nn.utils.clip_grad_norm_(self.parameters, limit))

    def publish(self, journal: Journal, line: dict[str, Any]) -> None:
        """A line to the log, the trackers and whoever watches; from the first rank only."""
        if not self.accelerator.is_main_process:
            return
        journal.write(line)
        self.report(line)
        if self.training.trackers:
            self.accelerator.log(flatten(line), step=line["step"])

    def save(self, step: int) -> None:
        """Writes a checkpoint from the first rank."""
        if self.accelerator.is_main_process:
            save_checkpoint(
                self.folder / "checkpoints",
                step,
                self.model.trainable_state(),
                self.optimizer.state_dict(),
                {
                    "sampler": self.sampler.state_dict(),
                    "weighting": self.weighting.state_dict(),
                    "tokens": self.tokens.tolist(),
                },
                keep=self.training.keep_checkpoints,
            )
        self.accelerator.wait_for_everyone()

    def resume(self, checkpoint: Path) -> int:
        """Takes up everything that ``save`` wrote; returns the step to go on from."""
        optimizer, state = load_training_state(checkpoint)
        try:
            self.model.load_trainable_state(load_model(checkpoint))
            self.optimizer.load_state_dict(optimizer)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{checkpoint}: {error}; resume with the YAML of that run") from None
        self.sampler.load_state_dict(state["sampler"])
        self.weighting.load_state_dict(state["weighting"])
        self.tokens = torch.tensor(state["tokens"])
        return int(state["step"])


class StepLog:
    """Sums up the steps since the last line of the log."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.started = time.perf_counter()
        self.restart()

    def restart(self) -> None:
        """Begins a new line."""
        count = len(self.loop.tasks)
        self.loss, self.steps = 0.0, 0
        self.losses, self.weights, self.seen = (torch.zeros(count) for _ in range(3))
        self.drawn = self.loop.sampler.drawn.copy()
        self.tokens = int(self.loop.tokens.sum())
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leaves what was not training, such as an evaluation, out of tokens per second."""
        self.timed_from = time.perf_counter()
        self.timed_tokens = int(self.loop.tokens.sum())

    def add(self, update: Update) -> None:
        """One more step."""
        present = list(update.present)
        self.losses[present] += update.losses
        self.weights[present] += update.weights
        self.seen[present] += 1
        self.loss += update.loss
        self.steps += 1

    def line(self, step: int, norm: float) -> dict[str, Any]:
        """The line of ``step``, and a new beginning."""
        seconds = time.perf_counter() - self.timed_from
        tokens = int(self.loop.tokens.sum()) - self.timed_tokens
        sampler = self.loop.sampler
        drawn = sampler.drawn - self.drawn
        planned = sampler.mixture.rates(step - 1, sampler.statistics)
        line = {
            "step": step,
            "time": round(time.perf_counter() - self.started, 3),
            "tokens_per_second": round(tokens / max(seconds, 1e-9), 1),
            "learning_rate": learning_rate(step - 1, self.loop.training),
            "loss": self.loss / max(self.steps, 1),
            "gradient_norm": norm,
            "tasks": {
                task.name: self.task_line(k, drawn[k] / max(drawn.sum(), 1), planned[k])
                for k, task in enumerate(self.loop.tasks)
            },
        }
        self.restart()
        return line

    def task_line(self, k: int, rate: float, planned: float) -> dict[str, float | int | None]:
        """One task's part; loss and weight are means over the steps that it was in."""
        seen = float(self.seen[k])
        return {
            "loss": float(self.losses[k]) / seen if seen else None,
            "weight": float(self.weights[k]) / seen if seen else None,
            "rate": float(rate),
            "planned_rate": float(planned),
            "examples": int(self.loop.sampler.drawn[k]),
            "tokens": int(self.loop.tokens[k]),
            "epochs": float(self.loop.sampler.epochs()[k]),
        }


def flatten(line: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested numbers as ``tasks/sst2/loss``, which is how trackers draw them."""
    flat: dict[str, float] = {}
    for key, value in line.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}/"))
        elif isinstance(value, (int, float)):
            flat[f"{prefix}{key}"] = value
    return flat
