"""Mean losses over windows of steps: the clock of methods that the papers run by epochs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tasktune.objective.weightings.base import StepTasks
from tasktune.objective.weightings.memory import to_list, to_tensor


class Windows:
    """Each task's mean loss over windows of ``length`` steps; an absent task keeps its last.

    A task that was never there has no mean: it is not a number.

    :param count: K.
    :param keep: how many finished windows are remembered.
    """

    def __init__(self, count: int, length: int, keep: int) -> None:
        self.length = length
        self.keep = keep
        self.means: list[Tensor] = []
        self._sums = torch.zeros(count, dtype=torch.float64)
        self._seen = torch.zeros(count, dtype=torch.float64)
        self._steps = 0

    def add(self, step: StepTasks) -> bool:
        """One more step; whether it ended a window."""
        present = list(step.present)
        losses = step.losses.detach().double().cpu()
        known = torch.isfinite(losses)
        self._sums[present] += torch.where(known, losses, 0)
        self._seen[present] += known.double()
        self._steps += 1
        if self._steps < self.length:
            return False
        last = self.means[-1] if self.means else torch.full_like(self._sums, torch.nan)
        mean = torch.where(self._seen > 0, self._sums / self._seen.clamp_min(1), last)
        self.means = [*self.means, mean][-self.keep :]
        self._sums.zero_()
        self._seen.zero_()
        self._steps = 0
        return True

    def state_dict(self) -> dict[str, Any]:
        """What is remembered."""
        return {
            "means": [to_list(mean) for mean in self.means],
            "sums": self._sums.tolist(),
            "seen": self._seen.tolist(),
            "steps": self._steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""
        self.means = [to_tensor(mean) for mean in state["means"]]
        self._sums = torch.tensor(state["sums"], dtype=torch.float64)
        self._seen = torch.tensor(state["seen"], dtype=torch.float64)
        self._steps = int(state["steps"])
