"""A bandit over tasks that is paid by their learning progress."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.sampling.observation import Observation
from tasktune.sampling.smoothed import SmoothedLosses

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
        self.time = 0
        self.log_weights = np.zeros(tasks)
        self.losses = SmoothedLosses(tasks, smoothing)
        self.gains: deque[float] = deque(maxlen=REMEMBERED)

    def policy(self) -> NDArray[np.float64]:
        """The bandit's probabilities, ``[K]``, summing to 1."""
        weights = np.exp(self.log_weights - self.log_weights.max())
        even = self.exploration / len(weights)
        return np.asarray((1 - self.exploration) * weights / weights.sum() + even)

    def observe(self, observation: Observation) -> None:
        """Sees a step after it was taken."""
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
            if not np.isnan(self.losses.means[task]):
                fell = self.losses.means[task] - loss
                relative = fell / max(self.losses.first[task], 1e-12)
                gains[task] = float(relative / observation.draws[task])
            self.losses.add({task: loss})
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

    def check(self, steps: int, key: str) -> str | None:
        """What the user should know before a run of ``steps`` steps.

        :param key: the YAML section.
        """
        if self.learning_rate * steps >= 1:
            return None
        return (
            f"{key}.learning_rate: {self.learning_rate:g} can hardly change a rate within"
            f" training.steps {steps}; {1 / steps:.1g} or more can"
        )

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, for the checkpoint: JSON."""
        return {
            "time": self.time,
            "log_weights": self.log_weights.tolist(),
            "losses": self.losses.state_dict(),
            "gains": list(self.gains),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""
        self.time = state["time"]
        self.log_weights = np.array(state["log_weights"])
        self.losses.load_state_dict(state["losses"])
        self.gains = deque(state["gains"], maxlen=REMEMBERED)
