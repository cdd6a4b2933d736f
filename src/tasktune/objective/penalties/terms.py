"""The penalties of a run, added to the losses of their tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tasktune.batching.batch import Batch
from tasktune.model.task_model import Outputs, TaskModel
from tasktune.objective.penalties.alignment import Alignment
from tasktune.objective.penalties.base import Noise, Penalty, PenaltyInput


@dataclass(frozen=True)
class Schedule:
    """A weight over the steps of a run.

    :param weights: by the step at which each is reached; linear between them.
    """

    weights: Mapping[int, float]

    def at(self, step: int) -> float:
        """The weight of ``step``, counted from 0."""
        steps = sorted(self.weights)
        return float(np.interp(step, steps, [self.weights[known] for known in steps]))


@dataclass(frozen=True)
class Term:
    """One penalty of one task.

    :param name: the method's.
    """

    name: str
    task: int
    weight: Schedule
    penalty: Penalty


@dataclass(frozen=True)
class Disturbance:
    """One noise of one task."""

    task: int
    weight: Schedule
    noise: Noise


class Penalties(nn.Module):
    """All of a run's penalties.

    What a penalty adds to a task's *summed* loss is its value times the task's targets in the
    batch, so that after the one division each forward pass counts by its targets. A penalty that is
    a mean over targets is then the same however the batch is split; one that compares the examples
    of a forward pass, such as an alignment, is the mean over micro-batches.
    """

    def __init__(self, terms: Sequence[Term], disturbances: Sequence[Disturbance] = ()) -> None:
        super().__init__()
        self.terms = list(terms)
        self.disturbances = list(disturbances)
        self.penalties = nn.ModuleList([term.penalty for term in terms])
        self._sums: dict[tuple[int, str], Tensor] = {}
        self._passes: dict[tuple[int, str], int] = {}

    @property
    def aligned(self) -> list[int]:
        """The tasks whose batches have to hold features of two domains."""
        return [term.task for term in self.terms if isinstance(term.penalty, Alignment)]

    @property
    def read_twice(self) -> set[int]:
        """The tasks whose examples go into a batch twice."""
        return {term.task for term in self.terms if term.penalty.reads_twice}

    def begin(self, model: TaskModel, step: int) -> None:
        """Sets the noise of ``step``'s forward passes."""
        for disturbance in self.disturbances:
            disturbance.noise.apply(model, disturbance.task, disturbance.weight.at(step))

    def sums(
        self, model: TaskModel, outputs: Outputs, batch: Batch, step: int, progress: float
    ) -> Tensor:
        """What is added to each present task's summed loss, ``[K]``."""
        added = [outputs.pooled.new_zeros((), dtype=torch.float32) for _ in batch.tasks]
        active = [
            term for term in self.terms if term.task in batch.tasks and term.weight.at(step) > 0
        ]
        readers = {term.task for term in active if term.penalty.reads_base}
        base = base_logits(model, batch, readers) if readers else {}
        for term in active:
            seen = PenaltyInput(model, term.task, batch, outputs, base.get(term.task), progress)
            value = term.penalty(seen)
            position = batch.tasks.index(term.task)
            targets = sum(item.target_count for item in batch.items if item.task == term.task)
            added[position] = added[position] + term.weight.at(step) * targets * value
            self._note(term, value.detach())
        return torch.stack(added)

    def values(
        self, reduce: Callable[[Tensor], Tensor] | None = None
    ) -> dict[int, dict[str, float]]:
        """Each term's mean value since it was last asked for, before its weight, by task.

        :param reduce: sums a tensor over ranks; ``None`` where there is one.
        """
        found: dict[int, dict[str, float]] = {}
        for task, name, total, count in self.since_last_line(reduce):
            if count and math.isfinite(total):
                found.setdefault(task, {})[name] = total / count
        self._sums, self._passes = {}, {}
        return found

    def since_last_line(
        self, reduce: Callable[[Tensor], Tensor] | None = None
    ) -> list[tuple[int, str, float, float]]:
        """Each term's task, name, sum of values and number of them, over ranks: JSON."""
        keys = list(dict.fromkeys((term.task, term.name) for term in self.terms))
        if not keys:
            return []
        passes = torch.tensor([float(self._passes.get(key, 0)) for key in keys])
        nothing = passes.new_zeros(())
        sums = torch.stack([self._sums.get(key, nothing).float().cpu() for key in keys])
        both = torch.stack([sums, passes])
        sums, passes = both if reduce is None else reduce(both)
        rows = zip(keys, sums.tolist(), passes.tolist(), strict=True)
        return [(*key, total, count) for key, total, count in rows]

    def go_on(self, totals: Sequence[tuple[int, str, float, float]]) -> None:
        """Takes up what ``since_last_line`` gave; for one rank of perhaps several."""
        for task, name, total, count in totals:
            self._sums[task, name] = torch.tensor(total)
            self._passes[task, name] = int(count)

    def _note(self, term: Term, value: Tensor) -> None:
        if not torch.is_grad_enabled():  # a look back after the update is no training
            return
        key = term.task, term.name
        self._sums[key] = self._sums.get(key, torch.zeros_like(value)) + value
        self._passes[key] = self._passes.get(key, 0) + 1


@torch.no_grad()
def base_logits(model: TaskModel, batch: Batch, tasks: Collection[int]) -> dict[int, Tensor]:
    """The base model's logits of some tasks' targets, ``[N_k, V]`` each, by one more pass.

    The routing is left as the batch has it: gradient checkpointing reads it again.
    """
    chosen = model.collate([item for item in batch.items if item.task in tasks])
    training = model.training
    model.eval()
    with model.base_only():
        logits = model(chosen).target_logits
        bounds = zip(
            chosen.tasks, chosen.target_offsets[:-1], chosen.target_offsets[1:], strict=True
        )
        found = {task: logits.between(start, end) for task, start, end in bounds}
    model.train(training)
    model.routing.point(batch.tasks, batch.task_offsets)
    return found
