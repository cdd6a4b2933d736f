"""The sampler: which examples make up the batch of a step.

The batch is a function of the seed, the step and what was drawn before, and of nothing else: not of
worker count, rank count or time. A checkpoint holds two numbers a task, and resume is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.sampling.mixtures import Mixture, TaskStatistics


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

    :param lengths: tokens of each training example, one array a task.
    :param batch_tokens: the budget of a batch; a batch holds as many examples as fit.
    """

    def __init__(
        self,
        names: Sequence[str],
        lengths: Sequence[NDArray[np.int64]],
        mixture: Mixture,
        batch_tokens: int,
        seed: int,
    ) -> None:
        self.lengths = list(lengths)
        self.mixture = mixture
        self.batch_tokens = batch_tokens
        self.seed = seed
        sizes = np.array([len(task) for task in lengths], dtype=np.int64)
        self.statistics = TaskStatistics(tuple(names), sizes)
        self.credit = np.zeros(len(lengths))
        self.drawn = np.zeros(len(lengths), dtype=np.int64)
        self._orders: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def batch(self, step: int) -> list[Draw]:
        """The examples of the batch of ``step``, for all ranks together, in the order drawn."""
        rates = self.mixture.rates(step, self.statistics)
        draws: list[Draw] = []
        tokens = 0
        while True:
            task = int(np.argmax(self.credit + rates))
            example = self._next_example(task)
            tokens += int(self.lengths[task][example])
            if draws and tokens > self.batch_tokens:
                return draws  # the example that did not fit is the next batch's first of its task
            draws.append(Draw(task, example))
            self.credit += rates
            self.credit[task] -= 1
            self.drawn[task] += 1

    def epochs(self) -> NDArray[np.float64]:
        """How often each task's training set has been seen so far, ``[K]``."""
        return np.asarray(self.drawn / self.statistics.sizes)

    def _next_example(self, task: int) -> int:
        size = int(self.statistics.sizes[task])
        epoch, position = divmod(int(self.drawn[task]), size)
        known_epoch, order = self._orders.get(task, (-1, np.empty(0, dtype=np.int64)))
        if known_epoch != epoch:
            order = np.random.default_rng([self.seed, task, epoch]).permutation(size)
            self._orders[task] = (epoch, order)
        return int(order[position])

    def state_dict(self) -> dict[str, Any]:
        return {
            "credit": self.credit.tolist(),
            "drawn": self.drawn.tolist(),
            "mixture": self.mixture.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.credit = np.array(state["credit"])
        self.drawn = np.array(state["drawn"], dtype=np.int64)
        self.mixture.load_state_dict(state["mixture"])
