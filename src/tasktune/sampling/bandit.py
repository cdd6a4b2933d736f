"""A bandit over tasks that is paid by their learning progress."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.sampling.observation import Observation

REMEMBERED = 256  # gains that the quantiles are taken over


class Bandit:
    """Exp3.S over tasks, with the loss that a task's examples take away as its gain.

    The policy is ``(1 - e) softmax(w) + e / K``. A task's gain is how far its loss fell below its
    running mean, as a part of its first loss, per example drawn. Gains are rescaled to rewards in
    [-1, 1] between the 20th and 80th percentile of the latest 256, and
    ``w_k <- log((1 - 1/t) exp(w_k + eta r_k) + 1/t mean_{j != k} exp(w_j + eta r_j))``. Graves et
    al. 2017, arXiv 1704.03003.

    There, a step trains one task, and its reward is divided by the chance of that task. Here a step
    draws n_k of n examples from task k, and the mean of the same estimate over the draws is
    ``r_k (n_k / n) / rate_k``.

    :param tasks: their number, K.
    :param learning_rate: eta.
    :param exploration: e, the part of the policy that stays even.
    :param smoothing: the weight of a new loss in the running mean.
    """

    def __init__(
        self, tasks: int, learning_rate: float, exploration: float, smoothing: float
    ) -> None:
        self.learning_rate = learning_rate
        self.exploration = exploration
        self.smoothing = smoothing
        self.time = 0
        self.log_weights = np.zeros(tasks)
        self.first = np.full(tasks, np.nan)
        self.means = np.full(tasks, np.nan)
        self.gains: deque[float] = deque(maxlen=REMEMBERED)

    def policy(self) -> NDArray[np.float64]:
        """The bandit's probabilities, ``[K]``, summing to 1."""
        weights = np.exp(self.log_weights - self.log_weights.max())
        even = self.exploration / len(weights)
        return np.asarray((1 - self.exploration) * weights / weights.sum() + even)

    def observe(self, observation: Observation) -> None:
        gains = self._gains(observation)
        if not gains:
            return
        self.gains.extend(gains.values())
        share = observation.draws / observation.draws.sum()
        rewards = np.zeros(len(self.log_weights))
        for task, gain in gains.items():
            rewards[task] = self._reward(gain) * share[task] / observation.rates[task]
        self._exp3s(rewards)

    def _gains(self, observation: Observation) -> dict[int, float]:
        """The gain per example of each task that was seen before."""
        gains = {}
        for task, loss in observation.losses.items():
            if not np.isfinite(loss) or observation.draws[task] == 0:
                continue
            if np.isnan(self.means[task]):
                self.first[task] = self.means[task] = loss
                continue
            fell = (self.means[task] - loss) / max(self.first[task], 1e-12)
            gains[task] = float(fell / observation.draws[task])
            self.means[task] += self.smoothing * (loss - self.means[task])
        return gains

    def _reward(self, gain: float) -> float:
        low, high = np.quantile(self.gains, [0.2, 0.8])
        if high <= low:
            return 0.0
        return float(np.clip(2 * (gain - low) / (high - low) - 1, -1, 1))

    def _exp3s(self, rewards: NDArray[np.float64]) -> None:
        self.time += 1
        count = len(rewards)
        if count == 1:
            return
        moved = self.log_weights + self.learning_rate * rewards
        weights = np.exp(moved - moved.max())
        mixing = 1 / (self.time + 1)  # 1 / t from t = 2: at 1 a task would get only the others'
        others = (weights.sum() - weights) / (count - 1)
        self.log_weights = np.log((1 - mixing) * weights + mixing * others)

    def state_dict(self) -> dict[str, Any]:
        return {
            "time": self.time,
            "log_weights": self.log_weights.tolist(),
            "first": [None if np.isnan(x) else x for x in self.first.tolist()],
            "means": [None if np.isnan(x) else x for x in self.means.tolist()],
            "gains": list(self.gains),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.time = state["time"]
        self.log_weights = np.array(state["log_weights"])
        self.first = np.array(state["first"], dtype=np.float64)
        self.means = np.array(state["means"], dtype=np.float64)
        self.gains = deque(state["gains"], maxlen=REMEMBERED)
