"""The sampler: which examples make up the batch of a step.

The batch is a function of the seed, the step and what was drawn before, and of nothing else: not of
worker count, rank count or time. A checkpoint holds a few numbers a task, and resume is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.errors import UserError
from tasktune.sampling.admission import Admission
from tasktune.sampling.mixtures import Mixture
from tasktune.sampling.observation import Observation, TaskStatistics
from tasktune.sampling.order import TaskOrder
from tasktune.sampling.task_curricula.none import AllTasks


@dataclass(frozen=True)
class Draw:
    """One example of one task, by their indices."""

    task: int
    example: int


class Sampler:
    """Draws tasks at the mixture's rates and each task's examples without replacement.

    Tasks take turns by credit: each draw adds a task's rate to its credit and the task with the
    most pays 1. So over any stretch a task's share of draws is its rate to within a draw or two,
    where drawing at random would leave a small task out of many batches. Examples come from a
    permutation of the task's training set, a new one every epoch.

    A curriculum acts twice: over tasks it changes the mixture's rates, which then sum to 1 again;
    over examples it says how many of a task's easiest ones an epoch goes over (``TaskOrder``).

    :param lengths: tokens of each training example, one array a task.
    :param batch_tokens: the budget of a batch; a batch holds as many examples as fit.
    :param curriculum: what may be drawn when; everything at any time where absent.
    """

    def __init__(
        self,
        names: Sequence[str],
        lengths: Sequence[NDArray[np.int64]],
        mixture: Mixture,
        batch_tokens: int,
        seed: int,
        curriculum: Admission | None = None,
    ) -> None:
        self.lengths = list(lengths)
        self.mixture = mixture
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.curriculum = curriculum
        sizes = np.array([len(task) for task in lengths], dtype=np.int64)
        difficulty = curriculum.difficulty if curriculum else None
        self.statistics = TaskStatistics(tuple(names), sizes, difficulty)
        self.credit = np.zeros(len(lengths))
        self.drawn = np.zeros(len(lengths), dtype=np.int64)
        easiest_first = curriculum.orders if curriculum else [None] * len(lengths)
        self.orders = [
            TaskOrder(int(size), (seed, k), easiest_first[k]) for k, size in enumerate(sizes)
        ]
        self._ranks = {  # the share of a task's examples that come before each
            k: np.arange(order.size) / order.size
            for k, order in enumerate(self.orders)
            if order.easiest_first is not None
        }
        self._latest: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None

    def batch(self, step: int) -> list[Draw]:
        """The examples of the batch of ``step``, for all ranks together, in the order drawn.

        :raises UserError: if the curriculum leaves no task to draw from.
        """
        rates = self.rates(step)
        counts = self.counts(step)
        closed = np.flatnonzero(rates <= 0)
        before = self.drawn.copy()
        draws: list[Draw] = []
        tokens = 0
        while True:
            credit = self.credit + rates
            credit[closed] = -np.inf
            task = int(np.argmax(credit))
            example = self.orders[task].peek(counts[task])
            tokens += int(self.lengths[task][example])
            if draws and tokens > self.batch_tokens:
                break  # the example that did not fit is the next batch's first of its task
            draws.append(Draw(task, example))
            self.credit += rates
            self.credit[task] -= 1
            self.drawn[task] += 1
            self.orders[task].advance()
        self._latest = (self.drawn - before, rates)
        return draws

    def rates(self, step: int) -> NDArray[np.float64]:
        """The rate at which each task is drawn at ``step``, ``[K]``, summing to 1.

        :raises UserError: if the curriculum leaves no task to draw from.
        """
        rates = self.mixture.rates(step, self.statistics)
        if self.curriculum is None:
            return rates
        rates = self.curriculum.tasks.rates(step, rates, self.statistics)
        total = rates.sum()
        if not total > 0:
            raise UserError(
                f"curriculum.tasks: every task that is open at step {step} has a rate of 0 in the"
                " mixture; open another task or change the mixture"
            )
        return np.asarray(rates / total)

    def counts(self, step: int) -> list[int]:
        """How many of each task's examples are admitted at ``step``, the easiest, ``[K]``."""
        counts = [order.size for order in self.orders]
        if self._ranks and self.curriculum is not None:
            share = self.curriculum.examples.share(step)
            for k, ranks in self._ranks.items():
                counts[k] = int(np.searchsorted(ranks, share))
        return counts

    def admitted(self, step: int) -> dict[str, float]:
        """The share of each task's examples that may be drawn at ``step``; 0 for a closed task."""
        found = zip(self.orders, self.counts(step), self.rates(step), strict=True)
        shares = [count / order.size if rate > 0 else 0.0 for order, count, rate in found]
        return dict(zip(self.statistics.names, shares, strict=True))

    @property
    def is_even(self) -> bool:
        """Whether the first and the last step draw from the same tasks and examples."""
        return self.curriculum is None or (
            not self._ranks and isinstance(self.curriculum.tasks, AllTasks)
        )

    @property
    def learns(self) -> bool:
        """Whether ``observe`` does anything."""
        tasks = self.curriculum.tasks if self.curriculum else None
        return self.mixture.learns or (tasks is not None and tasks.learns)

    def observe(self, step: int, losses: Mapping[int, float]) -> None:
        """Tells mixture and curriculum what the step that was just taken brought.

        :param losses: the mean loss of each task in the batch, by task index; the same on every
            rank.
        """
        if self._latest is None or not self.learns:
            return
        observation = Observation(step, losses, *self._latest)
        self.mixture.observe(observation)
        if self.curriculum is not None:
            self.curriculum.tasks.observe(observation)

    def epochs(self) -> NDArray[np.float64]:
        """How often each task's training set has been seen so far, ``[K]``.

        Draws over training examples; while a curriculum admits a part, that part is seen more.
        """
        return np.asarray(self.drawn / self.statistics.sizes)

    def state_dict(self) -> dict[str, Any]:
        """A few numbers a task, however long it has been drawing: JSON."""
        return {
            "credit": self.credit.tolist(),
            "drawn": self.drawn.tolist(),
            "orders": [order.state_dict() for order in self.orders],
            "mixture": self.mixture.state_dict(),
            "curriculum": self.curriculum.tasks.state_dict() if self.curriculum else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer.

        :raises UserError: if the examples or their order of difficulty are others.
        """
        self.credit = np.array(state["credit"])
        self.drawn = np.array(state["drawn"], dtype=np.int64)
        for name, order, saved in zip(
            self.statistics.names, self.orders, state["orders"], strict=True
        ):
            order.load_state_dict(saved, name)
        self.mixture.load_state_dict(state["mixture"])
        if self.curriculum is not None:
            self.curriculum.tasks.load_state_dict(state["curriculum"])
