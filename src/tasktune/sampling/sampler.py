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
from tasktune.sampling.balance import BalancedOrder
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
    :param steps: of the run, for mixtures that have to know how much will be drawn.
    :param groups: the groups that each task's draws are balanced over; ``None`` for none.
    :param max_epochs: how often each task may be gone through, ``[K]``; infinite where absent.
    :raises UserError: if a task's examples are to be both balanced and admitted bit by bit.
    """

    def __init__(
        self,
        names: Sequence[str],
        lengths: Sequence[NDArray[np.int64]],
        mixture: Mixture,
        batch_tokens: int,
        seed: int,
        curriculum: Admission | None = None,
        *,
        steps: int = 0,
        groups: Sequence[list[NDArray[np.int64]] | None] | None = None,
        max_epochs: NDArray[np.float64] | None = None,
    ) -> None:
        self.lengths = list(lengths)
        self.mixture = mixture
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.curriculum = curriculum
        sizes = np.array([len(task) for task in lengths], dtype=np.int64)
        difficulty = curriculum.difficulty if curriculum else None
        mean_length = np.mean([task.mean() for task in self.lengths])
        draws = float(steps * batch_tokens / mean_length)
        self.statistics = TaskStatistics(tuple(names), sizes, difficulty, draws)
        caps = np.full(len(names), np.inf) if max_epochs is None else max_epochs
        self.most = np.ceil(caps * sizes)  # draws of each task
        self.cooling = np.ones(len(names))  # what the monitor multiplies each task's rate by
        self.credit = np.zeros(len(lengths))
        self.drawn = np.zeros(len(lengths), dtype=np.int64)
        easiest_first = curriculum.orders if curriculum else [None] * len(lengths)
        self.orders: list[TaskOrder | BalancedOrder] = [
            TaskOrder(int(size), (seed, k), easiest_first[k]) for k, size in enumerate(sizes)
        ]
        for k, found in enumerate(groups or ()):
            if found is not None and easiest_first[k] is not None:
                raise UserError(
                    f"tasks.{names[k]}.balance: a curriculum decides the order of its examples;"
                    " leave out balance, or the curriculum's pacing"
                )
            if found is not None:
                self.orders[k] = BalancedOrder(found, (seed, k))
        self._ranks = {  # the share of a task's examples that come before each
            k: np.arange(order.size) / order.size
            for k, order in enumerate(self.orders)
            if order.easiest_first is not None
        }
        self.planned = np.zeros(len(names))  # the rates that the last batch was drawn at
        self._latest: NDArray[np.int64] | None = None  # how often it drew each task

    def batch(self, step: int) -> list[Draw]:
        """The examples of the batch of ``step``, for all ranks together, in the order drawn.

        :raises UserError: if the curriculum leaves no task to draw from.
        """
        rates = self.rates(step)
        counts = self.counts(step)
        closed = (rates <= 0) | self.used_up
        before = self.drawn.copy()
        draws: list[Draw] = []
        tokens = 0
        while not closed.all():
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
            closed[task] = self.drawn[task] >= self.most[task]
        self._latest, self.planned = self.drawn - before, rates
        return draws

    def rates(self, step: int) -> NDArray[np.float64]:
        """The rate at which each task is drawn at ``step``, ``[K]``, summing to 1.

        :raises UserError: if the curriculum or ``max_epochs`` leaves no task to draw from.
        """
        rates = self.mixture.rates(step, self.statistics)
        if self.curriculum is not None:
            rates = self.curriculum.tasks.rates(step, rates, self.statistics)
        rates = rates * self.cooling
        total = rates.sum()
        if not total > 0:
            raise UserError(
                f"curriculum.tasks: every task that is open at step {step} has a rate of 0 in the"
                " mixture; open another task or change the mixture"
            )
        used_up = self.used_up
        if not used_up.any():
            return np.asarray(rates / total)
        rates = np.where(used_up, 0.0, rates)
        if not rates.sum() > 0:
            names = ", ".join(np.array(self.statistics.names)[used_up])
            raise UserError(
                f"tasks.*.max_epochs: at step {step} every task that may be drawn is used up"
                f" ({names}); lower training.steps to {step}, or raise max_epochs"
            )
        return np.asarray(rates / rates.sum())

    def counts(self, step: int) -> list[int]:
        """How many of each task's examples are admitted at ``step``, the easiest, ``[K]``."""
        counts = [order.size for order in self.orders]
        if self._ranks and self.curriculum is not None:
            share = self.curriculum.examples.share(step)
            for k, ranks in self._ranks.items():
                counts[k] = int(np.searchsorted(ranks, share))
        return counts

    def admitted(self, step: int, rates: NDArray[np.float64]) -> dict[str, float]:
        """The share of each task's examples that may be drawn at ``step``; 0 for a closed task.

        :param rates: at which tasks are drawn then, ``[K]``.
        """
        found = zip(self.orders, self.counts(step), rates, strict=True)
        shares = [count / order.size if rate > 0 else 0.0 for order, count, rate in found]
        return dict(zip(self.statistics.names, shares, strict=True))

    @property
    def used_up(self) -> NDArray[np.bool_]:
        """Which tasks were gone through as often as ``max_epochs`` lets them, ``[K]``."""
        return np.asarray(self.drawn >= self.most)

    @property
    def is_even(self) -> bool:
        """Whether the first and the last step draw from the same tasks and examples."""
        if np.isfinite(self.most).any():
            return False
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
        observation = Observation(step, losses, self._latest, self.planned)
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
